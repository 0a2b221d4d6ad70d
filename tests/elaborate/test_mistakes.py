"""Mistakes that a beginner makes: what is said of each, and what to do about it."""

from __future__ import annotations

import pytest

import graphspec

TEXT = """graphspec: 1
name: tiny
params: {d: 64, heads: 4, vocab: 256}
axes: {B: batch, T: position, Q: position}
inputs:
  tokens: {type: int B T, below: vocab}
  asked: {type: int B Q, below: vocab}
blocks:
  layer_of_mine:
    in: {x: B T d, context: B Q d}
    nodes:
      attention: {block: std.attention, in: x, context: context, heads: heads}
      ffn: {block: std.ffn, hidden: 4 * d, activation: gelu}
      gate: {op: linear, in: ffn, dim: 1}
    out: x + ffn
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  queries: {op: embedding, in: asked, share: embedding}
  layers: {block: layer_of_mine, x: embedding, context: queries, repeat: 2}
  norm: {op: layer_norm}
  logits: {op: linear, share: embedding, bias: false}
outputs: {logits: logits}
init: {"*": normal(0.02)}
"""

MISTAKES = {
    ("layer_of_mine", "layer"): ("reserved-name", "it counts the turns of a repeat; call yours `decoder_layer`, say"),
    ("int B T", "int B S"): ("unknown-axis", "known sizes: `B`, `Q`, `T`, `d`, `heads`, `vocab`; or declare it under `axes:`"),
    ("x: embedding, context: queries", "x: queries, context: queries"): (
        "shape-mismatch", "a name that the file does not declare stands for any size"),
    ("{op: layer_norm}", "layer_norm"): ("unknown-name", "an operator is used by a node: `{op: layer_norm, in: …}`"),
    ("activation: gelu", "activation: gelo"): ("wrong-kind", "did you mean `gelu`?"),
    ("out: x + ffn", "out: x + gate"): (
        "shape-mismatch", "elementwise operands need equal features; `{op: select, in: …, axis: 1}` takes an axis of one place away"),
    ("hidden: 4 * d", "hidden: d - 100"): ("no-value", "sizes count from 0"),
    ("size: vocab", "size: -vocab"): ("no-value", "sizes count from 0"),
    ("normal(0.02)", "normal"): ("wrong-form", "it is normal(std): mean 0"),
    ("normal(0.02)", "normal(std=0.02)"): ("wrong-form", "it is normal(std): mean 0"),
    ("normal(0.02)", "zeros(1)"): ("wrong-form", "it is all 0"),
}  # fmt: skip


def test_the_text_is_right() -> None:
    assert not graphspec.loads(TEXT).check()


@pytest.mark.parametrize("mistake", MISTAKES, ids=" → ".join)
def test_what_to_do_about_it(mistake: tuple[str, str]) -> None:
    with pytest.raises(graphspec.SpecError) as caught:
        graphspec.loads(TEXT.replace(*mistake))
    assert MISTAKES[mistake] in [(found.code, found.help) for found in caught.value.diagnostics]


def test_a_number_is_told_by_its_value() -> None:
    with pytest.raises(graphspec.SpecError, match=r"`d` is the number `64\.5`"):
        graphspec.loads(TEXT.replace("d: 64", "d: 64.5"))
