"""What must hold of every diagram: nothing overlaps, no line runs behind a box, no two look like one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from graphspec.render.measure import frame_title_width, frame_title_widths
from graphspec.render.picture import Box, Frame, Label, Line, Picture, Point

Rectangle = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def faults(picture: Picture) -> list[str]:
    """Everything that is wrong with a placed diagram, in words."""
    return [*overlaps(picture), *strays(picture), *crossed_boxes(picture), *crossed_words(picture), *merged(picture)]


def overlaps(picture: Picture) -> Iterator[str]:
    """Boxes, labels and frames that lie on one another; a frame may lie within another."""
    solid = {**boxes(picture), **labels(picture)}
    for (a, one), (b, other) in combinations(solid.items(), 2):
        if meet(one, other, 1):
            yield f"{a} overlaps {b}"
    outlines = {**boxes(picture), **frames(picture)}
    for path, frame in frames(picture).items():
        for name, other in outlines.items():
            inside = name.startswith(f"{path}/")
            around = path.startswith(f"{name}/") or name == path
            if not around and (inside != meet(other, frame, 0) or (inside and not within(other, frame))):
                yield f"{name} lies across {path}"


def strays(picture: Picture) -> Iterator[str]:
    """What lies outside of the drawing."""
    whole = (-0.5, -0.5, picture.width + 0.5, picture.height + 0.5)
    ways = {f"{line.tail} -> {line.head}": stroke(a, b) for line in lines(picture) for a, b in pairwise(line.points)}
    for name, rectangle in {**boxes(picture), **frames(picture), **labels(picture), **ways}.items():
        if not within(rectangle, whole):
            yield f"{name} is outside"


def crossed_boxes(picture: Picture) -> Iterator[str]:
    """Lines that are not level or upright, or run behind a box."""
    for line in lines(picture):
        for a, b in pairwise(line.points):
            if a[0] != b[0] and a[1] != b[1]:
                yield f"{line.tail} -> {line.head} is slanted"
            through = (path for path, box in boxes(picture).items() if meet(stroke(a, b), box, 0.5))
            yield from (f"{line.tail} -> {line.head} runs behind {path}" for path in through)


def crossed_words(picture: Picture) -> Iterator[str]:
    """Labels and titles of frames with a line through them."""
    words = {**labels(picture), **titles(picture)}
    for line in lines(picture):
        for a, b in pairwise(line.points):
            through = (name for name, box in words.items() if meet(stroke(a, b), box, 0.5))
            yield from (f"{line.tail} -> {line.head} runs through {name}" for name in through)


def merged(picture: Picture) -> Iterator[str]:
    """Lines of different values that lie on one another, other than where they enter the same thing."""
    for one, other in combinations(lines(picture), 2):
        pieces = ((p, q) for p in pairwise(one.points) for q in pairwise(other.points))
        if one.tail != other.tail and one.head != other.head and any(shared(*p, *q) > 1 for p, q in pieces):
            yield f"{one.tail} -> {one.head} lies on {other.tail} -> {other.head}"


# -- rectangles -------------------------------------------------------------------------------------------------------


def boxes(picture: Picture) -> dict[str, Rectangle]:
    found = (piece for piece in picture.pieces if isinstance(piece, Box))
    return {p.path: (p.x - p.width / 2, p.y - p.height / 2, p.x + p.width / 2, p.y + p.height / 2) for p in found}


def frames(picture: Picture) -> dict[str, Rectangle]:
    return {p.path: (p.left, p.bottom, p.right, p.top) for p in picture.pieces if isinstance(p, Frame)}


def labels(picture: Picture) -> dict[str, Rectangle]:
    found = (piece for piece in picture.pieces if isinstance(piece, Label))
    return {f"label {at} ({p.text})": (p.x - 9, p.y + 3, p.x + 9, p.y + 11) for at, p in enumerate(found)}


def titles(picture: Picture) -> dict[str, Rectangle]:
    return dict(_titles(picture))


def _titles(picture: Picture) -> Iterator[tuple[str, Rectangle]]:
    for frame in (piece for piece in picture.pieces if isinstance(piece, Frame)):
        name, beside = frame_title_widths(frame.item)
        yield f"title of {frame.path}", around(frame.title, name if frame.beside else frame_title_width(frame.item))
        if frame.beside:
            yield f"beside the title of {frame.path}", around(frame.beside, beside)


def around(place: Point, wide: float) -> Rectangle:
    return place[0] - wide / 2, place[1] - 6, place[0] + wide / 2, place[1] + 6


def lines(picture: Picture) -> list[Line]:
    return [piece for piece in picture.pieces if isinstance(piece, Line)]


def stroke(a: Point, b: Point) -> Rectangle:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])


def meet(one: Rectangle, other: Rectangle, rim: float) -> bool:
    """Whether `one` reaches further into `other` than a rim."""
    left, bottom, right, top = other[0] + rim, other[1] + rim, other[2] - rim, other[3] - rim
    return one[0] < right and left < one[2] and one[1] < top and bottom < one[3]


def within(inner: Rectangle, outer: Rectangle) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def shared(a: Point, b: Point, c: Point, d: Point) -> float:
    """How long two straight pieces lie on one another."""
    for axis in (0, 1):
        if a[axis] == b[axis] == c[axis] == d[axis]:
            one, other = sorted((a[1 - axis], b[1 - axis])), sorted((c[1 - axis], d[1 - axis]))
            return min(one[1], other[1]) - max(one[0], other[0])
    return 0.0
