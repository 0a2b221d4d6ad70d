"""A small language model, and edits of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import graphspec
from graphspec.difference import Difference, difference

ROOT = Path(__file__).parents[2]

SMALL = """\
graphspec: 1
name: small
params: {d: 8, heads: 2, hidden: 4 * d, depth: 3, vocab: 11, drop: 0.1}
axes: {B: batch, T: position}
inputs:
  tokens: {type: int B T, below: vocab}
blocks:
  part:
    in: {x: B T d}
    nodes:
      norm1: {op: layer_norm, in: x}
      attention: {block: std.attention, heads: heads, mask: causal, drop: drop}
      mid: x + attention
      norm2: {op: layer_norm, in: mid}
      ffn: {block: std.ffn, hidden: hidden, drop: drop}
    out: mid + ffn
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  layers: {block: part, repeat: depth}
  norm: {op: layer_norm}
  logits: {op: linear, share: embedding, bias: false}
outputs: {logits: logits}
contracts:
  - causal: {output: logits, input: tokens}
"""


def edited(*edits: tuple[str, str], text: str = SMALL) -> graphspec.Spec:
    """The model after some edits, each of something that is there."""
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return graphspec.loads(text)


def edit(*edits: tuple[str, str]) -> Difference:
    """What some edits change."""
    return graphspec.diff(edited(), edited(*edits))


def bare(before: graphspec.Spec, after: graphspec.Spec) -> Difference:
    """The difference without contracts, which take longest."""
    left, right = (replace(spec.graph, contracts=()) for spec in (before, after))
    return difference(left, right, (before.name, after.name))


def rewritten(before: str, after: str) -> Difference:
    """The difference of two models with these nodes, each a chain that ends in `y`."""
    return graphspec.diff(chain(before), chain(after))


def chain(nodes: str) -> graphspec.Spec:
    head = "graphspec: 1\nname: chain\nparams: {d: 8}\naxes: {B: batch, T: position}\ninputs: {x: B T d}\nnodes:\n"
    lines = "".join(f"  {line.strip()}\n" for line in nodes.strip().splitlines())
    return graphspec.loads(f"{head}{lines}outputs: {{y: y}}\n")


def lines(found: Difference) -> list[str]:
    """The changes of nodes in short: sign, places, what it was, what it says otherwise."""
    signs = {"removed": "-", "added": "+", "changed": "~", "renamed": "="}
    told: list[str] = []
    for change in found.nodes:
        was = f" was {change.was}" if change.was else ""
        fields = ", ".join(f"{field.name}: {field.before} → {field.after}" for field in change.fields)
        told.append(f"{signs[change.status]} {' '.join(change.places())}{was} {fields}".rstrip())
    return told
