// The page: its state, and what redraws when that changes.

import { contractList, itemDetails, modelDetails, spoken } from "./details.js";
import { Draw } from "./draw.js";
import { find, hands } from "./hands.js";
import { listen } from "./live.js";
import { painted } from "./paint.js";
import { pictureOf } from "./place.js";
import { placesOf, whole } from "./places.js";
import { MOST_ITEMS, Scenes } from "./scenes.js";
import { Search } from "./search.js";
import { remark, SourcePane } from "./source.js";
import { Tree } from "./tree.js";
import { View } from "./view.js";

const HINT = "A click or Enter opens a block and closes it, arrows move, / searches";

class Page {
  constructor() {
    this.choices = new Map(); // which blocks were opened or closed by hand
    this.all = null; // whether all others are open (true), closed (false), or as the spec's default has it
    this.view = new View(find("pane"), find("stage"));
    this.tree = new Tree(find("pane"), {
      toggle: (element) => this.toggle(element),
      point: (element) => this.select(element, { scroll: true }),
      leave: () => this.select(null),
    });
    this.source = new SourcePane(find("text"), find("files"), (file, line, open) => this.pointed(file, line, open));
    this.search = new Search(find("search"), find("found"), (place) => this.go(place), (places) => this.mark(places));
    hands(this);
  }

  // -- what is shown --------------------------------------------------------------------------------------------------

  /** Another spec, or the same one changed; where one was and what was open stays. */
  show(facts) {
    const first = !this.facts;
    this.facts = facts;
    this.draw = new Draw(facts.measures);
    this.scenes = new Scenes(facts.bodies, (key, inside, level) => this.isOpen(key, inside, level));
    this.places = placesOf(facts);
    this.search.knows(this.places);
    this.contract = first ? facts.look.contract : facts.contracts[this.contract]?.trails.length ? this.contract : null;
    if (first && facts.look.theme) document.documentElement.dataset.theme = facts.look.theme;
    document.title = facts.title;
    find("name").textContent = facts.name;
    this.say(HINT);
    this.sourced(facts.files, facts.problems);
    this.judge();
    this.redraw();
    if (this.view.fitted) this.view.fit();
  }

  /** A spec that cannot be drawn: its texts with what is wrong, beside the last good picture. */
  broken({ files, problems }) {
    const errors = problems.filter(({ severity }) => severity === "error").length;
    const picture = this.facts ? "; the picture is the last good one" : "";
    this.say(`${errors} error${errors === 1 ? "" : "s"}${picture}`, true);
    this.sourced(files, problems);
    this.stale = true;
  }

  sourced(files, problems) {
    this.stale = false;
    find("loose").replaceChildren(...problems.filter(({ at }) => !at).map(remark));
    this.source.show(files, problems);
  }

  say(text, broken = false) {
    find("state").textContent = text;
    find("state").classList.toggle("broken", broken);
  }

  isOpen(key, inside, level) {
    if (this.choices.has(key)) return this.choices.get(key);
    if (this.all !== null) return this.all;
    const { depth } = this.facts.look;
    return depth === null ? inside.opened : level < depth && inside.kind !== "experts";
  }

  /** Lay out and draw; the item `anchor` stays where it is on the screen. */
  redraw(anchor = null) {
    if (!this.facts) return;
    const before = anchor?.getBoundingClientRect();
    const { look, model, measures, contracts } = this.facts;
    const scene = this.scenes.model(model);
    const placed = pictureOf(scene, look.heading, look.direction, measures);
    const contract = contracts[this.contract];
    const drawn = this.draw.picture(contract ? painted(placed, scene, contract) : placed);
    if (this.scenes.full) this.say(`More than ${MOST_ITEMS} things are open: some blocks stay closed`);
    find("stage").replaceChildren(drawn);
    this.view.shows(drawn.width.baseVal.value, drawn.height.baseVal.value);
    this.remember(drawn);
    this.tree.shows(drawn, look.direction, this.elementOf(this.selected));
    this.mark(this.marked ?? []);
    this.retell();
    if (before) this.hold(this.elementOf(this.selected) ?? this.elementOf(id(anchor)), before);
  }

  /** Where each node and each block is drawn, and what each item says. */
  remember(drawn) {
    this.elements = new Map();
    this.ids = new Map();
    for (const element of drawn.querySelectorAll("[role=treeitem]")) {
      const { item } = element;
      element.setAttribute("aria-label", spoken(item, this.facts));
      this.ids.set(id(element), element);
      if (item.group && item.inner) this.ids.set(item.prefixes[0] + item.group, element);
      for (const prefix of item.prefixes) {
        for (const name of item.names) this.elements.set(prefix + whole(name), element);
      }
    }
  }

  /** Have an item where it was before; if the whole is looked at, go on to the whole. */
  hold(element, before) {
    const { fitted } = this.view;
    const after = element?.getBoundingClientRect() ?? before;
    const middle = ({ left, right, top, bottom }) => [(left + right) / 2, (top + bottom) / 2];
    const [[x0, y0], [x1, y1]] = [middle(before), middle(after)];
    this.view.pan(x0 - x1, y0 - y1);
    if (fitted) this.view.fit(true);
  }

  // -- what is selected -----------------------------------------------------------------------------------------------

  elementOf(selected) {
    return selected ? (this.ids.get(selected) ?? null) : null;
  }

  select(element, { scroll = false } = {}) {
    this.elementOf(this.selected)?.classList.remove("selected");
    this.selected = element ? id(element) : null;
    if (!element) this.mark([]);
    this.retell();
    if (!element) return;
    this.lines(element.item, scroll);
    if (scroll && element.matches(":focus-visible")) this.view.reveal(element.getBoundingClientRect());
  }

  /** The facts about what is under the pointer, else what is selected, else the whole model. */
  retell(hovered = null) {
    if (!this.facts) return;
    const item = (hovered ?? this.elementOf(this.selected))?.item;
    this.elementOf(this.selected)?.classList.add("selected");
    const told = item?.bodies.length ? itemDetails(item, this.facts, (at) => this.toLine(at)) : modelDetails(this.facts);
    find("details").replaceChildren(...told);
  }

  toLine([file, line]) {
    this.source.stand(line, file);
  }

  /** Mark the lines of an item. */
  lines(item, scroll) {
    if (this.stale) return;
    const names = [...new Set(item.names.map(whole))];
    const nodes = item.bodies.flatMap((number) => names.map((name) => this.facts.bodies[number].nodes[name]));
    this.source.mark(nodes.filter((node) => node?.at).map((node) => node.at), scroll);
  }

  /** The verdicts on the contracts; the path of the chosen one is painted. */
  judge() {
    const { contracts } = this.facts;
    const list = contractList(this.facts, this.contract, (at) => this.explain(at), (at) => this.toLine(at));
    find("contracts").replaceChildren(...list);
    find("promises").hidden = !contracts.length;
  }

  explain(at) {
    const button = document.activeElement.closest(".contract");
    const row = [...find("contracts").children].indexOf(button);
    this.contract = at;
    this.judge();
    find("contracts").children[row]?.querySelector("button").focus();
    this.redraw();
    const leap = find("stage").querySelector("[role=treeitem].leap");
    if (leap) this.view.reveal(leap.getBoundingClientRect());
  }

  /** Show where some places are drawn, or what hides them. */
  mark(places) {
    this.marked = places;
    for (const element of find("stage").querySelectorAll(".found")) element.classList.remove("found");
    for (const place of places) this.seen(place)?.classList.add("found");
  }

  seen({ prefix, node, opens }) {
    const hiding = () => [...opens].reverse().map((key) => this.elements.get(key)).find(Boolean);
    return this.elements.get(prefix + node) ?? hiding();
  }

  // -- what is open ---------------------------------------------------------------------------------------------------

  /** Open a closed block, close an open one; of turns drawn one after another, all. */
  toggle(element) {
    const block = blockOf(element);
    if (!block) return;
    const { item } = block;
    const focused = element.contains(document.activeElement);
    for (const prefix of item.prefixes) this.choices.set(prefix + item.group, item.openable);
    this.selected = item.prefixes[0] + item.group;
    this.redraw(block);
    const now = this.elementOf(this.selected);
    if (focused) now?.focus({ preventScroll: true });
  }

  /** Open all blocks, or close them. */
  every(open) {
    this.choices.clear();
    this.all = open;
    this.redraw();
    this.view.fit();
  }

  /** To a node: opens what hides it. */
  go(place) {
    for (const key of place.opens) this.choices.set(key, true);
    this.redraw();
    const element = this.seen(place);
    this.mark([place]);
    element?.focus({ preventScroll: true });
    if (element) this.view.reveal(element.getBoundingClientRect());
  }

  // -- what a line means ------------------------------------------------------------------------------------------------

  /** The caret stands on a line: the boxes of what is written there are marked; with `open`, they are brought to light. */
  pointed(file, line, open) {
    if (this.stale) return;
    const at = this.source.owner(line, this.written(file));
    this.source.mark(at ? [at] : [], false);
    const places = at ? this.writtenAt(at) : [];
    if (open && places.length && !places.some(({ prefix, node }) => this.elements.has(prefix + node))) {
      for (const key of places[0].opens) this.choices.set(key, true);
      this.redraw();
    }
    this.mark(places);
    const [first] = places.map((place) => this.seen(place)).filter(Boolean);
    if (first) this.view.reveal(first.getBoundingClientRect());
    if (first) this.retell(first);
  }

  /** Everything in a file that the picture shows something of. */
  written(file) {
    const nodes = this.facts.bodies.flatMap((body) => [body.at, ...Object.values(body.nodes).map((node) => node.at)]);
    return nodes.filter((at) => at && at[0] === file);
  }

  writtenAt([file, line]) {
    const same = (at) => at && at[0] === file && at[1] === line;
    const places = this.places.filter((place) => same(place.facts?.at));
    if (places.length) return places;
    const within = this.places.filter((place) => place.prefix && same(this.facts.bodies[place.number].at));
    const holders = new Map(within.map(({ prefix, opens }) => [opens.at(-1), { prefix: "", node: opens.at(-1), opens }]));
    return [...holders.values()];
  }
}

/** The closed block that an element is, or the open one that it frames. */
function blockOf(element) {
  const { item } = element;
  if (item.openable || (item.inner && item.group)) return element;
  const isTurn = item.form === "container" && !item.group;
  return isTurn ? blockOf(element.parentElement.closest("[role=treeitem]")) : null;
}

/** What an item is known by from one drawing to the next. */
function id({ item, path }) {
  return item.prefixes.length ? item.prefixes[0] + item.name : `at ${path}`;
}

function begin() {
  const page = new Page();
  const facts = JSON.parse(find("facts").textContent);
  if (facts.live) {
    listen({
      redraw: (found) => page.show(found),
      broken: (found) => page.broken(found),
      lost: () => page.say("no answer from `graphspec watch`", true),
    });
  } else page.show(facts);
}

begin();
