// Lays out what comes in as JSON with the page's own scripts: [{facts, depth, direction, contract}, …] → [picture, …].

import { readFileSync } from "node:fs";

const web = new URL("../../graphspec/page/web/", import.meta.url);
const { Scenes } = await import(new URL("scenes.js", web));
const { pictureOf } = await import(new URL("place.js", web));
const { painted } = await import(new URL("paint.js", web));

function laidOut({ facts, depth, direction, contract }) {
  const opens = (key, inside, level) => (depth === null ? inside.opened : level < depth && inside.kind !== "experts");
  const scene = new Scenes(facts.bodies, opens).model(facts.model);
  const picture = pictureOf(scene, facts.look.heading, direction, facts.measures);
  const { width, height, pieces } = contract === null ? picture : painted(picture, scene, facts.contracts[contract]);
  return { width, height, pieces: pieces.map(plain) };
}

/** A piece without what only the page needs. */
function plain({ item, ...piece }) {
  if (!item) return piece;
  const { form, kind, title, mark, glyph, times, learned, shape, note, names } = item;
  return { ...piece, item: { form, kind, title, mark, glyph, times, learned, shape, note, names } };
}

const asked = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(asked.map(laidOut)));
