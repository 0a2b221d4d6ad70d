// The spec as it was written, beside the picture: lines that know which nodes they say something about.

import { html, worded } from "./dom.js";

const TOKENS = /(#.*$)|("(?:[^"\\]|\\.)*"|'[^']*')|([\w.~-]+)(?=\s*:(?:\s|$))|(-?\b\d[\d_.e+-]*\b)|([{}[\],:|>&]+)/g;
const KINDS = ["", "is-comment", "is-string", "is-key", "is-number", "is-sign"];

/** The source pane. `pointed(file, line, open)` is called where the caret comes to stand; `open` if that is by intent. */
export class SourcePane {
  constructor(pane, tabs, pointed) {
    [this.pane, this.tabs, this.pointed] = [pane, tabs, pointed];
    this.caret = 1;
    this.lines = [];
    pane.addEventListener("click", (event) => this.clicked(event));
    pane.addEventListener("keydown", (event) => this.key(event));
  }

  /** `problems` stand below their lines; the first is brought into view. */
  show(files, problems) {
    this.files = files;
    this.problems = problems;
    this.marks = [];
    this.file = Math.min(this.file ?? 0, files.length - 1);
    this.tabs.replaceChildren(...this.files.map((file, at) => this.tab(file, at)));
    this.tabs.hidden = files.length < 2;
    const first = problems.find(({ at, severity }) => at && severity === "error");
    this.open(first ? first.at[0] : this.file);
    this.pane.querySelector(".remark")?.scrollIntoView({ block: "nearest" });
  }

  tab(file, at) {
    const button = html("button", { type: "button", role: "tab", "aria-controls": this.pane.id }, file.name);
    button.addEventListener("click", () => this.open(at));
    return button;
  }

  open(number) {
    this.file = number;
    [...this.tabs.children].forEach((tab, at) => tab.setAttribute("aria-selected", at === number));
    this.tabs.children[number].scrollIntoView({ block: "nearest", inline: "nearest" });
    const texts = this.files[number].text.split("\n");
    if (texts.at(-1) === "") texts.pop();
    this.lines = texts.map((text, at) => this.line(text, at + 1));
    this.pane.replaceChildren(...this.lines.flatMap((line) => [line, ...this.wrong(line.number).map(remark)]));
    this.caret = Math.min(this.caret, this.lines.length);
    this.lines[this.caret - 1]?.setAttribute("tabindex", "0");
    this.paint();
  }

  line(text, number) {
    const row = html("div", { role: "option", class: "line", tabindex: "-1", "aria-selected": "false" });
    row.append(html("span", { class: "number", "aria-hidden": "true" }, String(number)), html("code", {}, ...coloured(text)));
    row.lastChild.append(...this.wrong(number).map(underline));
    row.number = number;
    return row;
  }

  /** What is wrong on a line. */
  wrong(number) {
    return this.problems.filter(({ at }) => at && at[0] === this.file && at[1] === number);
  }

  // -- marks ----------------------------------------------------------------------------------------------------------

  /** Highlight the places `[file, line, …]`; the first is brought into view. */
  mark(places, scroll = true) {
    this.marks = places;
    if (scroll && places.length && places[0][0] !== this.file) this.open(places[0][0]);
    else this.paint();
    const first = places.find(([file]) => file === this.file);
    if (scroll && first) this.lines[first[1] - 1]?.scrollIntoView({ block: "nearest" });
  }

  paint() {
    for (const line of this.lines) line.classList.remove("marked");
    for (const [file, start] of this.marks) {
      if (file === this.file) for (const line of this.extent(start)) line.classList.add("marked");
    }
  }

  /** A line, and those below it that belong to it: they stand further in. */
  extent(start) {
    const texts = this.files[this.file].text.split("\n");
    const deep = indent(texts[start - 1] ?? "");
    let end = start;
    for (let at = start; at < texts.length && (indent(texts[at]) > deep || !texts[at].trim()); at++) {
      if (texts[at].trim()) end = at + 1;
    }
    return this.lines.slice(start - 1, end);
  }

  // -- caret ----------------------------------------------------------------------------------------------------------

  clicked(event) {
    const line = event.target.closest(".line");
    if (line && String(getSelection()) === "") this.stand(line.number);
  }

  key(event) {
    if (event.key === "Enter") this.pointed(this.file, this.caret, true);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.stand(Math.min(Math.max(this.caret + steps[event.key], 1), this.lines.length), this.file, false);
  }

  /** Put the caret on a line. */
  stand(number, file = this.file, open = true) {
    if (file !== this.file) this.open(file);
    const [before, now] = [this.lines[this.caret - 1], this.lines[number - 1]];
    before?.setAttribute("tabindex", "-1");
    before?.setAttribute("aria-selected", "false");
    this.caret = number;
    now.setAttribute("tabindex", "0");
    now.setAttribute("aria-selected", "true");
    now.focus();
    this.pointed(this.file, number, open);
  }

  /** Of some places in this file, the one that a line belongs to: the last that begins before it and reaches it. */
  owner(line, places) {
    const before = places.filter(([, start]) => start <= line).sort((a, b) => b[1] - a[1]);
    return before.find(([, start]) => this.extent(start).some(({ number }) => number === line));
  }
}

/** A line below the very words that are wrong; letters are equally wide. */
function underline({ at: [, , from, to], severity }) {
  const line = html("span", { class: `wrong ${severity}` });
  line.style.left = `${from - 1}ch`;
  line.style.width = `${to - from}ch`;
  return line;
}

export function remark({ severity, code, message, notes, help }) {
  const parts = [html("strong", {}, `${severity}[${code}] `), ...worded(message)];
  const more = [...notes.map((note) => `note: ${note}`), ...(help ? [`help: ${help}`] : [])];
  return html("div", { class: `remark ${severity}` }, html("p", {}, ...parts), ...more.map((text) => html("p", {}, ...worded(text))));
}

function coloured(text) {
  const parts = [];
  let done = 0;
  for (const found of text.matchAll(TOKENS)) {
    const kind = KINDS[found.slice(1).findIndex((part) => part !== undefined) + 1];
    parts.push(text.slice(done, found.index), html("span", { class: kind }, found[0]));
    done = found.index + found[0].length;
  }
  return [...parts, text.slice(done)].filter((part) => part !== "");
}

function indent(text) {
  return text.length - text.trimStart().length;
}
