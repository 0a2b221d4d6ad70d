"""Masks as tiny pictures."""

from __future__ import annotations

import pytest

from graphspec.axes import dim
from graphspec.masks import (
    Adjacency,
    And,
    Causal,
    Chunk,
    Dilated,
    Documents,
    Everything,
    Keys,
    Mask,
    Not,
    Or,
    Prefix,
    Window,
)
from graphspec.render.glyphs import SIDE, glyph

BAND = ["#.....", "##....", "###...", ".###..", "..###.", "...###"]


@pytest.mark.parametrize(
    ("mask", "rows"),
    [
        (Causal(), ["#.....", "##....", "###...", "####..", "#####.", "######"]),
        (And(Causal(), Window(left=dim(4095))), BAND),
        (And(Causal(), Window(left=dim("size"))), BAND),
        (Window(left=dim(0), right=dim(0)), ["#.....", ".#....", "..#...", "...#..", "....#.", ".....#"]),
        (Keys("real"), ["####.."] * SIDE),
        (Not(Keys("real")), ["....##"] * SIDE),
        (Chunk(dim(64)), ["###..."] * 3 + ["...###"] * 3),
        (Or(Causal(), Prefix(dim(2))), ["###..."] * 3 + ["####..", "#####.", "######"]),
        (Dilated(dim(3)), ["#.#.#.", ".#.#.#"] * 3),
        (Everything(), []),
        (Or(Causal(), Not(Causal())), []),
    ],
)
def test_rows(mask: Mask, rows: list[str]) -> None:
    assert list(glyph(mask, {"size": 100})) == rows


@pytest.mark.parametrize("mask", [Documents("ids"), Adjacency("edges")])
def test_symmetric_masks(mask: Mask) -> None:
    rows = glyph(mask, {})
    assert rows == tuple("".join(column) for column in zip(*rows, strict=True))
    assert all(rows[at][at] == "#" for at in range(SIDE))
