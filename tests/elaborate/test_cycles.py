"""A cycle is told from the name that stands first in the file, in every run."""

from __future__ import annotations

import pytest

from graphspec.ordering import order


@pytest.mark.parametrize("letter", "abcdefghijkl")  # sets of other names have other orders
def test_a_cycle_begins_with_its_first_name(letter: str) -> None:
    names = [f"{letter}{at}" for at in (3, 1, 2)]
    reads = {names[0]: {names[1]}, names[1]: {names[2]}, names[2]: {names[0]}}
    assert order(names, reads) == ([], names)


@pytest.mark.parametrize("letter", "abcdefghijkl")
def test_of_several_cycles_the_shortest_is_told_and_of_these_the_first(letter: str) -> None:
    long, late, early = ([f"{letter}{kind}{at}" for at in (2, 1, 3)] for kind in ("long", "late", "early"))
    reads = {long[0]: {long[1]}, long[1]: {long[2]}, long[2]: {long[0]}}
    reads |= {early[0]: {early[1]}, early[1]: {early[0]}, late[0]: {late[1]}, late[1]: {late[0]}}
    rest, cycle = order([*long, *early[:2], *late[:2], "alone"], reads)
    assert (rest, cycle) == (["alone"], early[:2])


def test_a_name_that_reads_itself_is_the_shortest_cycle() -> None:
    assert order(["a", "b"], {"a": {"b"}, "b": {"a", "b"}}) == (["a"], ["b"])
