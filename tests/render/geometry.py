"""What must hold of every diagram: nothing overlaps, no line runs behind a box or beside another as if they were one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from graphspec.render.measure import frame_title_width
from graphspec.render.picture import Box, Frame, Label, Line, Picture

Rectangle = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def faults(picture: Picture) -> list[str]:
    """Everything that is wrong with a placed diagram, in words."""
    return [*overlaps(picture), *strays(picture), *crossed_boxes(picture), *crossed_words(picture), *merged(picture)]


def overlaps(picture: Picture) -> Iterator[str]:
    """Boxes, labels and frames that lie on one another; a frame may lie within another."""
    solid = {**dict(boxes(picture)), **dict(labels(picture))}
    for (a, one), (b, other) in combinations(solid.items(), 2):
        if meet(one, other, 1):
            yield f"{a} overlaps {b}"
    for (a, one), (b, other) in combinations(frames(picture).items(), 2):
        nested = a.startswith(f"{b}/") or b.startswith(f"{a}/")
        if meet(one, other, 1) and not (nested and (within(one, other) or within(other, one))):
            yield f"frame {a} overlaps {b}"
    for path, frame in frames(picture).items():
        for name, box in boxes(picture).items():
            if name.startswith(f"{path}/") != meet(box, frame, 0) or (
                name.startswith(f"{path}/") and not within(box, frame)
            ):
                yield f"{name} lies across {path}"


def strays(picture: Picture) -> Iterator[str]:
    whole = (-0.5, -0.5, picture.width + 0.5, picture.height + 0.5)
    for path, box in {**boxes(picture), **frames(picture)}.items():
        if not within(box, whole):
            yield f"{path} is outside"
    for line in lines(picture):
        if not all(within((x, y, x, y), whole) for x, y in line.points):
            yield f"{line.tail} -> {line.head} is outside"


def crossed_boxes(picture: Picture) -> Iterator[str]:
    for line in lines(picture):
        for a, b in pairwise(line.points):
            if a[0] != b[0] and a[1] != b[1]:
                yield f"{line.tail} -> {line.head} is slanted"
            for path, box in boxes(picture).items():
                if meet(stroke(a, b), box, 0.5):
                    yield f"{line.tail} -> {line.head} runs behind {path}"


def crossed_words(picture: Picture) -> Iterator[str]:
    """Labels and titles of frames with a line through them."""
    words = {**dict(labels(picture)), **{f"title of {path}": box for path, box in titles(picture)}}
    for line in lines(picture):
        for a, b in pairwise(line.points):
            yield from (
                f"{line.tail} -> {line.head} runs through {name}"
                for name, box in words.items()
                if meet(stroke(a, b), box, 0.5)
            )


def merged(picture: Picture) -> Iterator[str]:
    """Pieces of lines of different values that lie on one another, other than where they enter the same thing."""
    for one, other in combinations(lines(picture), 2):
        if one.tail == other.tail or one.head == other.head:
            continue
        for a, b in pairwise(one.points):
            for c, d in pairwise(other.points):
                if overlap(a, b, c, d) > 1:
                    yield f"{one.tail} -> {one.head} lies on {other.tail} -> {other.head}"


# -- rectangles -------------------------------------------------------------------------------------------------------


def boxes(picture: Picture) -> dict[str, Rectangle]:
    found = (piece for piece in picture.pieces if isinstance(piece, Box))
    return {p.path: (p.x - p.width / 2, p.y - p.height / 2, p.x + p.width / 2, p.y + p.height / 2) for p in found}


def frames(picture: Picture) -> dict[str, Rectangle]:
    return {p.path: (p.left, p.bottom, p.right, p.top) for p in picture.pieces if isinstance(p, Frame)}


def labels(picture: Picture) -> Iterator[tuple[str, Rectangle]]:
    found = (piece for piece in picture.pieces if isinstance(piece, Label))
    for at, p in enumerate(found):
        yield f"label {at} ({p.text})", (p.x - 9, p.y + 3, p.x + 9, p.y + 11)


def titles(picture: Picture) -> Iterator[tuple[str, Rectangle]]:
    for p in picture.pieces:
        if isinstance(p, Frame):
            width = frame_title_width(p.item)
            x, y = p.title
            yield p.path, (x - width / 2, y - 6, x + width / 2, y + 5)


def lines(picture: Picture) -> list[Line]:
    return [piece for piece in picture.pieces if isinstance(piece, Line)]


def stroke(a: tuple[float, float], b: tuple[float, float]) -> Rectangle:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])


def meet(one: Rectangle, other: Rectangle, margin: float) -> bool:
    """Whether two rectangles share more than a rim of the given width."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    along = min(one[3], other[3]) - max(one[1], other[1])
    thin = [one[2] - one[0], one[3] - one[1]]
    return (
        across > (margin if thin[0] else -1e-9)
        and along > (margin if thin[1] else -1e-9)
        and not (
            (not thin[0] and (one[0] - other[0] < margin or other[2] - one[0] < margin))
            or (not thin[1] and (one[1] - other[1] < margin or other[3] - one[1] < margin))
        )
    )


def within(inner: Rectangle, outer: Rectangle) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def overlap(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]) -> float:
    """How long two straight pieces lie on one another."""
    for axis in (0, 1):
        if a[axis] == b[axis] == c[axis] == d[axis]:
            along = 1 - axis
            return min(max(a[along], b[along]), max(c[along], d[along])) - max(
                min(a[along], b[along]), min(c[along], d[along])
            )
    return 0
