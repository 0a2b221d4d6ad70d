"""Symbolic amounts as people read them."""

from __future__ import annotations

import pytest

from graphspec.analysis.cost import amount
from graphspec.axes import Dim, dim

B, S, T = map(dim, "BST")


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (B * S * 2_100_000, "2.1 M · B · S"),
        (B * T * T * 3, "3 · B · T²"),
        (B * T, "B · T"),
        (dim(1234), "1.23 k"),
        (dim(0), "0"),
        (B + 1, "B + 1"),
        (T * 2000 - B, "2 k · T − B"),
        (dim(2) - B * 3000, "−3 k · B + 2"),
        (B * (T // dim(2)) * 5000, "5 k · B · (T // 2)"),
        (dim(5) * B + S * 9000 + T * 8 + 4, "9 k · S + 8 · T + 5 · B + …"),
    ],
    ids=str,
)
def test_a_sum_begins_with_what_is_largest(size: Dim, told: str) -> None:
    assert amount(size) == told


def test_of_a_sum_as_much_as_there_is_room_for() -> None:
    assert amount(B * 2000 + T, terms=1) == "2 k · B + …"
    assert amount(B * 2000, terms=1) == "2 k · B"
