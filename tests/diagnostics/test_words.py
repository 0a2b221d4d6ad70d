"""Diagnostics are English."""

import pytest

from graphspec.diagnostics import counted


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        (1, ("input",), "1 input"),
        (0, ("input",), "0 inputs"),
        (2, ("axis", "axes"), "2 axes"),
        (1, ("axis", "axes"), "1 axis"),
    ],
)
def test_a_noun_agrees_with_its_number(number: int, words: tuple[str, ...], told: str) -> None:
    assert counted(number, *words) == told
