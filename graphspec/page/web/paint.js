// A placed diagram with the path of a refuted contract painted: the boxes on it, and the lines between them.
// Mirrors graphspec/render/paint.py.

import { pairs, same } from "./picture.js";
import { whole } from "./places.js";

/** The same picture, the path of the contract red. */
export function painted(picture, scene, contract) {
  const paint = new Paint(picture.pieces, [...stopsOf(scene, contract.trails)], contract.output);
  return { ...picture, pieces: [...paint.pieces()] };
}

// -- boxes --------------------------------------------------------------------------------------------------------------

/** From the output to the input, what is drawn of each node on the path; what stands in one box comes once. */
function* stopsOf(scene, trails) {
  let last = null;
  for (const { nodes, leaps } of trails) {
    for (const path of shown(scene, nodes, "")) {
      if (last?.path === path) {
        last.leaps ||= leaps;
        continue;
      }
      if (last) yield last;
      last = { path, leaps };
    }
  }
  if (last) yield last;
}

/** Where the node at the end of a trail is seen: the innermost thing around it that is drawn. */
function* shown(scene, [[name, turn], ...rest], path) {
  const item = standingFor(name, scene.items);
  if (!item) return;
  const here = path + item.name;
  if (!item.inner || !rest.length) yield here;
  else yield* within(item, turn, rest, here);
}

/** In a container; where turns are drawn one after another, in the one that stands for the turn in question. */
function* within(item, turn, rest, here) {
  if (!item.inner) {
    yield here;
    return;
  }
  const parts = item.inner.items.filter(({ turns }) => turns?.size);
  if (!parts.length) yield* shown(item.inner, rest, `${here}/`);
  for (const part of parts) {
    if (turn && part.turns.has(`${turn[0]},${turn[1]}`)) yield* within(part, turn, rest, `${here}/${part.name}`);
  }
}

/** The item that stands for a node; a part of an expression is with the rest of it. */
function standingFor(name, items) {
  const exact = items.find(({ names }) => names.includes(name));
  return exact ?? items.find(({ names }) => names.some((other) => whole(other) === whole(name)));
}

// -- lines --------------------------------------------------------------------------------------------------------------

class Paint {
  constructor(pieces, stops, output) {
    this.plain = pieces;
    this.stops = stops;
    this.dots = new Set(pieces.filter(({ type }) => type === "dot").map(({ path }) => path));
    this.lines = pieces.filter(({ type, kind }) => type === "line" && kind !== "tie");
    this.boxes = new Map();
    for (const { path, leaps } of stops) {
      this.boxes.set(path, leaps || this.boxes.get(path) === "leap" ? "leap" : "path");
    }
    const ways = pairs(stops).flatMap(([head, tail]) => this.way(head, tail));
    this.ways = new Set([...ways, ...this.results(output)]);
  }

  /** Painted lines last, so that none lies under a plain one. */
  *pieces() {
    const heads = new Set([...this.ways].map(({ head }) => head));
    const forks = new Set([...this.ways].flatMap(({ tail, head }) => [tail, head]));
    for (const piece of this.plain) {
      const solid = piece.type === "box" || piece.type === "frame";
      const isEnd = piece.type === "box" && piece.item.form === "text" && heads.has(piece.path);
      if (solid && this.boxes.has(piece.path)) yield { ...piece, paint: this.boxes.get(piece.path) };
      else if (isEnd || (piece.type === "dot" && (forks.has(piece.path) || this.beginsAt(piece)))) {
        yield { ...piece, paint: "path" };
      } else if (!this.ways.has(piece)) yield piece;
    }
    for (const line of this.ways) {
      yield* this.stem(line);
      yield { ...line, paint: "path" };
    }
  }

  /** The lines from one stop to the one before it, through nothing but points at which values fork. */
  way(head, tail) {
    const waiting = this.lines.filter((line) => isAt(line.tail, tail.path)).map((line) => [line]);
    const seen = new Set();
    for (let at = 0; at < waiting.length; at++) {
      const last = waiting[at].at(-1);
      if (isAt(last.head, head.path)) return waiting[at];
      if (!this.dots.has(last.head) || seen.has(last)) continue;
      seen.add(last);
      waiting.push(...this.lines.filter((line) => line.tail === last.head).map((line) => [...waiting[at], line]));
    }
    return [];
  }

  /** The lines from the first stop to the output that the path starts from. */
  results(output) {
    const wanted = (head) => (output ? head === `→${output}` : head.startsWith("→"));
    return this.lines.filter(({ tail, head }) => this.stops.length && wanted(head) && isAt(tail, this.stops[0].path));
  }

  // -- the piece that lines that fork share -----------------------------------------------------------------------------

  beginsAt({ x, y }) {
    return [...this.ways].some(({ points }) => same(points[0], [x, y]));
  }

  /** A line that begins at a fork: what leads there from its box, which another line shows. */
  *stem(line) {
    const fork = line.points[0];
    const stems = this.lines.filter(({ tail, points }) => tail === line.tail && !same(points[0], fork));
    const start = stems.find(({ points }) => liesOn(fork, points))?.points[0];
    if (start) yield { ...line, points: [start, fork], arrow: false, paint: "path" };
  }
}

/** Whether a line ends at an item, or within it. */
function isAt(end, path) {
  return end === path || end.startsWith(`${path}/`);
}

/** Whether a point lies on the first piece of a way. */
function liesOn([x, y], [[x0, y0], [x1, y1]]) {
  const between = (value, a, b) => Math.min(a, b) <= value && value <= Math.max(a, b);
  return (y0 === y1 && y1 === y && between(x, x0, x1)) || (x0 === x1 && x1 === x && between(y, y0, y1));
}
