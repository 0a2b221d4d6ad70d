"""A placed diagram: every box, frame and line with its coordinates in points, y upwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from graphspec.render.scene import Item

Point = tuple[float, float]
Points = tuple[Point, ...]
Paint = Literal["", "path", "leap", "added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Box:
    """An item with its centre and size. `side` is where a residual comes in: -1 left, 1 right.

    `paint`, here and below: `path` on the path that refutes a contract, `leap` where that path goes to another place;
    in a picture of two graphs, what became of it.
    """

    path: str
    item: Item
    x: float
    y: float
    width: float
    height: float
    side: int = 0
    paint: Paint = ""

    def moved(self, x: float, y: float) -> Box:
        return replace(self, x=self.x + x, y=self.y + y)


@dataclass(frozen=True, slots=True)
class Frame:
    """A container: its corners, the middle of its title, and of what stands beside it (turns) where that is apart."""

    path: str
    item: Item
    left: float
    bottom: float
    right: float
    top: float
    title: Point
    beside: Point | None = None
    paint: Paint = ""

    def moved(self, x: float, y: float) -> Frame:
        left, bottom, right, top = self.left + x, self.bottom + y, self.right + x, self.top + y
        (title,) = moved((self.title,), x, y)
        (beside,) = moved((self.beside,), x, y) if self.beside else (None,)
        return replace(self, left=left, bottom=bottom, right=right, top=top, title=title, beside=beside)


@dataclass(frozen=True, slots=True)
class Line:
    """A way from one item to another in straight pieces; `kind` is data, residual, memory or tie."""

    tail: str
    head: str
    points: Points
    kind: str
    arrow: bool = True
    paint: Paint = ""

    def moved(self, x: float, y: float) -> Line:
        return replace(self, points=moved(self.points, x, y))


@dataclass(frozen=True, slots=True)
class Dot:
    """Where the value of the item at `path` forks."""

    path: str
    x: float
    y: float
    paint: Paint = ""

    def moved(self, x: float, y: float) -> Dot:
        return replace(self, x=self.x + x, y=self.y + y)


@dataclass(frozen=True, slots=True)
class Label:
    """A word beside a line; it stands above its point."""

    text: str
    kind: str
    x: float
    y: float

    def moved(self, x: float, y: float) -> Label:
        return replace(self, x=self.x + x, y=self.y + y)


@dataclass(frozen=True, slots=True)
class End:
    """Where a line from outside meets an item, or leaves it: from below or above (0), from the left or the right.

    `points` lead from the outermost point inwards for an entry, outwards for an exit.
    """

    path: str
    side: int
    points: Points
    arrow: bool = True
    labelled: bool = False

    def moved(self, x: float, y: float) -> End:
        return replace(self, points=moved(self.points, x, y))


Piece = Box | Frame | Line | Dot | Label


@dataclass(frozen=True)
class Placed:
    """Pieces around the vertical line x = 0, from y = 0 up, and where lines from outside meet them."""

    left: float
    right: float
    height: float
    pieces: tuple[Piece, ...]
    entries: tuple[tuple[str, End], ...] = ()
    exits: tuple[tuple[str, End], ...] = ()

    def moved(self, x: float, y: float) -> tuple[Piece, ...]:
        return tuple(piece.moved(x, y) for piece in self.pieces)

    def reach(self, side: int) -> float:
        return self.right if side > 0 else self.left


@dataclass(frozen=True)
class Picture:
    """A whole diagram; every piece lies between (0, 0) and (width, height). `caption` are the lines below it."""

    width: float
    height: float
    title: str
    pieces: Sequence[Piece] = field(default_factory=tuple[Piece, ...])
    caption: tuple[str, ...] = ()


def moved(points: Points, x: float, y: float) -> Points:
    return tuple((a + x, b + y) for a, b in points)


def joined(*parts: Points) -> Points:
    """One way from several, without points that repeat or lie on a straight piece."""
    way: list[Point] = []
    for point in (point for part in parts for point in part):
        if way and way[-1] == point:
            continue
        if len(way) > 1 and _in_line(way[-2], way[-1], point):
            way.pop()
        way.append(point)
    return tuple(way)


def _in_line(a: Point, b: Point, c: Point) -> bool:
    return (a[0] == b[0] == c[0]) or (a[1] == b[1] == c[1])
