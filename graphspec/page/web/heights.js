// How high everything in one scene stands: above what it reads. Mirrors graphspec/render/heights.py.

/**
 * Heights in one scene; `lanes` is the side for lines round items, `least` pushes items up, and what is `apart` may not
 * stand beside its reader, for lines would run through it there.
 */
export class Heights {
  constructor(columns, kids, lanes, sizes, least = new Map(), apart = new Set()) {
    [this.columns, this.kids, this.lanes, this.sizes] = [columns, kids, lanes, sizes];
    [this.least, this.apart] = [least, apart];
    this.outgoing = this.leaving();
    this.beside = this.standBeside();
    this.bottoms = this.heights();
  }

  // -- what leaves where ------------------------------------------------------------------------------------------------

  leaving() {
    const found = new Map([...this.kids.keys()].map((name) => [name, []]));
    for (const wire of this.columns.scene.wires) {
      if (wire.tail && !this.leavesSideways(wire)) found.get(wire.tail).push(wire);
    }
    return found;
  }

  /** Where a wire leaves a container; nothing for other items. */
  exit({ tail, out }) {
    const { exits } = this.kids.get(tail);
    if (!exits.length) return null;
    return (exits.findLast(([port]) => port === out) ?? exits[0])[1];
  }

  leavesSideways(wire) {
    return this.exitSide(wire) !== 0;
  }

  exitSide(wire) {
    return this.exit(wire)?.side ?? 0;
  }

  /** Whether a wire leaves on a side on which its head is not. */
  leavesAway(wire) {
    return this.leavesSideways(wire) && this.columns.order(wire) !== -this.exitSide(wire);
  }

  forks(name) {
    return this.outgoing.get(name).length > 1;
  }

  // -- what enters where ------------------------------------------------------------------------------------------------

  /** Whether a wire enters a box from below: that of the item underneath, or the first to come to a column. */
  fromBelow(wire) {
    if (this.leavesAway(wire) && this.columns.order(wire) === 0) return false;
    const [, at] = this.columns.place.get(wire.head);
    return this.columns.isStraight(wire) || (at === 0 && this.firstPlain(wire.head) === wire);
  }

  firstPlain(name) {
    return this.columns.to.get(name).find((wire) => wire.tail && !this.columns.isSide(wire));
  }

  // -- heights ----------------------------------------------------------------------------------------------------------

  /** Each item above what it reads; columns that read nothing of the model's just below their readers. */
  heights() {
    const found = new Map();
    const { inputs } = this.columns;
    const longest = Math.max(0, ...inputs.map((name) => this.kids.get(name).height));
    for (const { name } of this.columns.scene.items) {
      const lowest = this.below(name).map(({ tail }) => found.get(tail) + this.step(tail));
      const start = inputs.includes(name) ? longest - this.kids.get(name).height : 0;
      found.set(name, Math.max(start, this.least.get(name) ?? 0, ...lowest));
    }
    for (const stack of this.columns.stacks.slice(1)) {
      const [first] = stack;
      const beside = this.beside.get(first);
      if (beside) {
        const level = found.get(beside.head) + this.entryHeight(beside) - this.kids.get(first).height / 2;
        found.set(first, Math.max(0, this.least.get(first) ?? 0, level));
      } else if (!["text", "point"].includes(this.form(first)) && !this.hangs(stack)) this.raise(stack, found);
    }
    return found;
  }

  form(name) {
    return this.columns.items.get(name).form;
  }

  /** Items that read nothing and stand alone beside what reads them: the wire from each. */
  standBeside() {
    const found = new Map();
    for (const stack of this.columns.stacks.slice(1)) {
      const wires = this.columns.from.get(stack[0]);
      const lone = stack.length === 1 && wires.length === 1 && wires[0].head && this.columns.isSource(stack[0]);
      const free = lone && !this.apart.has(stack[0]);
      if (free && this.entriesOf(wires[0]) === 1 && !this.fromBelow(wires[0])) found.set(stack[0], wires[0]);
    }
    return found;
  }

  entriesOf({ head, port }) {
    if (!this.columns.items.get(head).inner) return 1;
    return this.kids.get(head).entries.filter(([name]) => name === port).length;
  }

  /** How high above the bottom of its head a wire comes in from the side. */
  entryHeight({ head, port }) {
    const inside = this.kids.get(head).entries.find(([name]) => name === port);
    return inside ? inside[1].points[0][1] : this.kids.get(head).height / 2;
  }

  /** From the bottom of an item to the lowest bottom of what reads it. */
  step(name) {
    const { ENTRY, GAP, FORK } = this.sizes;
    const forks = this.forks(name);
    if (this.form(name) === "point") return ENTRY + (forks ? GAP - 4 : 0);
    return this.kids.get(name).height + GAP + (forks ? FORK : 0);
  }

  /** The wires that an item must stand above. */
  below(name) {
    return this.columns.to.get(name).filter(({ tail, memory }) => tail && !memory && !this.beside?.has(tail));
  }

  hangs(stack) {
    return stack.some((name) => this.below(name).some(({ tail }) => !stack.includes(tail)));
  }

  raise(stack, found) {
    const readers = stack.flatMap((name) => this.columns.from.get(name)).filter(({ head }) => head && !stack.includes(head));
    const slack = readers.map(({ tail, head }) => found.get(head) - found.get(tail) - this.step(tail));
    const by = Math.max(0, slack.length ? Math.min(...slack) : 0);
    for (const name of stack) found.set(name, found.get(name) + by);
  }

  top(name) {
    return this.bottoms.get(name) + this.kids.get(name).height;
  }

  middle(name) {
    return this.bottoms.get(name) + this.kids.get(name).height / 2;
  }

  /** The height at which a wire turns away from its tail's column. */
  level(wire) {
    if (this.leavesSideways(wire)) return this.bottoms.get(wire.tail) + this.exit(wire).points.at(-1)[1];
    return this.top(wire.tail) + (this.form(wire.tail) === "point" ? this.sizes.ENTRY : this.sizes.FORK);
  }
}
