// Which items of a scene stand above one another, and on which side of the main column the other columns stand.
// Mirrors graphspec/render/columns.py, where it is told why.

export const [LEFT, RIGHT] = [-1, 1];
const WEIGHTS = { mark: 1, point: 0 };

/** The columns from the main one outwards, each from its lowest item to its highest. */
export class Columns {
  constructor(scene, sources) {
    this.scene = scene;
    this.sources = sources;
    this.items = new Map(scene.items.map((item) => [item.name, item]));
    const heads = new Set(scene.wires.map(({ head }) => head));
    this.inputs = scene.items.filter(({ form, name }) => form === "text" && !heads.has(name)).map(({ name }) => name);
    this.inside = scene.wires.filter(({ tail, head }) => tail && head);
    this.to = grouped(scene.items, scene.wires, "head");
    this.from = grouped(scene.items, scene.wires, "tail");
    this.stand([...this.paths()]);
    const sides = new Sides(this).found;
    const order = this.outwards();
    this.stand(order.map((at) => this.stacks[at]));
    this.sides = order.map((at) => sides[at]);
  }

  stand(stacks) {
    this.stacks = stacks;
    this.place = new Map(stacks.flatMap((stack, column) => stack.map((name, at) => [name, [column, at]])));
    this.neighbours = stacks.map(() => new Set());
    for (const { tail, head } of this.inside) {
      const [a, b] = [this.columnOf(tail), this.columnOf(head)];
      if (a !== b) this.neighbours[a].add(b), this.neighbours[b].add(a);
    }
  }

  columnOf(name) {
    return this.place.get(name)[0];
  }

  /** The columns to or from which a wire goes. */
  joined(column) {
    return this.neighbours[column];
  }

  /** How many items stand in a column, those within containers too. */
  length(column) {
    return this.stacks[column].reduce((sum, name) => sum + count(this.items.get(name)), 0);
  }

  isSource(name) {
    return this.items.get(name).form === "box" && !this.to.get(name).length;
  }

  /** Whether the wire carries what a container gives beside its first output. */
  isSecond({ tail, out }) {
    const { inner } = this.items.get(tail);
    const first = inner?.wires.find(({ head }) => !head);
    return Boolean(first) && out !== first.port;
  }

  /** Whether the wire comes in from the side: memories, and all inputs of a container but the first. */
  isSide({ head, memory, port }) {
    const { inner } = this.items.get(head);
    return memory || (inner !== null && port !== inner.entry);
  }

  /** Where the wire comes from as seen from its head: -1 left, 0 the same column, 1 right. */
  order({ tail, head }) {
    const [from, to] = [this.columnOf(tail), this.columnOf(head)];
    if (from === to) return 0;
    return this.sides[from] * (from + 1) - this.sides[to] * (to + 1) > 0 ? RIGHT : LEFT;
  }

  /** Whether the wire goes from an item to the one above it, from below. */
  isStraight(wire) {
    if (this.isSide(wire)) return false;
    const [[tail, low], [head, high]] = [this.place.get(wire.tail), this.place.get(wire.head)];
    return tail === head && high === low + 1;
  }

  // -- covering the scene by paths --------------------------------------------------------------------------------------

  *paths() {
    const before = new Map(this.scene.items.map(({ name }) => [name, []]));
    for (const wire of this.inside) if (!this.isSide(wire)) before.get(wire.head).push(wire.tail);
    let left = [...this.items.keys()];
    let lengths = this.lengths(left, before);
    const result = this.scene.wires.find(({ tail, head }) => tail && !head);
    let end = result ? result.tail : most(this.scene.ends, (name) => lengths.get(name)) ?? "";
    while (left.length) {
      const stack = path(end || most(left, (name) => lengths.get(name)), lengths, before);
      yield stack;
      left = left.filter((name) => !stack.includes(name));
      lengths = this.lengths(left, before);
      end = "";
    }
  }

  /** For each item that is left, how long the longest path to it is, boxes counting most. */
  lengths(left, before) {
    const lengths = new Map();
    for (const name of left) {
      const found = before.get(name).filter((other) => lengths.has(other)).map((other) => lengths.get(other));
      lengths.set(name, (WEIGHTS[this.items.get(name).form] ?? 10) + Math.max(0, ...found));
    }
    return lengths;
  }

  /** The columns in an order in which each comes after the one on which it hangs. */
  outwards() {
    const hanging = this.stacks.map(() => []);
    for (let column = 1; column < this.stacks.length; column++) {
      const inner = [...this.joined(column)].filter((other) => other < column);
      hanging[inner.length ? Math.min(...inner) : 0].push(column);
    }
    const order = [];
    const waiting = this.stacks.length ? [0] : [];
    while (waiting.length) {
      const column = waiting.pop();
      order.push(column);
      waiting.push(...hanging[column].sort((a, b) => this.length(b) - this.length(a) || b - a));
    }
    return order;
  }
}

/** For each column the side on which it stands: 0 the main one. */
class Sides {
  constructor(columns) {
    this.columns = columns;
    this.found = [0];
    for (let column = 1; column < columns.stacks.length; column++) this.found[column] = this.side(column);
  }

  side(column) {
    const { scene, stacks, sources } = this.columns;
    const outside = scene.wires.find(({ tail, head }) => !tail && stacks[column].includes(head));
    if (outside) return sources[outside.out];
    const partner = this.partners(column).map((other) => this.found[other]).find(Boolean);
    if (partner) return partner;
    if (this.readsBeside(column)) return RIGHT;
    const readers = new Set([...this.served(column)].map((other) => this.found[other] ?? 0));
    if (readers.size === 1 && !readers.has(0)) return [...readers][0];
    const side = readers.size || this.columns.isSource(stacks[column][0]) ? LEFT : RIGHT;
    return this.found.includes(side) && !this.found.includes(-side) ? -side : side;
  }

  /** What is joined to a column, wire by wire. */
  wires(column) {
    const { inside } = this.columns;
    return inside.filter(({ tail, head }) => [tail, head].some((name) => this.columns.columnOf(name) === column));
  }

  partners(column) {
    const near = this.wires(column).filter((wire) => !this.columns.isSide(wire));
    return near.flatMap(({ tail, head }) => [tail, head].map((name) => this.columns.columnOf(name)).filter((c) => c !== column));
  }

  /** The columns that read this one from the side. */
  served(column) {
    const side = this.wires(column).filter((wire) => this.columns.isSide(wire) && this.columns.columnOf(wire.tail) === column);
    return new Set(side.map(({ head }) => this.columns.columnOf(head)));
  }

  /** Whether it reads what a container gives beside its first output. */
  readsBeside(column) {
    const stack = this.columns.stacks[column];
    const read = this.columns.inside.filter(({ tail, head }) => stack.includes(head) && !stack.includes(tail));
    return read.some((wire) => this.columns.isSecond(wire));
  }
}

function count({ inner }) {
  return 1 + (inner ? inner.items.reduce((sum, item) => sum + count(item), 0) : 0);
}

function grouped(items, wires, end) {
  const found = new Map(items.map(({ name }) => [name, []]));
  for (const wire of wires) if (wire[end]) found.get(wire[end]).push(wire);
  return found;
}

function path(end, lengths, before) {
  const found = [end];
  for (;;) {
    const options = before.get(found.at(-1)).filter((name) => lengths.has(name));
    if (!options.length) return found.reverse();
    found.push(most(options, (name) => lengths.get(name)));
  }
}

/** The first of those for which a value is greatest. */
export function most(list, value) {
  return list.reduce((best, item) => (best === undefined || value(item) > value(best) ? item : best), undefined);
}
