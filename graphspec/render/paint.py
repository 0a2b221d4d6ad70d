"""A placed diagram with the path of a refuted contract painted: the boxes on it, and the lines between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from graphspec.render.explain import Explanation, trails
from graphspec.render.measure import CAPTION_LINE, CAPTION_SIZE
from graphspec.render.names import width, wrapped
from graphspec.render.picture import Box, Dot, Frame, Line, Paint, Picture, Piece, Point
from graphspec.render.scene import Item, Scene

_NARROWEST = 300.0
"""How wide a caption may be in any case."""

Turn = tuple[int, int] | None
Nodes = Sequence[tuple[str, Turn]]


def painted(picture: Picture, scene: Scene, explanation: Explanation) -> Picture:
    """The same diagram, the path red, with a caption."""
    stops = list(_stops(scene, explanation))
    paint = _Paint(picture.pieces, stops, explanation.output)
    return captioned(replace(picture, pieces=tuple(paint.pieces())), explanation.caption)


def captioned(picture: Picture, caption: str) -> Picture:
    """Words below a diagram, in lines of its width."""
    lines = tuple(wrapped(caption, max(picture.width, _NARROWEST), CAPTION_SIZE))
    wide = max([picture.width, *(width(line, CAPTION_SIZE) for line in lines)])
    low = (len(lines) + 1) * CAPTION_LINE
    pieces = tuple(piece.moved((wide - picture.width) / 2, low) for piece in picture.pieces)
    return Picture(wide, picture.height + low, picture.title, pieces, lines)


# -- boxes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stop:
    """Something drawn that the path goes through: where it stands, and whether the path goes to another place there."""

    path: str
    leaps: bool


def _stops(scene: Scene, explanation: Explanation) -> Iterator[Stop]:
    """From the output to the input; what stands in one box comes once."""
    last: Stop | None = None
    for trail in trails(explanation.hops):
        for path in shown(scene, trail.nodes, ""):
            if last is not None and last.path == path:
                last = Stop(path, last.leaps or trail.leaps)
                continue
            if last is not None:
                yield last
            last = Stop(path, trail.leaps)
    if last is not None:
        yield last


def shown(scene: Scene, nodes: Nodes, path: str) -> Iterator[str]:
    """Where the node at the end of a trail is seen: the innermost box around it that is drawn; nowhere, if it is one of
    those that are left out."""
    (name, turn), *rest = nodes
    item = _standing_for(name, scene.items)
    if item is None:
        return
    here = f"{path}{item.name}"
    if item.inner is None or not rest:
        yield here
    else:
        yield from _within(item, turn, rest, here)


def _within(item: Item, turn: Turn, rest: Nodes, here: str) -> Iterator[str]:
    """In a container; where turns are drawn one after another, in the one that stands for the turn in question."""
    if item.inner is None:  # turns that are left out
        yield here
        return
    parts = [part for part in item.inner.items if part.turns]
    if not parts:
        yield from shown(item.inner, rest, f"{here}/")
        return
    for part in parts:
        if turn in part.turns:
            yield from _within(part, turn, rest, f"{here}/{part.name}")


def _standing_for(name: str, items: Iterable[Item]) -> Item | None:
    """The item that stands for a node; a part of an expression is with the rest of it."""
    known = list(items)
    whole = name.partition("~")[0]
    exact = next((item for item in known if name in item.names), None)
    return exact or next((item for item in known if any(n.partition("~")[0] == whole for n in item.names)), None)


# -- lines ------------------------------------------------------------------------------------------------------------


class _Paint:
    """Paints the pieces of one picture."""

    def __init__(self, pieces: Sequence[Piece], stops: Sequence[Stop], output: str) -> None:
        self.plain, self.stops = pieces, stops
        self.dots = {piece.path for piece in pieces if isinstance(piece, Dot)}
        self.lines = [piece for piece in pieces if isinstance(piece, Line) and piece.kind != "tie"]
        self.boxes: dict[str, Paint] = {}
        for stop in stops:
            leaps = stop.leaps or self.boxes.get(stop.path) == "leap"
            self.boxes[stop.path] = "leap" if leaps else "path"
        self.ways = [line for head, tail in pairwise(stops) for line in self.way(head, tail)]
        self.ways += self.results(output)

    def pieces(self) -> Iterator[Piece]:
        """Painted lines last, so that none lies under a plain one."""
        ways, ends = {id(line) for line in self.ways}, {line.head for line in self.ways}
        forks = {line.tail for line in self.ways} | {line.head for line in self.ways}
        for piece in self.plain:
            match piece:
                case Box() | Frame() if piece.path in self.boxes:
                    yield replace(piece, paint=self.boxes[piece.path])
                case Box() if piece.item.form == "text" and piece.path in ends:
                    yield replace(piece, paint="path")
                case Dot() if piece.path in forks or self.begins_at(piece):
                    yield replace(piece, paint="path")
                case Line() if id(piece) in ways:
                    pass
                case _:
                    yield piece
        for line in {id(line): line for line in self.ways}.values():
            yield from self.stem(line)
            yield replace(line, paint="path")

    def way(self, head: Stop, tail: Stop) -> list[Line]:
        """The lines from one stop to the one before it, through nothing but points at which values fork."""
        waiting: deque[tuple[Line, ...]] = deque((line,) for line in self.lines if _is_at(line.tail, tail.path))
        seen = set[int]()
        while waiting:
            way = waiting.popleft()
            if _is_at(way[-1].head, head.path):
                return list(way)
            if way[-1].head in self.dots and id(way[-1]) not in seen:
                seen.add(id(way[-1]))
                waiting.extend((*way, line) for line in self.lines if line.tail == way[-1].head)
        return []

    def results(self, output: str) -> Iterator[Line]:
        """The line from the first stop to the output that the path starts from."""
        for line in self.lines:
            wanted = line.head == f"→{output}" if output else line.head.startswith("→")
            if self.stops and wanted and _is_at(line.tail, self.stops[0].path):
                yield line

    # -- the piece that lines that fork share -------------------------------------------------------------------------

    def begins_at(self, dot: Dot) -> bool:
        return any(line.points[0] == (dot.x, dot.y) for line in self.ways)

    def stem(self, line: Line) -> Iterator[Line]:
        """A line that begins at a fork: what leads there from its box, which another line shows."""
        fork = line.points[0]
        stems = (other for other in self.lines if other.tail == line.tail and other.points[0] != fork)
        start = next((other.points[0] for other in stems if _lies_on(fork, other.points[:2])), None)
        if start is not None:
            yield Line(line.tail, line.head, (start, fork), line.kind, arrow=False, paint="path")


def _is_at(end: str, path: str) -> bool:
    """Whether a line ends at an item, or within it."""
    return end == path or end.startswith(f"{path}/")


def _lies_on(point: Point, segment: Sequence[Point]) -> bool:
    (x0, y0), (x1, y1) = segment
    x, y = point
    level = y0 == y1 == y and min(x0, x1) <= x <= max(x0, x1)
    return level or (x0 == x1 == x and min(y0, y1) <= y <= max(y0, y1))
