// By which way each wire of one scene goes, once all heights are known; what is beside what comes later.
// Mirrors graphspec/render/plan.py, where the forms of routes are told.

import { Heights } from "./heights.js";
import { pairs } from "./picture.js";
import { wireOf } from "./scene.js";

const SPREAD = 8;
const EDGE = 6;

/** Heights and ways in one scene. */
export class Plan extends Heights {
  constructor(columns, kids, lanes, sizes, least, apart) {
    super(columns, kids, lanes, sizes, least, apart);
    this.routes = this.waysOfAll();
  }

  /** The same with items further up; what stands in the way beside its reader is no longer put there. */
  pushed(higher) {
    const least = [...higher].filter(([name]) => !this.beside.has(name));
    const apart = [...higher.keys()].filter((name) => this.beside.has(name));
    const [all, away] = [new Map([...this.least, ...least]), new Set([...this.apart, ...apart])];
    return new Plan(this.columns, this.kids, this.lanes, this.sizes, all, away);
  }

  /** The height at which a route leaves its tail's column. */
  start(route) {
    if (route.form === "level") return route.y;
    return route.form === "tie" ? this.middle(route.wire.tail) + route.lift : this.level(route.wire);
  }

  /** The side of its tail at which a tie or a level route leaves. */
  tailSide({ wire, side }) {
    return this.columns.columnOf(wire.tail) === this.columns.columnOf(wire.head) ? side : -side;
  }

  /** The column beside which a route has its track. */
  column({ form, wire }) {
    return this.columns.columnOf(form === "round" ? wire.tail : wire.head);
  }

  trackSide(route) {
    return route.form === "round" ? this.exitSide(route.wire) : route.side;
  }

  /** The height at which a route turns towards its head: that of its end, or just below its head. */
  turn({ side, form, y }) {
    return side || form !== "round" ? y : y - this.sizes.GAP / 2;
  }

  // -- routes -----------------------------------------------------------------------------------------------------------

  /** Every wire to an item, then every tie. */
  waysOfAll() {
    const found = this.columns.scene.wires.filter(({ head }) => head).flatMap((wire) => [...this.ways(wire)]);
    this.spread(found);
    const ties = [...this.ties()];
    for (const tie of ties) {
      tie.lift = this.free(tie.wire.tail, this.tailSide(tie), found);
      tie.y += this.free(tie.wire.head, tie.side, found);
    }
    return [...found, ...ties];
  }

  /** How far from the middle of an item's side no line comes in. */
  free(name, side, routes) {
    const own = routes.filter(({ wire, side: at }) => wire.head === name && at === side);
    const taken = own.map(({ y }) => y - this.middle(name));
    const clear = (way) => taken.every((y) => Math.abs(way - y) >= SPREAD / 2);
    return [0, SPREAD, -SPREAD, 2 * SPREAD].find(clear) ?? 0;
  }

  *ways(wire) {
    const kind = wire.memory ? "memory" : "data";
    const bottom = this.bottoms.get(wire.head);
    for (const [port, end] of this.kids.get(wire.head).entries) {
      if (port !== wire.port) continue;
      const [path, y] = [end.path, bottom + end.points[0][1]];
      yield this.formed(routeOf(wire, kind, path, end.side, y, end.points, { arrow: end.arrow, labelled: end.labelled }));
    }
    if (this.columns.items.get(wire.head).inner) return;
    const side = this.sideOf(wire);
    const y = side ? this.middle(wire.head) : bottom;
    yield this.formed(routeOf(wire, kind, "", side, y, [], { labelled: this.isLabelled(wire) }));
  }

  /** Whether a wire brings an attention both keys and values, and must say so. */
  isLabelled(wire) {
    const memories = this.columns.to.get(wire.head).filter(({ memory }) => memory);
    return memories.length === 1 && memories[0] === wire && this.columns.items.get(wire.head).kind === "cross";
  }

  formed(route) {
    const { wire } = route;
    if (!wire.tail) route.form = "outside";
    else if (this.leavesAway(wire)) route.form = "round";
    else if (route.side) {
      const [column, at] = this.columns.place.get(wire.tail);
      const near = Math.abs(route.y - this.middle(wire.tail)) < this.kids.get(wire.tail).height / 2 - EDGE - SPREAD;
      if (this.beside.has(wire.tail) && near) {
        route.form = "level";
        return route;
      }
      const last = at === this.columns.stacks[column].length - 1 && !this.forks(wire.tail);
      const away = this.columns.columnOf(wire.head) !== column && !this.leavesSideways(wire);
      route.form = last && away && route.y >= this.top(wire.tail) + 4 ? "over" : "lane";
      if (route.kind === "data" && !away) route.kind = "residual";
    }
    return route;
  }

  /** From where a wire enters a box. */
  sideOf(wire) {
    if (!wire.tail) return this.columns.sides[this.columns.columnOf(wire.head)] || this.columns.sources[wire.out];
    if (this.fromBelow(wire)) return 0;
    const order = this.columns.order(wire);
    if (this.leavesAway(wire) && order === 0) return this.exitSide(wire);
    return order || (wire.memory ? -this.lanes : this.laneSide(wire, this.level(wire)));
  }

  /** The emptier side for a line that goes round items of its own column. */
  laneSide(wire, low, preferred = 0) {
    const column = this.columns.columnOf(wire.head);
    const side = this.columns.sides[column] || preferred || this.lanes;
    const high = this.middle(wire.head) + 1;
    return this.crowd(column, -side, low, high) < this.crowd(column, side, low, high) ? -side : side;
  }

  /** How many items of other columns, and entries of containers, there are on a side between two heights. */
  crowd(column, side, low, high) {
    const { stacks, sides, to } = this.columns;
    let count = 0;
    stacks.forEach((stack, other) => {
      if (other === column || (sides[other] || -side) !== side) return;
      count += stack.filter((name) => this.top(name) > low && this.bottoms.get(name) < high).length;
    });
    for (const name of stacks[column]) {
      for (const [, end] of this.kids.get(name).entries) {
        const y = this.bottoms.get(name) + end.points[0][1];
        if (end.side === side && low < y && y < high) count++;
      }
      const middle = this.middle(name);
      const outside = to.get(name).filter(({ tail }) => !tail);
      count += outside.filter((wire) => this.sideOf(wire) === side && low < middle && middle <= high).length;
    }
    return count;
  }

  /** Lines that enter a box at one side: those from further below are higher, memories with labels highest. */
  spread(routes) {
    const groups = new Map();
    for (const route of routes) {
      if (!route.side || this.form(route.wire.head) !== "box") continue;
      const key = `${route.side} ${route.wire.head}`;
      groups.set(key, [...(groups.get(key) ?? []), route]);
    }
    for (const group of groups.values()) {
      const from = new Map(group.map((route) => [route, route.wire.tail ? -this.start(route) : 0]));
      group.sort((a, b) => (a.kind === "memory") - (b.kind === "memory") || from.get(a) - from.get(b));
      group.forEach((route, at) => (route.y += (at - (group.length - 1) / 2) * SPREAD));
    }
  }

  /** Lines between items that learn one tensor: within columns, and from column to column. */
  *ties() {
    for (const [tail, head] of chains(this.columns)) {
      const wire = wireOf(tail, "", head, "");
      const low = Math.min(this.middle(tail), this.middle(head));
      const alone = this.columns.stacks.length === 1;
      const side = this.columns.order(wire) || this.laneSide(wire, low, alone ? -this.lanes : 0);
      yield routeOf(wire, "tie", "", side, this.middle(head), [], { arrow: false, form: "tie" });
    }
  }
}

function routeOf(wire, kind, headPath, side, y, rest, more) {
  return { wire, kind, headPath, side, y, rest, arrow: true, labelled: false, form: "under", offset: 0, lift: 0, ...more };
}

function* chains(columns) {
  const groups = new Map();
  for (const [owner, other] of columns.scene.ties) groups.set(owner, [...(groups.get(owner) ?? [owner]), other]);
  const before = (a, b) => {
    const [[c, i], [d, j]] = [columns.place.get(a), columns.place.get(b)];
    return c - d || i - j;
  };
  for (const names of groups.values()) {
    const byColumn = new Map();
    for (const name of [...new Set(names)].sort(before)) {
      const column = columns.columnOf(name);
      byColumn.set(column, [...(byColumn.get(column) ?? []), name]);
    }
    for (const stack of byColumn.values()) yield* pairs(stack);
    yield* pairs([...byColumn.values()].map(([first]) => first));
  }
}
