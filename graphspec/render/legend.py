"""A row of boxes below a picture that says what its colours mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphspec.render.measure import TITLE_SIZE
from graphspec.render.names import width
from graphspec.render.picture import Box, Frame, Line, Paint, Picture
from graphspec.render.scene import Item

_HEIGHT, _GAP, _BELOW = 20.0, 10.0, 22.0


def with_legend(picture: Picture, words: Mapping[Paint, str]) -> Picture:
    """The picture with a box for each paint that is in it."""
    used = {piece.paint for piece in picture.pieces if isinstance(piece, Box | Frame | Line)}
    shown: list[tuple[Paint, str]] = [(paint, text) for paint, text in words.items() if paint in used]
    if not shown:
        return picture
    widths = [width(text, TITLE_SIZE, bold=True) + 20 for _, text in shown]
    whole = sum(widths) + _GAP * (len(shown) - 1)
    wide, low = max(picture.width, whole), _HEIGHT + _BELOW
    pieces = [piece.moved((wide - picture.width) / 2, low) for piece in picture.pieces]
    x = (wide - whole) / 2
    for (paint, text), own in zip(shown, widths, strict=True):
        item = Item(f"•{paint}", "box", title=text)
        pieces.append(Box(item.name, item, x + own / 2, _HEIGHT / 2, own, _HEIGHT, paint=paint))
        x += own + _GAP
    return replace(picture, width=wide, height=picture.height + low, pieces=tuple(pieces))
