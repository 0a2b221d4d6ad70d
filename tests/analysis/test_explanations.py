"""How a refutation is told: by distances where they hold at every place, by numbers where not, with the mask at fault."""

from __future__ import annotations

import pytest

import graphspec
from tests.flow.models import CAUSAL, INDEPENDENT, PADDING, decoder, verdict

REACH = "reach: {output: y, input: x, left: 3, right: 0}"
PREFIX = "prefix_causal: {output: y, input: x, n: 2}"


@pytest.mark.parametrize(
    ("contract", "mask", "summary"),
    [
        (CAUSAL, "everything", "`y[t]` reads `x[t + 1]`"),
        (CAUSAL, "window(left=0, right=1)", "`y[t]` reads `x[t + 1]`"),
        (CAUSAL, "chunk(2)", "`y` at `T` = 0 reads `x` at `T` = 1"),
        (CAUSAL, "causal | prefix(2)", "`y` at `T` = 0 reads `x` at `T` = 1"),
        (REACH, "window(left=2, right=0)", "`y[t]` reads `x[t − 4]`"),
        (PREFIX, "everything", "`y[t]` reads `x[t + 2]`"),
        (PADDING, "everything", "`y` at `T` = 0 reads `x` at `T` = 3"),
    ],
)
def test_distances_where_they_hold_everywhere(contract: str, mask: str, summary: str) -> None:
    assert verdict(decoder(contract, mask=mask)).summary == summary


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        ("everything", "`body.attention`: attend (as a value, no mask), [t] → [t + 1]"),
        ("real", "`body.attention`: attend (as a value, mask: real), [t] → [t + 1]"),
        ("~causal & real", "`body.attention`: attend (as a value, mask: ~causal & real), [t] → [t + 1]"),
        ("chunk(2)", "`body.attention`: attend (as a value, mask: chunk(2)), [0] → [1]"),
    ],
)
def test_the_mask_at_fault(mask: str, told: str) -> None:
    found = verdict(decoder(CAUSAL, mask=mask))
    assert [str(hop) for hop in found.path if hop.moves] == [told]


def test_distances_are_told_from_where_the_path_starts() -> None:
    found = verdict(decoder(REACH, mask="window(left=2, right=0)"))
    moves = [str(hop).rpartition(", ")[2] for hop in found.path if hop.moves]
    assert moves == ["[t] → [t − 2]", "[t − 2] → [t − 4]"]


def test_rows_have_their_own_letter() -> None:
    found = verdict(decoder(INDEPENDENT, after="body + mean(body, B)"))
    assert found.summary == "`y[b]` reads `x[b + 1]`"
    assert str(found.path[0]) == "`after`: reduce, [b] → [b + 1]"


LONGER = """\
graphspec: 1
name: longer
params: {d: 4}
axes: {B: batch, T: position}
inputs: {x: B T d}
nodes:
  first: {op: parameter, shape: [1, d]}
  more: {op: concat, a: first, b: x, axis: T + 1}
  ahead: {op: shift, in: more, axis: T + 1, by: -2}
  y: {op: slice, in: ahead, axis: T + 1, stop: T}
outputs: {y: y}
contracts: [{causal: {output: y, input: x}}]
"""


def test_on_another_axis_places_are_numbers() -> None:
    found = verdict(graphspec.loads(LONGER))
    assert found.summary == "`y[t]` reads `x[t + 1]`"
    assert [str(hop) for hop in found.path] == ["`y`: slice", "`ahead`: shift, [0] → [2]", "`more`: concat, [2] → [1]"]
