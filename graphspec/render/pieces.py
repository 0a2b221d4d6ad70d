"""A laid-out scene as pieces to draw, and the ends at which the scene around it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from graphspec.render.across import Across
from graphspec.render.columns import LEFT, RIGHT
from graphspec.render.measure import FORK, GAP
from graphspec.render.picture import Box, Dot, End, Label, Line, Piece, Placed, Point, Points, joined
from graphspec.render.plan import Route
from graphspec.render.scene import Wire

MEMORY_LABEL, TIE_LABEL = "K, V", "tied"


class Pieces:
    """Collects the pieces of one scene."""

    def __init__(self, across: Across, path: str, exits: Mapping[str, int]) -> None:
        """`exits` are the sides to which outputs go that do not leave at the top."""
        self.across, self.plan, self.columns = across, across.plan, across.plan.columns
        self.scene, self.path, self.sides = self.columns.scene, path, exits
        self.marks = {route.wire.head: route.side for route in self.plan.routes if self._is_residual(route)}
        self.entries: list[tuple[str, End]] = []
        self.exits: list[tuple[str, End]] = []

    def placed(self) -> Placed:
        pieces = [piece for name in self.plan.kids for piece in self._kid(name)]
        pieces += [Dot(self._dot_path(name), *self._fork(name)) for name in self.dotted]
        if self.scene.entry in self.dotted:
            fork = self._fork(self.scene.entry)
            way = ((fork[0], 0.0), fork)
            self.entries.append((self.scene.entry, End(self.path + self.scene.entry, 0, way, arrow=False)))
        pieces += [piece for route in self.plan.routes for piece in self._route(route)]
        height = max([0.0, *map(self.plan.top, self.plan.kids), *(y for piece in pieces for _, y in _corners(piece))])
        for at, wire in enumerate(wire for wire in self.scene.wires if not wire.head):
            if wire.tail:
                self.exits.append((wire.port, self._exit(wire, at == 0)))
            else:
                height += FORK
                pieces.append(self._hand_through(wire, height))
        left, right = (
            max((side * x for piece in pieces for x, _ in _corners(piece)), default=0.0) for side in (LEFT, RIGHT)
        )
        return Placed(left, right, height, tuple(pieces), tuple(self.entries), tuple(self.exits))

    # -- items --------------------------------------------------------------------------------------------------------

    def _kid(self, name: str) -> Iterator[Piece]:
        for piece in self.plan.kids[name].moved(self.across.x(name), self.plan.bottoms[name]):
            if isinstance(piece, Box) and piece.item.form == "point":
                continue
            if isinstance(piece, Box) and name in self.marks and piece.item.mark:
                piece = replace(piece, side=self.marks[name])
            yield piece

    def _is_residual(self, route: Route) -> bool:
        """Whether a route comes from the side into a box, where the box may have the sign of a sum."""
        return bool(route.side) and route.kind not in ("memory", "tie") and not route.rest

    @cached_property
    def dotted(self) -> list[str]:
        """Items whose value forks; and the entry of a scene that hands on what comes in."""
        return [name for name in self.plan.kids if self.plan.forks(name) or self._hands_on(name)]

    def _hands_on(self, name: str) -> bool:
        return name == self.scene.entry and not all(wire.head for wire in self.plan.outgoing[name])

    def _dot_path(self, name: str) -> str:
        return self.path + name + ("" if name == self.scene.entry else "•")

    def _fork(self, name: str) -> Point:
        wire = self.plan.outgoing[name][0]
        return self.across.exit_points(wire)[-1][0], self.plan.level(wire)

    # -- lines --------------------------------------------------------------------------------------------------------

    def _route(self, route: Route) -> Iterator[Piece]:
        wire, way = route.wire, self.across.way(route)
        head = route.head_path or self.path + wire.head
        if route.form == "outside":
            self.entries.append((wire.out, self._from_outside(route, head, way)))
            return
        if wire.tail == self.scene.entry and wire.tail not in self.dotted:
            self.entries.append((wire.tail, End(head, 0, way, route.arrow)))
            return
        way = way if route.form == "tie" else self._from_fork(wire, way)
        yield Line(self._tail_path(wire), head, way, route.kind, route.arrow, wire.change)
        yield from self._labels(route, way)

    def _from_outside(self, route: Route, head: str, way: Points) -> End:
        side = route.side
        if not side:  # a container's first input, read from beside it: across just below it
            side, (x, y) = -self.plan.lanes, way[0]
            way = joined(((x, y - GAP / 2),), way)
        return End(head, side, way, route.arrow, route.labelled)

    def _tail_path(self, wire: Wire) -> str:
        end = self.plan.exit(wire)
        return end.path if end else self.path + wire.tail

    def _from_fork(self, wire: Wire, way: Points) -> Points:
        """Of the lines that fork, the first shows the stem; the others begin at the fork."""
        if not wire.tail or not self.plan.forks(wire.tail) or self.plan.leaves_sideways(wire) or self._has_stem(wire):
            return way
        fork = self._fork(wire.tail)
        beyond = next((at for at, point in enumerate(way) if point[1] > fork[1] or point[0] != fork[0]), 0)
        return joined((fork,), way[beyond:])

    def _has_stem(self, wire: Wire) -> bool:
        inside = [other for other in self.plan.outgoing[wire.tail] if other.head]
        first = next((other for other in inside if self.columns.is_straight(other)), inside[0] if inside else None)
        return wire == first and wire.tail != self.scene.entry

    def _labels(self, route: Route, way: Points) -> Iterator[Label]:
        if route.labelled:
            x, y = self.across.entry_point(route)
            yield Label(MEMORY_LABEL, "memory", x + route.side * 13, y)
        if route.kind == "tie":
            (x0, y), (x1, _) = way[-2:]
            yield Label(TIE_LABEL, "tie", (x0 + x1) / 2, y)

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _hand_through(self, wire: Wire, height: float) -> Dot:
        """An output that is an input from the side: a point above all items stands for it."""
        side = -self.plan.lanes
        path, place = f"{self.path}{wire.port}•", (side * 2 * FORK, height)
        self.entries.append((wire.out, End(path, side, (place,), arrow=False)))
        self.exits.append((wire.port, End(path, 0, (place,))))
        return Dot(path, *place)

    def _exit(self, wire: Wire, first: bool) -> End:
        points = self.across.exit_points(wire)
        if self.plan.forks(wire.tail) or wire.tail == self.scene.entry:
            points = (self._fork(wire.tail),)
        if not first:
            points = joined(points, ((points[-1][0], self.plan.level(wire)),))
        return End(self._tail_path(wire), 0 if first else self.sides.get(wire.port, RIGHT), points)


def _corners(piece: Piece) -> Iterator[Point]:
    match piece:
        case Box(x=x, y=y, width=width, height=height):
            yield from ((x - width / 2, y - height / 2), (x + width / 2, y + height / 2))
        case Line(points=points):
            yield from points
        case Dot(x=x, y=y) | Label(x=x, y=y):
            yield x, y
        case _:
            yield from ((piece.left, piece.bottom), (piece.right, piece.top))
