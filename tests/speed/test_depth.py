"""What blocks within blocks take: it grows with the blocks, not with how often they stand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

import graphspec
from compiler.emit import emit
from graphspec.render.canonical import to_text
from graphspec.render.summary import summary
from graphspec.render.table import as_dicts
from tests.elaborate.nested import nested

LEAF = "{block: std.attention, in: x, heads: 2, mask: causal}"


def calls(work: Callable[[], object]) -> int:
    """How many functions are called: a measure of work that no other process disturbs."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def checked(spec: graphspec.Spec) -> str:
    return summary(spec.graph, spec.check()).as_text()


STAGES: dict[str, Callable[[graphspec.Spec], object]] = {
    "load": lambda spec: graphspec.loads(spec.text),
    "check": checked,
    "show": lambda spec: as_dicts(spec.graph, {}),
    "show --text": lambda spec: to_text(spec.graph),
    "compile": lambda spec: emit(spec.graph),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_block_that_stands_two_thousand_times_is_worked_through_once(stage: str) -> None:
    few, many = (graphspec.loads(nested(depth, LEAF)) for depth in (6, 12))
    STAGES[stage](few), STAGES[stage](many)  # imports, and caches of what both have
    ratio = calls(lambda: STAGES[stage](many)) / calls(lambda: STAGES[stage](few))
    assert ratio < 2.5  # it doubled with every level, and was 64
