// Where the columns and tracks of one scene stand, once its heights and ways are known.
// Mirrors graphspec/render/across.py.

import { joined, moved } from "./picture.js";

export class Across {
  constructor(plan) {
    [this.plan, this.columns, this.sizes] = [plan, plan.columns, plan.sizes];
    this.tracks = new Map();
    this.layTracks();
    this.spans = this.columns.stacks.map((_, column) => this.span(column));
    this.xs = this.spreadColumns();
  }

  // -- across -----------------------------------------------------------------------------------------------------------

  /** Give every lane an offset from its head's column: short ones inside long ones; one for what forks there. */
  layTracks() {
    const shared = new Map();
    for (const route of this.plan.routes) {
      if (!["lane", "round", "tie"].includes(route.form)) continue;
      const { tail, out } = route.wire;
      const key = [this.plan.column(route), this.plan.trackSide(route), tail, out, route.kind].join("\n");
      shared.set(key, [...(shared.get(key) ?? []), route]);
    }
    const groups = [...shared.values()].map((group) => ({ group, ...this.interval(group) }));
    groups.sort((a, b) => a.high - a.low - (b.high - b.low));
    for (const { group, low, high } of groups) this.layTrack(group, low, high);
  }

  interval(group) {
    const heights = group.flatMap((route) => [this.plan.start(route), this.plan.turn(route)]);
    return { low: Math.min(...heights), high: Math.max(...heights) };
  }

  layTrack(group, low, high) {
    const [column, side] = [this.plan.column(group[0]), this.plan.trackSide(group[0])];
    const { TRACK, LABEL, CLEAR } = this.sizes;
    const beside = this.tracksOf(column, side).filter(([a, b]) => a < high + 4 && b > low - 4);
    const labelled = group[0].kind === "tie" || this.passesLabel(column, side, low, high);
    const room = labelled ? LABEL : CLEAR;
    const reach = this.itemsReach(column, side, low, high) + room;
    const offset = Math.max(reach, room, ...beside.map(([, , taken]) => taken + TRACK));
    this.tracksOf(column, side).push([low, high, offset]);
    for (const route of group) route.offset = offset;
  }

  tracksOf(column, side) {
    const key = `${column} ${side}`;
    if (!this.tracks.has(key)) this.tracks.set(key, []);
    return this.tracks.get(key);
  }

  /** Whether between two heights a line comes in that has a label beside the column. */
  passesLabel(column, side, low, high) {
    return this.plan.routes.some(
      ({ labelled, wire, side: own, y }) =>
        labelled && wire.tail && own === side && low <= y && y <= high && this.columns.columnOf(wire.head) === column,
    );
  }

  /** How far the items of a column reach to a side between two heights. */
  itemsReach(column, side, low, high) {
    let most = -Infinity;
    for (const name of this.columns.stacks[column]) {
      const near = this.plan.top(name) > low - 4 && this.plan.bottoms.get(name) < high + 4;
      if (near) most = Math.max(most, this.half(name, side));
    }
    return most;
  }

  /** How far the items and tracks of a column reach to a side between two heights. */
  reach(column, side, low, high) {
    const tracks = this.tracksOf(column, side).filter(([a, b]) => a < high && b > low);
    const [first, last] = this.spans[column];
    const stem = first < high && last > low ? 0 : -Infinity;
    return Math.max(this.itemsReach(column, side, low, high), stem, ...tracks.map(([, , offset]) => offset));
  }

  /** Each column beside those further in, as near as what stands at the same heights lets it. */
  spreadColumns() {
    const xs = [0];
    for (let column = 1; column < this.columns.stacks.length; column++) {
      const side = this.columns.sides[column];
      const [low, high] = this.spans[column];
      const inner = xs.map((_, other) => other).filter((other) => [0, side].includes(this.columns.sides[other]));
      const reached = inner.map((other) => Math.abs(xs[other]) + this.apart(column, other, side));
      for (const other of inner.filter((other) => this.columns.joined(column).has(other))) {
        reached.push(Math.abs(xs[other]) + this.sizes.GUTTER + this.reach(column, -side, low, high));
      }
      xs.push(side * (reached.length ? Math.max(...reached) : 0));
    }
    return xs;
  }

  /** How far a column must be from one further in, so that nothing of one is near anything of the other. */
  apart(column, other, side) {
    const { CLEAR, GUTTER } = this.sizes;
    const parts = [[...this.spans[column], 0], ...this.tracksOf(column, -side)];
    for (const name of this.columns.stacks[column]) {
      parts.push([this.plan.bottoms.get(name), this.plan.top(name), this.half(name, -side)]);
    }
    const rooms = parts.map(([low, high, reach]) => this.reach(other, side, low - CLEAR, high + CLEAR) + reach);
    return Math.max(...rooms) + GUTTER;
  }

  /** From where to where a column and its lines reach. */
  span(column) {
    const { plan, columns } = this;
    const heights = columns.stacks[column].flatMap((name) => [plan.bottoms.get(name), plan.top(name)]);
    for (const route of plan.routes) {
      const { tail, head } = route.wire;
      if (!tail) continue;
      const inside = columns.columnOf(tail) === column;
      if (!inside && columns.columnOf(head) !== column) continue;
      if (inside || ["under", "lane", "tie"].includes(route.form)) heights.push(plan.start(route));
      if (!inside || route.form === "over" || route.form === "round") heights.push(plan.turn(route));
    }
    return [Math.min(...heights), Math.max(...heights)];
  }

  // -- ways -------------------------------------------------------------------------------------------------------------

  x(name) {
    return this.xs[this.columns.columnOf(name)];
  }

  /** The whole way of a route, from the outside of its tail to the inside of its head. */
  way(route) {
    const { head } = route.wire;
    const end = this.entryPoint(route);
    const rest = moved(route.rest, this.x(head), this.plan.bottoms.get(head));
    return joined(this.start(route), this.turns(route, end), [end], rest);
  }

  /** Where a route meets its head, or the frame around it. */
  entryPoint({ wire: { head }, rest, side, y }) {
    if (rest.length) return [this.x(head) + rest[0][0], y];
    return [this.x(head) + (side ? side * this.half(head, side) : 0), y];
  }

  half(name, side) {
    const { left, right } = this.plan.kids.get(name);
    return side > 0 ? right : left;
  }

  start(route) {
    const { tail } = route.wire;
    if (!tail) return [];
    if (route.form !== "tie" && route.form !== "level") return this.exitPoints(route.wire);
    const side = this.plan.tailSide(route);
    return [[this.x(tail) + side * this.half(tail, side), this.plan.start(route)]];
  }

  /** From the item itself to where the wire leaves it, or its container. */
  exitPoints(wire) {
    const end = this.plan.exit(wire);
    const x = this.x(wire.tail);
    return end ? moved(end.points, x, this.plan.bottoms.get(wire.tail)) : [[x, this.plan.top(wire.tail)]];
  }

  turns(route, end) {
    if (route.form === "outside" || route.form === "level") return [];
    const x = this.start(route).at(-1)[0];
    const level = this.plan.start(route);
    if (route.form === "over") return [[x, route.y]];
    if (route.form === "under") return [[x, level], [end[0], level]];
    const track = this.xs[this.plan.column(route)] + this.plan.trackSide(route) * route.offset;
    const turn = this.plan.turn(route);
    return [[x, level], [track, level], [track, turn], [turn === end[1] ? track : end[0], turn]];
  }
}
