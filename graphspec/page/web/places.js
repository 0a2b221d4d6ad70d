// Every node at every place where it stands, drawn or hidden: what search finds, and what a line of the source means.

import { waysInto } from "./turns.js";

export const MOST = 20000;

/** The whole of which a node is a part: `mid~1` is a part of `mid`. */
export function whole(name) {
  const at = name.indexOf("~");
  return at < 0 ? name : name.slice(0, at);
}

/** All places of all nodes, outer ones first, up to a number that nobody looks through. `opens` are the keys of the blocks that must be open to see one. */
export function placesOf(facts) {
  const found = [];
  let waiting = [{ prefix: "", number: facts.model, opens: [] }];
  while (waiting.length && found.length < MOST) {
    const inner = [];
    for (const way of waiting) {
      found.push(...standing(facts, way));
      inner.push(...within(facts, way));
    }
    waiting = inner;
  }
  return found;
}

function* standing(facts, { prefix, number, opens }) {
  const { slots, nodes } = facts.bodies[number];
  for (const slot of slots) {
    if (slot.when === "open") continue;
    for (const node of new Set(slot.names.map(whole))) {
      yield { prefix, number, node, opens, title: slot.title ?? "", facts: nodes[node] };
    }
  }
}

function* within(facts, { prefix, number, opens }) {
  for (const { inside, name, group } of facts.bodies[number].slots) {
    if (!inside) continue;
    for (const [inner, way] of waysInto(inside)) {
      yield { prefix: prefix + name + way, number: inner, opens: [...opens, prefix + group] };
    }
  }
}

/** `decoder#1/attention` as people write it: `decoder.attention`. */
export function spelled(prefix, node = "") {
  return (prefix + node).replace(/#\d+/g, "").replace(/\/$/, "").replaceAll("/", ".");
}

/** Whether a drawn item stands for a node at a place. */
export function standsFor(item, { prefix, node }) {
  return item.prefixes.includes(prefix) && item.names.some((name) => whole(name) === node);
}
