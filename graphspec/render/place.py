"""Scene → picture: where everything stands and how the lines go, by construction without overlaps.

A scene is a few columns side by side. First the heights: everything stands above what it reads. Then the ways: a line
goes straight up, or turns once or twice, and runs vertically only above its tail, below its head, or on a track beside
its head's column. Then the places across: tracks beside their column, columns outwards from the main one. Where a
horizontal piece would cross a box of a column in between, the box moves up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from graphspec.render.across import Across
from graphspec.render.columns import LEFT, RIGHT, Columns, columns, is_side
from graphspec.render.measure import BAND, PAD, TITLE_BAND, Measure, frame_title_width, measure
from graphspec.render.picture import Box, End, Frame, Picture, Placed, joined
from graphspec.render.pieces import Pieces
from graphspec.render.plan import Plan
from graphspec.render.scene import Item, Scene, Wire

_MOST_PUSHES = 60


@dataclass(frozen=True)
class Place:
    """Where a scene stands: the path to it, the sides from which its other inputs come, the side of its lanes."""

    path: str
    measure: Measure
    lanes: int = RIGHT
    sides: Mapping[str, int] | None = None


def placed(scene: Scene, place: Place) -> Placed:
    """A scene with everything in its place."""
    found = columns(scene)
    kids = {item.name: _kid(item, found, place) for item in scene.items}
    least: dict[str, float] = {}
    for _ in range(_MOST_PUSHES):
        across = Across(Plan(found, kids, place.lanes, least))
        pushed = dict(across.conflicts())
        if not pushed:
            break
        least |= pushed
    return Pieces(across, place.path).placed()


def _kid(item: Item, found: Columns, place: Place) -> Placed:
    path = f"{place.path}{item.name}"
    if item.inner is None:
        across, along = place.measure.size(item)
        return Placed(across / 2, across / 2, along, (Box(path, item, 0, along / 2, across, along),))
    others = (wire for wire in found.scene.wires if wire.head == item.name and is_side(wire, found.items))
    sides = {wire.port: _source_side(wire, found, place) for wire in others}
    side = found.sides[found.place[item.name][0]] or place.lanes
    lanes = -side if side in sides.values() and -side not in sides.values() else side
    return framed(placed(item.inner, Place(f"{path}/", place.measure, lanes, sides)), path, item, place.measure, lanes)


def _source_side(wire: Wire, found: Columns, place: Place) -> int:
    if not wire.tail:
        return (place.sides or {}).get(wire.out, LEFT)
    return found.order(wire) or LEFT


def framed(inner: Placed, path: str, item: Item, sizes: Measure, lanes: int) -> Placed:
    """A scene in its frame, wide enough for the title beside the line that leaves at the top."""
    wide = frame_title_width(item) + 2 * PAD
    side = lanes if inner.reach(lanes) >= inner.reach(-lanes) else -lanes
    left, right = (max(inner.reach(s) + PAD, wide if s == side else PAD) for s in (LEFT, RIGHT))
    height = inner.height + PAD + BAND
    frame = Frame(path, item, -left, 0, right, height, side)
    edge = {LEFT: -left, RIGHT: right}

    def outwards(end: End) -> End:
        x, y = end.points[0]
        return replace(end, points=joined(((edge[end.side], y) if end.side else (x, 0.0),), end.points))

    entries = tuple((port, outwards(end)) for port, end in _shifted(inner.entries))
    exits = tuple((port, _leaving(end, edge, height)) for port, end in _shifted(inner.exits))
    return Placed(left, right, height, (frame, *inner.moved(0, PAD)), entries, exits)


def _shifted(ends: tuple[tuple[str, End], ...]) -> Iterator[tuple[str, End]]:
    return ((port, end.moved(0, PAD)) for port, end in ends)


def _leaving(end: End, edge: Mapping[int, float], height: float) -> End:
    x, y = end.points[-1]
    return replace(end, points=joined(end.points, ((edge[end.side], y) if end.side else (x, height),)))


# -- the whole --------------------------------------------------------------------------------------------------------


def picture_of(scene: Scene, title: str) -> Picture:
    """A whole model, with the data flowing upwards."""
    whole = placed(scene, Place("", measure(scene, sideways=False)))
    band = TITLE_BAND if title else 0.0
    return Picture(whole.left + whole.right, whole.height + band, title, whole.moved(whole.left, 0))
