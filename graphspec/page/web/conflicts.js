// Where a laid-out scene has a line through a box or a word, or two lines that look like one, and what must move.
// Mirrors graphspec/render/conflicts.py.

import { joined, pairs, same } from "./picture.js";

const FAR = 1e6;
const NEAR = 3;

/** What is in the way of the level pieces of lines. */
export class Conflicts {
  constructor(across) {
    [this.across, this.plan, this.columns, this.sizes] = [across, across.plan, across.columns, across.sizes];
    const bottoms = [...this.plan.kids.keys()].map((name, at) => ({ name, at, bottom: this.plan.bottoms.get(name) }));
    this.fromLow = bottoms.sort((a, b) => a.bottom - b.bottom || a.at - b.at);
    this.highest = [...this.plan.kids.values()].reduce((most, kid) => Math.max(most, kid.height), 0);
  }

  /** Items that must stand higher, and how high: a horizontal piece would cross them, lie on another's, or on a label. */
  found() {
    const found = new Map();
    const level = this.plan.routes.filter(({ form }) => form !== "tie").flatMap((route) => [...this.levelPieces(route)]);
    const labels = this.plan.routes.filter(({ labelled, wire }) => labelled && wire.tail);
    for (const piece of level) {
      this.crossed(piece, found);
      const meets = labels.some((route) => this.meetsLabel(piece, route));
      if (meets) found.set(piece.owner, this.plan.bottoms.get(piece.owner) + 6);
    }
    for (const [one, other] of neighbours(level)) if (liesOn(one, other)) this.later(one, other, found);
    return found;
  }

  later(one, other, found) {
    const [[c, i], [d, j]] = [this.columns.place.get(one.owner), this.columns.place.get(other.owner)];
    const later = d > c || (d === c && j > i) ? other.owner : one.owner;
    found.set(later, this.plan.bottoms.get(later) + 6);
  }

  /** The horizontal pieces of a route outside of its ends, each with the item whose height decides about it. */
  *levelPieces(route) {
    const entry = this.across.entryPoint(route);
    const { tail, head, out } = route.wire;
    const source = tail && this.plan.exit(route.wire) ? `${tail}\n${out}` : tail;
    const turn = route.form === "round" ? this.plan.turn(route) : null;
    const outside = route.form === "outside";
    const start = outside ? [[entry[0] + route.side * FAR, entry[1]]] : this.across.start(route).slice(-1);
    const way = outside ? [...start, entry] : joined(start, this.across.turns(route, entry), [entry]);
    for (const [[x0, y0], [x1, y1]] of pairs(way)) {
      if (y0 !== y1) continue;
      const arrives = same([x1, y1], entry) || y0 === turn;
      const [left, right, owner] = [Math.min(x0, x1), Math.max(x0, x1), arrives ? head : tail];
      yield { route, source, tail, head, left, right, y: y0, arrives, owner };
    }
  }

  crossed(piece, found) {
    for (const name of this.atHeight(piece.y)) {
      const kid = this.plan.kids.get(name);
      const x = this.across.x(name);
      const across = x - kid.left - 4 < piece.right && x + kid.right + 4 > piece.left;
      const along = this.plan.bottoms.get(name) - 4 < piece.y && piece.y < this.plan.top(name) + 4;
      if (!across || !along || (piece.arrives && name === piece.head)) continue;
      const around = piece.arrives && piece.route.form === "round";
      if (name !== piece.tail) found.set(name, piece.y + 10);
      else if (around) found.set(piece.head, this.plan.bottoms.get(piece.head) + this.plan.top(name) - piece.y + 10);
    }
  }

  /** The items that may stand at a height, in their order. */
  atHeight(y) {
    const low = this.firstFrom(y - this.highest - 4);
    const near = this.fromLow.slice(low, this.firstFrom(y + 4));
    return near.sort((a, b) => a.at - b.at).map(({ name }) => name);
  }

  /** Which item is the lowest of those that begin at a height or above. */
  firstFrom(y) {
    let [low, high] = [0, this.fromLow.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.fromLow[middle].bottom < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether a piece runs where the word above the end of a route stands. */
  meetsLabel(piece, route) {
    const { LABEL } = this.sizes;
    const [x, y] = this.across.entryPoint(route);
    const middle = x + (route.side * LABEL) / 2;
    const near = piece.left < middle + LABEL / 2 && piece.right > middle - LABEL / 2;
    return near && piece.head !== route.wire.head && y + 2 < piece.y && piece.y < y + LABEL - 6;
  }
}

/** Whether two pieces would look like one line, though they carry different values to different places. */
function liesOn(one, other) {
  if (one.source === other.source) return false;
  if (one.arrives && other.arrives && one.head === other.head) return false;
  return Math.abs(one.y - other.y) < NEAR && one.left < other.right && other.left < one.right;
}

/** The pairs of pieces that are nearly at one height, in the order of the pieces. */
function neighbours(pieces) {
  const order = pieces.map((_, at) => at).sort((a, b) => pieces[a].y - pieces[b].y || a - b);
  const found = [];
  order.forEach((at, place) => {
    for (let later = place + 1; later < order.length; later++) {
      const other = order[later];
      if (pieces[other].y - pieces[at].y >= NEAR) break;
      found.push([Math.min(at, other), Math.max(at, other)]);
    }
  });
  found.sort(([a, b], [c, d]) => a - c || b - d);
  return found.map(([one, other]) => [pieces[one], pieces[other]]);
}
