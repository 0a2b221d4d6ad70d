// A laid-out scene as pieces to draw, and the ends at which the scene around it goes on.
// Mirrors graphspec/render/pieces.py.

import { LEFT, RIGHT } from "./columns.js";
import { corners, joined, movedPiece } from "./picture.js";

const [MEMORY_LABEL, TIE_LABEL] = ["K, V", "tied"];

/** Collects the pieces of one scene. */
export class Pieces {
  /** `sides` are those to which outputs go that do not leave at the top. */
  constructor(across, path, sides) {
    [this.across, this.plan, this.columns] = [across, across.plan, across.plan.columns];
    [this.path, this.sides] = [path, sides];
    [this.scene, this.sizes] = [this.columns.scene, this.plan.sizes];
    this.marks = new Map(this.plan.routes.filter(isResidual).map(({ wire, side }) => [wire.head, side]));
    this.dotted = [...this.plan.kids.keys()].filter((name) => this.plan.forks(name) || this.handsOn(name));
    this.entries = [];
    this.exits = [];
  }

  placed() {
    const { plan, scene } = this;
    const pieces = [...plan.kids.keys()].flatMap((name) => [...this.kid(name)]);
    pieces.push(...this.dotted.map((name) => dot(this.dotPath(name), this.fork(name))));
    if (this.dotted.includes(scene.entry)) this.entries.push([scene.entry, this.entryEnd()]);
    for (const route of plan.routes) pieces.push(...this.route(route));
    let height = 0;
    for (const name of plan.kids.keys()) height = Math.max(height, plan.top(name));
    for (const piece of pieces) for (const [, y] of corners(piece)) height = Math.max(height, y);
    scene.wires.filter(({ head }) => !head).forEach((wire, at) => {
      if (wire.tail) this.exits.push([wire.port, this.exit(wire, at === 0)]);
      else pieces.push(this.handThrough(wire, (height += this.sizes.FORK)));
    });
    const { left, right } = sidesOf(pieces);
    return { left, right, height, pieces, entries: this.entries, exits: this.exits };
  }

  entryEnd() {
    const fork = this.fork(this.scene.entry);
    return endOf(this.path + this.scene.entry, 0, [[fork[0], 0], fork], false);
  }

  // -- items ------------------------------------------------------------------------------------------------------------

  *kid(name) {
    const [x, y] = [this.across.x(name), this.plan.bottoms.get(name)];
    for (const piece of this.plan.kids.get(name).pieces) {
      const isBox = piece.type === "box";
      if (isBox && piece.item.form === "point") continue;
      const placed = movedPiece(piece, x, y);
      if (isBox && this.marks.has(name) && piece.item.mark) placed.side = this.marks.get(name);
      yield placed;
    }
  }

  handsOn(name) {
    return name === this.scene.entry && !this.plan.outgoing.get(name).every(({ head }) => head);
  }

  dotPath(name) {
    return this.path + name + (name === this.scene.entry ? "" : "•");
  }

  fork(name) {
    const [wire] = this.plan.outgoing.get(name);
    return [this.across.exitPoints(wire).at(-1)[0], this.plan.level(wire)];
  }

  // -- lines ------------------------------------------------------------------------------------------------------------

  *route(route) {
    const { wire } = route;
    const way = this.across.way(route);
    const head = route.headPath || this.path + wire.head;
    if (route.form === "outside") {
      this.entries.push([wire.out, this.fromOutside(route, head, way)]);
    } else if (wire.tail === this.scene.entry && !this.dotted.includes(wire.tail)) {
      this.entries.push([wire.tail, endOf(head, 0, way, route.arrow)]);
    } else {
      const points = route.form === "tie" ? way : this.fromFork(wire, way);
      yield { type: "line", tail: this.tailPath(wire), head, points, kind: route.kind, arrow: route.arrow, paint: "" };
      yield* this.labels(route, points);
    }
  }

  /** A container's first input, read from beside it, comes across just below it. */
  fromOutside({ side, arrow, labelled }, head, way) {
    if (side) return endOf(head, side, way, arrow, labelled);
    const [x, y] = way[0];
    return endOf(head, -this.plan.lanes, joined([[x, y - this.sizes.GAP / 2]], way), arrow, labelled);
  }

  tailPath(wire) {
    return this.plan.exit(wire)?.path ?? this.path + wire.tail;
  }

  /** Of the lines that fork, the first shows the stem; the others begin at the fork. */
  fromFork(wire, way) {
    const forks = wire.tail && this.plan.forks(wire.tail) && !this.plan.leavesSideways(wire);
    if (!forks || this.hasStem(wire)) return way;
    const fork = this.fork(wire.tail);
    const beyond = way.findIndex(([x, y]) => y > fork[1] || x !== fork[0]);
    return joined([fork], way.slice(Math.max(beyond, 0)));
  }

  hasStem(wire) {
    const inside = this.plan.outgoing.get(wire.tail).filter(({ head }) => head);
    const first = inside.find((other) => this.columns.isStraight(other)) ?? inside[0];
    return wire === first && wire.tail !== this.scene.entry;
  }

  *labels(route, way) {
    if (route.labelled) {
      const [x, y] = this.across.entryPoint(route);
      yield { type: "label", text: MEMORY_LABEL, kind: "memory", x: x + route.side * 13, y };
    }
    if (route.kind === "tie") {
      const [[x0, y], [x1]] = way.slice(-2);
      yield { type: "label", text: TIE_LABEL, kind: "tie", x: (x0 + x1) / 2, y };
    }
  }

  // -- ends -------------------------------------------------------------------------------------------------------------

  /** An output that is an input from the side: a point above all items stands for it. */
  handThrough(wire, height) {
    const side = -this.plan.lanes;
    const [path, place] = [`${this.path}${wire.port}•`, [side * 2 * this.sizes.FORK, height]];
    this.entries.push([wire.out, endOf(path, side, [place], false)]);
    this.exits.push([wire.port, endOf(path, 0, [place])]);
    return dot(path, place);
  }

  exit(wire, first) {
    const forks = this.plan.forks(wire.tail) || wire.tail === this.scene.entry;
    const points = forks ? [this.fork(wire.tail)] : this.across.exitPoints(wire);
    if (first) return endOf(this.tailPath(wire), 0, points);
    const side = this.sides[wire.port] ?? RIGHT;
    return endOf(this.tailPath(wire), side, joined(points, [[points.at(-1)[0], this.plan.level(wire)]]));
  }
}

/** Whether a route comes from the side into a box, where the box may have the sign of a sum. */
function isResidual({ side, kind, rest }) {
  return Boolean(side) && kind !== "memory" && kind !== "tie" && !rest.length;
}

function dot(path, [x, y]) {
  return { type: "dot", path, x, y, paint: "" };
}

function endOf(path, side, points, arrow = true, labelled = false) {
  return { path, side, points, arrow, labelled };
}

function sidesOf(pieces) {
  let [left, right] = [-Infinity, -Infinity];
  for (const piece of pieces) {
    for (const [x] of corners(piece)) [left, right] = [Math.max(left, LEFT * x), Math.max(right, RIGHT * x)];
  }
  return pieces.length ? { left, right } : { left: 0, right: 0 };
}
