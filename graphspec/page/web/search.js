// Search by name: a field with a list below it, as screen readers know it (a combobox).

import { html } from "./dom.js";
import { MOST, spelled } from "./places.js";

const LISTED = 40;

/** `go(place)` is called for the one that is chosen, `found(places)` while one types. */
export class Search {
  constructor(field, list, go, found) {
    [this.field, this.list, this.go, this.found] = [field, list, go, found];
    this.places = [];
    this.shown = [];
    field.addEventListener("input", () => this.look());
    field.addEventListener("focus", () => this.look());
    field.addEventListener("blur", () => this.close());
    field.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => this.choose(event.target.closest("[role=option]")?.place));
  }

  /** What can be found. */
  knows(places) {
    this.places = places.map((place) => ({ ...place, path: spelled(place.prefix, place.node) }));
  }

  look() {
    const wanted = this.field.value.trim().toLowerCase();
    const hits = wanted ? this.places.filter((place) => score(place, wanted) < 9) : [];
    hits.sort((a, b) => score(a, wanted) - score(b, wanted) || a.opens.length - b.opens.length);
    this.shown = hits.slice(0, LISTED);
    this.at = this.shown.length ? 0 : -1;
    this.list.replaceChildren(...this.shown.map((place, at) => this.option(place, at)));
    if (wanted && !hits.length) this.list.append(html("li", { class: "none" }, "nothing of that name"));
    if (hits.length > LISTED) this.list.append(html("li", { class: "none" }, `and ${hits.length - LISTED} more`));
    if (this.places.length >= MOST) this.list.append(html("li", { class: "none" }, `searched: the outermost ${MOST} places`));
    this.list.hidden = !wanted;
    this.field.setAttribute("aria-expanded", String(!this.list.hidden));
    this.point(this.at);
    this.found(hits);
  }

  option({ path, title, facts }, at) {
    const words = [html("code", {}, path), html("span", {}, [title, facts?.type].filter(Boolean).join(" · "))];
    const row = html("li", { role: "option", id: `found-${at}`, "aria-selected": "false" }, ...words);
    row.place = this.shown[at];
    return row;
  }

  point(at) {
    this.at = at;
    [...this.list.children].forEach((row, number) => row.setAttribute("aria-selected", String(number === at)));
    this.list.children[at]?.scrollIntoView({ block: "nearest" });
    if (at >= 0) this.field.setAttribute("aria-activedescendant", `found-${at}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.shown.length) this.point((this.at + step + this.shown.length) % this.shown.length);
    else if (event.key === "Enter") this.choose(this.shown[this.at]);
    else if (event.key === "Escape" && this.field.value) this.clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  choose(place) {
    if (!place) return;
    this.close();
    this.go(place);
  }

  clear() {
    this.field.value = "";
    this.look();
  }

  close() {
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
  }
}

/** How well a place fits: its name, the start of it, a part of it, its path, what it is called, what it does. */
function score({ node, path, title, facts }, wanted) {
  const name = node.toLowerCase();
  if (name === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  if (name.includes(wanted)) return 2;
  if (path.toLowerCase().includes(wanted)) return 3;
  if (title.toLowerCase().includes(wanted)) return 4;
  return facts?.does.toLowerCase().includes(wanted) ? 5 : 9;
}
