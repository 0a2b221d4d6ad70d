"""Axes cut into blocks and joined again: a split is undone by its merge, and what is not is bounded."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import graphspec
from graphspec.analysis.contracts import verdicts
from graphspec.axes import dim
from graphspec.flow import Interval, Relation, Rest, compose, piece, relation
from tests.flow.brute import matrix

BLOCKS, COUNT = 3, 4
PLACES = BLOCKS * COUNT
SPLIT = """
graphspec: 1
name: blocks
params: {d: 2, width: 3}
axes: {B: batch, N: position, T: {size: width * N, role: position}}
inputs: {x: B T d}
nodes:
  parts: {op: rearrange, in: x, pattern: B (N width) d -> B N width d}
  mixed: EXPRESSION
  y: {op: rearrange, in: mixed, pattern: B N width d -> B (N width) d}
outputs: {y: y}
contracts: [{causal: {output: y, input: x}}, {independent: {axis: T}}]
"""

APART = """
graphspec: 1
name: apart
params: {d: 2, width: 3}
axes: {B: batch, N: position, T: {size: width * N, role: position}}
inputs: {x: B T d}
blocks:
  cut:
    in: {whole: B T d}
    nodes: {parts: {op: rearrange, in: whole, pattern: B (N width) d -> B N width d}}
    out: parts
  join:
    in: {parts: B N width d}
    nodes: {whole: {op: rearrange, in: parts, pattern: B N width d -> B (N width) d}}
    out: whole
nodes:
  blocks: {block: cut, in: x}
  mixed: 2 * blocks
  y: {block: join, in: mixed}
outputs: {y: y}
contracts: [{causal: {output: y, input: x}}, {independent: {axis: T}}]
"""


def merged() -> tuple[Relation, Relation]:
    """How place `t = COUNT * c + k` of a merged axis reads the axes of `c` and of `k`."""
    below = Interval.of(dim(1) * Fraction(1, COUNT) - 1, 0)
    blocks = piece({0: Fraction(1, COUNT)}, below, Interval.first(BLOCKS), rest=Rest(0, COUNT, Fraction(-1, COUNT)))
    within = piece({}, Interval.of(None, None), Interval.first(COUNT), rest=Rest(0, COUNT, Fraction(1)))
    return relation([blocks]), relation([within])


@pytest.mark.parametrize(("of_block", "of_rest"), list(itertools.product((-4, -1, 0, 1, 2, 4, 8), (-1, 0, 1, 2))))
@pytest.mark.parametrize("offsets", [(0, 0), (-1, 2)])
def test_what_a_merged_axis_reads(of_block: int, of_rest: int, offsets: tuple[int, int]) -> None:
    """Nothing that is read is missed; and where the rates agree, nothing is added."""
    rates = {0: Fraction(of_block), 1: Fraction(of_rest)}
    state = relation([piece(rates, Interval.of(*offsets), Interval.first(PLACES))])
    bound = matrix(compose(merged(), state), (PLACES,), PLACES)
    t, j = np.arange(PLACES)[:, None], np.arange(PLACES)
    offset = j - of_block * (t // COUNT) - of_rest * (t % COUNT)
    exact = (offset >= offsets[0]) & (offset <= offsets[1])
    assert not (exact & ~bound).any()
    if of_block == COUNT * of_rest and of_rest:
        assert (exact == bound).all()


def test_a_split_and_a_merge_in_blocks_of_their_own_undo_each_other() -> None:
    assert [found.status for found in verdicts(graphspec.loads(APART).graph)] == ["proved", "proved"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2 * parts", ["proved", "proved"]),
        ("parts + mean(parts, width)", ["refuted", "refuted"]),
        ("mean(parts, width) + 0 * parts", ["refuted", "refuted"]),
        ("{op: shift, in: parts, axis: width}", ["proved", "refuted"]),
        ("{op: shift, in: parts, axis: N}", ["proved", "refuted"]),
        ("{op: shift, in: parts, axis: width, by: -1}", ["refuted", "refuted"]),
    ],
)
def test_blocks_of_positions(expression: str, expected: list[str]) -> None:
    spec = graphspec.loads(SPLIT.replace("EXPRESSION", expression))
    assert [found.status for found in verdicts(spec.graph)] == expected
