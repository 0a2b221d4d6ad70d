// Bodies → the scene that is drawn, given which blocks are open.
//
// A thing in a scene knows its places: `prefixes` are the ways to the bodies in which it stands, one for each turn of a
// repeat that looks alike. A block is open or closed under its key, which is a prefix and its name.

import { wireOf } from "./scene.js";
import { turnsOf } from "./turns.js";

export const MOST_ITEMS = 6000;

/**
 * Chooses what is shown. `opening` answers for a block's key, what is in it by default, and its level. Beyond a number of
 * things blocks stay closed; `full` says so.
 */
export class Scenes {
  constructor(bodies, opening) {
    this.bodies = bodies;
    this.opening = opening;
    this.drawn = 0;
  }

  model(number) {
    this.drawn = 0;
    this.full = false;
    return this.body(number, [""], 0);
  }

  body(number, prefixes, level) {
    const body = this.bodies[number];
    const open = this.openGroups(body, prefixes, level);
    const slots = body.slots.filter((slot) => !slot.when || (slot.when === "open") === open.has(slot.group));
    this.drawn += slots.length;
    const items = slots.map((slot) => this.item(slot, number, prefixes, level));
    const names = new Set(items.map((item) => item.name));
    return {
      items,
      wires: [
        ...slots.flatMap((slot) => slot.wires.map(([tail, out, port, memory]) => wireOf(tail, out, slot.name, port, memory))),
        ...body.outs.filter(() => !body.ends.length).map(([tail, out, port]) => wireOf(tail, out, "", port)),
      ],
      ties: body.ties.filter(([owner, other]) => names.has(owner) && names.has(other)),
      entry: body.entry,
      ends: body.ends,
    };
  }

  openGroups(body, prefixes, level) {
    const open = new Set();
    for (const slot of body.slots) {
      const opens = (prefix) => this.opening(prefix + slot.group, slot.inside, level);
      if (!slot.inside || !prefixes.some(opens)) continue;
      if (this.drawn < MOST_ITEMS) open.add(slot.group);
      else this.full = true;
    }
    return open;
  }

  item(slot, number, prefixes, level) {
    const { name, form, kind = "", title = "", mark = "", glyph = [], shape = "", learned = "", note = "", names, group = "" } = slot;
    const item = { name, form, kind, title, mark, glyph, shape, learned, note, names, group, times: "", inner: null };
    Object.assign(item, { prefixes, bodies: [number], level, turns: null, openable: slot.when === "closed" });
    if (slot.inside) Object.assign(item, this.within(slot, prefixes, level));
    return item;
  }

  /** What an open block shows, and how often that is gone through. */
  within({ name, inside }, prefixes, level) {
    const keys = prefixes.map((prefix) => prefix + name);
    if (inside.kind === "repeat") {
      const [times, inner] = turnsOf(inside, keys, this.bodies, (number, ways) => this.body(number, ways, level + 1));
      return { times, inner };
    }
    const ways = keys.map((key) => `${key}/`);
    return { times: inside.times, inner: this.body(inside.runs[0].bodies[0], ways, level + 1) };
  }
}
