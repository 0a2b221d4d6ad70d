"""Scene → picture: where everything stands and how the lines go, by construction without overlaps.

A scene is a few columns side by side. First the heights: everything stands above what it reads. Then the ways: a line
goes straight up, or turns once or twice, and runs vertically only above its tail, below its head, or on a track beside
its head's column. Then the places across: tracks beside their column, columns outwards from the main one. Where a
horizontal piece would cross a box of a column in between, the box moves up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from graphspec.render.across import Across
from graphspec.render.columns import LEFT, RIGHT, Columns, columns, is_side
from graphspec.render.conflicts import Conflicts
from graphspec.render.measure import (
    BAND,
    PAD,
    TITLE_BAND,
    Measure,
    frame_title_width,
    frame_title_widths,
    measure,
    title_width,
)
from graphspec.render.picture import Box, End, Frame, Label, Line, Picture, Piece, Placed, Point, joined
from graphspec.render.pieces import Pieces
from graphspec.render.plan import Plan
from graphspec.render.scene import Item, Scene, Wire
from graphspec.render.theme import Direction

_MOST_PUSHES = 60


@dataclass(frozen=True)
class Place:
    """Where a scene stands: the path to it, the side of its lanes, the sides from which its other inputs come, and to
    which its other outputs go."""

    path: str
    measure: Measure
    lanes: int = RIGHT
    sides: Mapping[str, int] = field(default_factory=dict[str, int])
    exits: Mapping[str, int] = field(default_factory=dict[str, int])


def placed(scene: Scene, place: Place) -> Placed:
    """A scene with everything in its place."""
    found = columns(scene, place.sides)
    kids = {item.name: _kid(item, found, place) for item in scene.items}
    across = Across(Plan(found, kids, place.lanes))
    for _ in range(_MOST_PUSHES):
        pushed = dict(Conflicts(across).found())
        if not pushed:
            break
        across = Across(across.plan.pushed(pushed))
    return Pieces(across, place.path, place.exits).placed()


def _kid(item: Item, found: Columns, place: Place) -> Placed:
    path = f"{place.path}{item.name}"
    if item.inner is None:
        across, along = place.measure.size(item)
        return Placed(across / 2, across / 2, along, (Box(path, item, 0, along / 2, across, along),))
    others = (wire for wire in found.scene.wires if wire.head == item.name and is_side(wire, found.items))
    sides = {wire.port: _source_side(wire, found, place) for wire in others}
    side = found.sides[found.place[item.name][0]] or place.lanes
    lanes = -side if side in sides.values() and -side not in sides.values() else side
    inner = placed(item.inner, Place(f"{path}/", place.measure, lanes, sides, _exit_sides(item.name, found)))
    return framed(inner, path, item, place.measure, lanes)


def _exit_sides(name: str, found: Columns) -> Mapping[str, int]:
    """To which side each output of a container goes, if it does not leave at the top: to that of its first reader."""
    sides: dict[str, int] = {}
    for wire in found.scene.wires:
        if wire.tail == name:
            beyond = -found.order(wire) if wire.head else RIGHT
            sides.setdefault(wire.out, beyond or found.sides[found.place[name][0]] or RIGHT)
    return sides


def _source_side(wire: Wire, found: Columns, place: Place) -> int:
    if not wire.tail:
        return place.sides[wire.out]
    if found.order(wire) == 0 and found.is_second(wire):
        return _exit_sides(wire.tail, found)[wire.out]
    return found.order(wire) or LEFT


def framed(inner: Placed, path: str, item: Item, sizes: Measure, lanes: int) -> Placed:
    """A scene in its frame, with room for the title beside the line that enters or leaves there."""
    frame, low = (_headed_beside if sizes.direction == "right" else _headed)(inner, path, item, sizes, lanes)
    edge = {LEFT: frame.left, RIGHT: frame.right}

    def outwards(end: End) -> End:
        x, y = end.points[0]
        return replace(end, points=joined(((edge[end.side], y) if end.side else (x, 0.0),), end.points))

    entries = tuple((port, outwards(end.moved(0, low))) for port, end in inner.entries)
    exits = tuple((port, _leaving(end.moved(0, low), edge, frame.top)) for port, end in inner.exits)
    return Placed(-frame.left, frame.right, frame.top, (frame, *inner.moved(0, low)), entries, exits)


def _headed(inner: Placed, path: str, item: Item, sizes: Measure, lanes: int) -> tuple[Frame, float]:
    """A frame with a band for its title above, or below where the data flow down; and how high it lifts what is in it.

    The title stands on the side of the lanes, on the other one if only there is room, or before the line with what
    stands beside it after the line.
    """
    down = sizes.direction == "down"
    low = BAND if down else PAD
    left, right, height = inner.left + PAD, inner.right + PAD, _top(inner) + PAD + BAND
    y = BAND / 2 if down else height - BAND / 2
    line = _line(inner, down)
    name, beside, whole = (wide + 2 * PAD for wide in (*frame_title_widths(item), frame_title_width(item)))
    room = {LEFT: left + line, RIGHT: right - line}
    side = next((side for side in (lanes, -lanes) if room[side] >= whole), None)
    if side is None and (item.times or item.learned):
        left, right = max(left, name - line), max(right, beside + line)
        title, apart = (-left + name / 2, y), (right - beside / 2, y)
        return Frame(path, item, -left, 0, right, height, title, apart), low
    side = side or max((lanes, -lanes), key=lambda side: room[side])
    left, right = (max(left, whole - line), right) if side == LEFT else (left, max(right, whole + line))
    x = -left + whole / 2 if side == LEFT else right - whole / 2
    return Frame(path, item, -left, 0, right, height, (x, y)), low


def _line(inner: Placed, down: bool) -> float:
    """Where the line goes through the band: what enters the scene, or what leaves it."""
    entered = (end.points[0][0] for _, end in inner.entries if not end.side)
    left = (end.points[-1][0] for _, end in inner.exits if not end.side)
    return next(entered if down else left, 0.0)


def _top(inner: Placed) -> float:
    """How high a scene reaches, with the lines that leave it at the side."""
    return max([inner.height, *(end.points[-1][1] + 2 for _, end in inner.exits if end.side)])


def _headed_beside(inner: Placed, path: str, item: Item, sizes: Measure, lanes: int) -> tuple[Frame, float]:
    """The same where the data flow to the right: the band is on the left, which then is above."""
    wide = frame_title_width(item) + 2 * PAD
    taken = [end.points[0][1] + PAD for _, end in inner.entries if end.side == LEFT]
    taken += [end.points[-1][1] + PAD for _, end in inner.exits if end.side == LEFT]
    start = _free(taken, wide)
    left, height = inner.left + PAD + BAND, max(_top(inner) + 2 * PAD, start + wide)
    return Frame(path, item, -left, 0, inner.right + PAD, height, (-left + BAND / 2, start + wide / 2)), PAD


def _free(taken: list[float], wide: float) -> float:
    """The first place for a title that no line from the side runs through."""
    starts = [0.0, *(y + PAD for y in sorted(taken))]
    return next(start for start in starts if not any(start <= y <= start + wide for y in taken))


def _leaving(end: End, edge: Mapping[int, float], height: float) -> End:
    x, y = end.points[-1]
    return replace(end, points=joined(end.points, ((edge[end.side], y) if end.side else (x, height),)))


# -- the whole --------------------------------------------------------------------------------------------------------


def picture_of(scene: Scene, title: str, direction: Direction = "up") -> Picture:
    """A whole model, with the data flowing in a direction."""
    whole = placed(scene, Place("", measure(scene, direction)))
    band = TITLE_BAND if title else 0.0
    turned = [turn(piece, direction) for piece in whole.pieces]
    match direction:
        case "up":
            x, y, width, height = whole.left, 0.0, whole.left + whole.right, whole.height
        case "down":
            x, y, width, height = whole.left, whole.height, whole.left + whole.right, whole.height
        case "right":
            x, y, width, height = 0.0, whole.right, whole.height, whole.left + whole.right
    margin = max(0.0, title_width(title) - width) / 2
    pieces = tuple(piece.moved(x + margin, y) for piece in turned)
    return Picture(width + 2 * margin, height + band, title, pieces)


def turn(piece: Piece, direction: Direction) -> Piece:
    """A piece of an upward diagram as one of a diagram in another direction."""
    if direction == "up":
        return piece
    match piece:
        case Line(points=points):
            return replace(piece, points=tuple(_turn(point, direction) for point in points))
        case Frame(left=left, right=right, bottom=bottom, top=top):
            (x0, y0), (x1, y1) = _turn((left, bottom), direction), _turn((right, top), direction)
            title, beside = _turn(piece.title, direction), _turn(piece.beside, direction) if piece.beside else None
            corners = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            return Frame(piece.path, piece.item, *corners, title, beside)
        case Box(x=x, y=y, width=width, height=height):
            x, y = _turn((x, y), direction)
            size = (height, width) if direction == "right" else (width, height)
            return replace(piece, x=x, y=y, width=size[0], height=size[1])
        case Label(x=x, y=y):
            return replace(piece, x=y + 13, y=-x - 8) if direction == "right" else replace(piece, y=-y - 16)
        case _:
            x, y = _turn((piece.x, piece.y), direction)
            return replace(piece, x=x, y=y)


def _turn(point: Point, direction: Direction) -> Point:
    x, y = point
    return (y, -x) if direction == "right" else (x, -y)
