// The inside of a repeat: one scene if all turns look alike, else the different ones in a row.
// Mirrors graphspec/render/turns.py.

import { look, wireOf } from "./scene.js";

const MOST_TURNS = 6;

/** How often a repeat is gone through, and what is drawn in it. `scene` draws a body at some places. */
export function turnsOf(inside, keys, bodies, scene) {
  return new Turns(inside, keys, bodies, scene).of();
}

/** The distinct bodies within a block, each with what leads there from the block's key. */
export function waysInto(inside) {
  const numbers = [...new Set(inside.runs.flatMap((run) => run.bodies))];
  return numbers.map((number, at) => [number, numbers.length > 1 ? `#${at}/` : "/"]);
}

class Turns {
  constructor(inside, keys, bodies, scene) {
    this.inside = inside;
    this.bodies = bodies;
    this.scene = scene;
    this.ways = new Map(waysInto(inside).map(([number, way]) => [number, keys.map((key) => key + way)]));
    this.looks = new Map();
  }

  look(number) {
    if (!this.looks.has(number)) this.looks.set(number, look(this.scene(number, this.ways.get(number))));
    return this.looks.get(number);
  }

  of() {
    const runs = this.runs();
    if (runs.length > 1) return ["", row(runs.map((run) => this.part(run)), this.inside.entry)];
    const [{ groups, count }] = runs;
    const times = groups.length > 1 ? `× ${count}` : this.times(count);
    return [times + (this.inside.shared ? ", shared" : ""), this.within(runs[0])];
  }

  times(count) {
    return this.inside.symbol ? `× ${this.inside.symbol} = ${count}` : `× ${count}`;
  }

  /** The runs of the repeat; bodies that look alike are one group, with the turns that they take. */
  runs() {
    const found = [];
    this.inside.runs.forEach((run, number) => {
      const made = this.alike(run, number);
      const before = found.at(-1);
      const lone = made.groups.length === 1 && before?.groups.length === 1;
      if (lone && this.look(before.groups[0].bodies[0]) === this.look(made.groups[0].bodies[0])) {
        found.pop();
        made.count += before.count;
        made.groups = [merged([before.groups[0], made.groups[0]])];
      }
      found.push(made);
    });
    return found;
  }

  alike(run, number) {
    const places = run.bodies.map((body, at) => ({ bodies: [body], turns: [`${number},${at}`] }));
    const looks = run.bodies.length > 1 ? run.bodies.map((body) => this.look(body)) : [""];
    if (new Set(looks).size === 1) return { groups: [merged(places)], count: run.count * places.length };
    const alike = (own) => run.bodies.filter((_, at) => looks[at] === own);
    const groups = places.map(({ turns }, at) => ({ bodies: [...new Set(alike(looks[at]))], turns }));
    return { groups, count: run.count };
  }

  within({ groups }) {
    return groups.length === 1 ? this.one(groups[0]) : this.inOrder(groups);
  }

  one(group) {
    const scene = this.scene(group.bodies[0], group.bodies.flatMap((body) => this.ways.get(body)));
    for (const item of scene.items) item.bodies = group.bodies;
    return scene;
  }

  inOrder(groups) {
    return row(groups.map((group) => this.part({ groups: [group], count: 1 })), this.inside.entry);
  }

  /** Some turns as a container. */
  part({ groups, count }) {
    const title = this.bodies[groups[0].bodies[0]].title;
    const turns = new Set(groups.flatMap((group) => group.turns));
    return container({ title, times: count > 1 ? `× ${count}` : "", inner: this.within({ groups }), turns });
  }
}

function merged(groups) {
  const bodies = [...new Set(groups.flatMap((group) => group.bodies))];
  return { bodies, turns: groups.flatMap((group) => group.turns) };
}

function container(parts) {
  return {
    name: "", form: "container", kind: "", title: "", mark: "", glyph: [], shape: "", learned: "", note: "", names: [], group: "",
    times: "", inner: null, prefixes: [], bodies: [], level: 0, turns: null, openable: false, ...parts,
  };
}

/** Containers one after another: what one gives the next reads, through the input `entry`; others are everyone's. */
export function row(parts, entry) {
  const named = shortened(parts).map((part, at) => ({ ...part, name: `[${at}]` }));
  const wires = [];
  let [before, out] = [entry, ""];
  for (const part of named) {
    const [first, others, result] = ends(part);
    wires.push(wireOf(before, out, part.name, first));
    for (const [port, memory] of others) wires.push(wireOf("", port, part.name, port, memory));
    [before, out] = [part.name, result];
  }
  wires.push(wireOf(before, out, "", ""));
  const point = container({ name: entry, form: "point" });
  return { items: [point, ...named], wires, ties: [], entry, ends: [] };
}

function shortened(parts) {
  if (parts.length <= MOST_TURNS) return parts;
  const hidden = parts.slice(MOST_TURNS - 2, -1);
  const turns = new Set(hidden.flatMap((part) => [...part.turns]));
  const title = `… ${parts.length - MOST_TURNS + 1} more …`;
  return [...parts.slice(0, MOST_TURNS - 2), container({ form: "text", title, turns }), parts.at(-1)];
}

/** A container's first input, its other inputs, and its first output. */
function ends({ inner }) {
  if (!inner) return ["", [], ""];
  const others = new Map();
  for (const { tail, out, memory } of inner.wires) if (!tail) others.set(`${out}\n${memory}`, [out, memory]);
  const first = inner.wires.find(({ head }) => !head);
  return [inner.entry, [...others.values()], first ? first.port : ""];
}
