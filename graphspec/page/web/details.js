// The facts about one thing in the picture, and the contracts with their verdicts.

import { html, worded } from "./dom.js";
import { spelled, whole } from "./places.js";

const SIGNS = { proved: "✓", refuted: "✗", unknown: "?" };

/** The facts about an item. `toLine(at)` goes to a place in the source. */
export function itemDetails(item, facts, toLine) {
  const title = [item.title || item.names.at(-1) || item.name.replace(/^→/, ""), item.times].filter(Boolean).join(" ");
  const nodes = [...new Set(item.names.map(whole))].filter((name) => facts.bodies[item.bodies[0]]?.nodes[name]);
  const parts = [html("h2", {}, title)];
  if (item.note) parts.push(html("p", { class: "note" }, item.note));
  for (const name of nodes) parts.push(nodeDetails(name, item, facts, toLine));
  if (!nodes.length && item.form === "text") parts.push(html("p", { class: "note" }, "an output of the model"));
  return parts;
}

function nodeDetails(name, item, facts, toLine) {
  const found = item.bodies.map((number) => facts.bodies[number].nodes[name]).filter(Boolean);
  const [first] = found;
  const rows = [
    ["does", first.does],
    ["gives", alike(found, ({ type }) => type)],
    ["parameters", alike(found, ({ parameters }) => counted(parameters))],
    ["FLOPs", alike(found, ({ flops }) => flops)],
  ];
  const list = html("dl", {}, ...rows.filter(([, value]) => value).flatMap(([term, value]) => entry(term, [value])));
  if (first.reads.length) list.append(...entry("reads", first.reads.map((text) => html("div", {}, ...worded(text)))));
  if (first.at) list.append(...entry("written", [lineButton(first.at, facts, toLine)]));
  const path = spelled(item.prefixes[0] ?? "", name);
  return html("section", { class: "node" }, html("h3", {}, html("code", {}, path)), list);
}

function entry(term, values) {
  return [html("dt", {}, term), html("dd", {}, ...values)];
}

/** What is the same in all turns for which an item stands, or that it is not. */
function alike(found, value) {
  const values = [...new Set(found.map(value))];
  return values.length < 2 ? values[0] : `${values[0]} … ${values.at(-1)} (differs from turn to turn)`;
}

export function counted(number) {
  return number ? number.toLocaleString("en") : "";
}

export function lineButton(at, facts, toLine) {
  const button = html("button", { type: "button", class: "link" }, `${facts.files[at[0]].name}:${at[1]}`);
  button.addEventListener("click", () => toLine(at));
  return button;
}

/** What a reader who cannot see the picture is told of an item. */
export function spoken(item, facts) {
  const node = facts.bodies[item.bodies[0]]?.nodes[whole(item.names.at(-1) ?? "")];
  const parts = [[item.title || item.mark || item.name.replace(/^→/, ""), item.times].filter(Boolean).join(" "), item.note];
  if (node) parts.push(node.type, node.parameters ? `${counted(node.parameters)} parameters` : "");
  return parts.filter(Boolean).join(", ");
}

/** What the whole model is. */
export function modelDetails(facts) {
  const list = html("dl", { class: "model" });
  for (const [title, rows] of facts.summary) list.append(...entry(title, [table(rows)]));
  return [html("h2", {}, facts.title), list];
}

function table(rows) {
  const cells = (row) => row.map((cell) => html("td", row.length > 1 ? {} : { colspan: "3" }, cell));
  return html("table", {}, ...rows.map((row) => html("tr", {}, ...cells(row))));
}

/** The contracts; a refuted one is a button that paints its path. */
export function contractList(facts, chosen, choose, toLine) {
  return facts.contracts.map((contract, at) => {
    const sign = html("span", { class: "sign", "aria-hidden": "true" }, SIGNS[contract.status]);
    const words = [sign, html("span", {}, `${contract.status} `), html("code", {}, contract.text)];
    const row = html("li", { class: `contract ${contract.status}` });
    if (contract.trails.length) {
      const button = html("button", { type: "button", "aria-pressed": String(chosen === at) }, ...words);
      button.addEventListener("click", () => choose(chosen === at ? null : at));
      row.append(button);
    } else row.append(html("p", {}, ...words));
    const why = contract.status === "proved" ? [] : contract.why;
    row.append(...why.map((line) => html("p", { class: "why" }, ...worded(line))));
    if (contract.at) row.append(lineButton(contract.at, facts, toLine));
    return row;
  });
}
