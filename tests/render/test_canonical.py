"""Canonical text: what it must not confuse."""

from __future__ import annotations

import pytest

import graphspec
from graphspec.render.canonical import to_text
from graphspec.render.disjoint import disjoint, seen_inputs

HEAD = """
graphspec: 1
name: clashing
params: {d: 8}
axes: {B: batch, T: position}
"""

CLASHES = {
    "a port": """
inputs: {x: B T d}
nodes:
  ffn: {block: std.ffn, in: x * 2, hidden: 16}
outputs: {y: ffn}
""",
    "a node": """
inputs: {q: B T d}
nodes:
  attention: {block: std.attention, in: q * 2, heads: 2, mask: causal}
outputs: {y: attention}
""",
    "a port that is given something else": """
inputs: {x: B T d, context: B T d}
nodes:
  memory: context * 2
  attention: {block: std.attention, x: x, context: memory, heads: 2}
outputs: {y: attention}
""",
    "the carried input": """
inputs: {x: B T d, real: bool B T = true}
nodes:
  layers: {block: std.encoder_layer, in: x, repeat: 3, heads: 2, hidden: 16, mask: real}
outputs: {y: layers}
""",
}


@pytest.mark.parametrize("kind", CLASHES)
def test_names_of_inputs_may_be_names_within_a_library(kind: str) -> None:
    graph = graphspec.loads(HEAD + CLASHES[kind]).graph
    text = to_text(graph)
    again = graphspec.loads(text).graph
    assert to_text(again) == text
    assert [node.name for node in again.body.nodes] == [node.name for node in graph.body.nodes]


def test_what_is_given_something_else_is_not_taken_from_the_model() -> None:
    text = to_text(graphspec.loads(HEAD + CLASHES["a port that is given something else"]).graph)
    assert "context_2: memory" in text


def test_a_block_that_sees_an_input_needs_no_port() -> None:
    spec = """
inputs: {x: B T d, real: bool B T = true}
blocks:
  one:
    in: {h: B T d}
    nodes:
      a: {block: std.attention, in: h, heads: 2, mask: real}
    out: h + a
nodes:
  layers: {block: one, in: x, repeat: 2}
outputs: {y: layers}
"""
    graph = graphspec.loads(HEAD + spec).graph
    seen = {body.block: names for body, names in seen_inputs(graph).items()}
    assert seen["one"] == {"real"}
    assert disjoint(graph).body.node("layers").inputs == graph.body.node("layers").inputs
