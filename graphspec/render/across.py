"""Where the columns and tracks of one scene stand, once its heights and ways are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

from graphspec.render.measure import CLEAR, GUTTER, LABEL, TRACK
from graphspec.render.picture import Point, Points, joined, moved
from graphspec.render.plan import Plan, Route
from graphspec.render.scene import Wire


class Across:
    """Where the columns and tracks of one scene stand, once its heights and ways are known."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.columns = plan, plan.columns
        self.tracks: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
        self._lay_tracks()
        self.xs = self._spread_columns()

    # -- across -------------------------------------------------------------------------------------------------------

    def _lay_tracks(self) -> None:
        """Give every lane an offset from its head's column: short ones inside long ones; one for what forks there."""
        shared: dict[tuple[object, ...], list[Route]] = {}
        for route in self.plan.routes:
            if route.form in ("lane", "round", "tie"):
                column, side = self.plan.column(route), self.plan.track_side(route)
                key = (column, side, route.wire.tail, route.wire.out, route.kind)
                shared.setdefault(key, []).append(route)
        for group in sorted(shared.values(), key=self._length):
            self._lay_track(group)

    def _interval(self, group: list[Route]) -> tuple[float, float]:
        heights = [y for route in group for y in (self.plan.start(route), self.plan.turn(route))]
        return min(heights), max(heights)

    def _length(self, group: list[Route]) -> float:
        low, high = self._interval(group)
        return high - low

    def _lay_track(self, group: list[Route]) -> None:
        column, side = self.plan.column(group[0]), self.plan.track_side(group[0])
        low, high = self._interval(group)
        taken = [offset + TRACK for a, b, offset in self.tracks.get((column, side), ()) if a < high + 4 and b > low - 4]
        labelled = group[0].kind == "tie" or self._passes_label(column, side, low, high)
        room = LABEL if labelled else CLEAR
        offset = max([self._items_reach(column, side, low, high) + room, room, *taken])
        self.tracks.setdefault((column, side), []).append((low, high, offset))
        for route in group:
            route.offset = offset

    def _passes_label(self, column: int, side: int, low: float, high: float) -> bool:
        """Whether between two heights a line comes in that has a label beside the column."""
        routes = (r for r in self.plan.routes if r.labelled and r.wire.tail and r.side == side)
        return any(low <= r.y <= high and self.columns.place[r.wire.head][0] == column for r in routes)

    def _items_reach(self, column: int, side: int, low: float, high: float) -> float:
        """How far the items of a column reach to a side between two heights."""
        names = (
            n for n in self.columns.stacks[column] if self.plan.top(n) > low - 4 and self.plan.bottoms[n] < high + 4
        )
        return max((self.plan.kids[name].reach(side) for name in names), default=-math.inf)

    def reach(self, column: int, side: int, low: float, high: float) -> float:
        """How far the items and tracks of a column reach to a side between two heights."""
        tracks = [offset for a, b, offset in self.tracks.get((column, side), ()) if a < high and b > low]
        first, last = self._span(column)
        stem = 0.0 if first < high and last > low else -math.inf
        return max([self._items_reach(column, side, low, high), stem, *tracks])

    def _spread_columns(self) -> list[float]:
        """Each column beside those further in, as near as what stands at the same heights lets it."""
        xs = [0.0]
        for column in range(1, len(self.columns.stacks)):
            side = self.columns.sides[column]
            low, high = self._span(column)
            inner = [other for other in range(column) if self.columns.sides[other] in (0, side)]
            reached = [abs(xs[other]) + self._apart(column, other, side) for other in inner]
            for other in self.columns.joined(column).intersection(inner):
                reached.append(abs(xs[other]) + GUTTER + self.reach(column, -side, low, high))
            xs.append(side * max(reached, default=0.0))
        return xs

    def _apart(self, column: int, other: int, side: int) -> float:
        """How far a column must be from one further in, so that nothing of one is near anything of the other."""
        parts = [(*self._span(column), 0.0), *self.tracks.get((column, -side), ())]
        for name in self.columns.stacks[column]:
            parts.append((self.plan.bottoms[name], self.plan.top(name), self.plan.kids[name].reach(-side)))
        rooms = (self.reach(other, side, low - CLEAR, high + CLEAR) + reach for low, high, reach in parts)
        return max(rooms, default=0.0) + GUTTER

    def _span(self, column: int) -> tuple[float, float]:
        """From where to where a column and its lines reach."""
        heights = [y for name in self.columns.stacks[column] for y in (self.plan.bottoms[name], self.plan.top(name))]
        for route in self.plan.routes:
            if not route.wire.tail:
                continue
            if column in (self.columns.place[route.wire.tail][0], self.columns.place[route.wire.head][0]):
                inside = self.columns.place[route.wire.tail][0] == column
                heights += [self.plan.start(route)] if inside or route.form in ("under", "lane", "tie") else []
                heights += [self.plan.turn(route)] if not inside or route.form in ("over", "round") else []
        return min(heights), max(heights)

    # -- ways ---------------------------------------------------------------------------------------------------------

    def x(self, name: str) -> float:
        return self.xs[self.columns.place[name][0]]

    def way(self, route: Route) -> Points:
        """The whole way of a route, from the outside of its tail to the inside of its head."""
        x, bottom = self.x(route.wire.head), self.plan.bottoms[route.wire.head]
        end = self.entry_point(route)
        return joined(self._start(route), self._turns(route, end), (end,), moved(route.rest, x, bottom))

    def entry_point(self, route: Route) -> Point:
        """Where a route meets its head, or the frame around it."""
        x = self.x(route.wire.head)
        if route.rest:
            return x + route.rest[0][0], route.y
        return x + (route.side * self._half(route.wire.head, route.side) if route.side else 0.0), route.y

    def _half(self, name: str, side: int) -> float:
        return self.plan.kids[name].reach(side)

    def _start(self, route: Route) -> Points:
        wire = route.wire
        if not wire.tail:
            return ()
        if route.form in ("tie", "level"):
            side = self._tail_side(route)
            return ((self.x(wire.tail) + side * self._half(wire.tail, side), self.plan.start(route)),)
        return self.exit_points(wire)

    def _tail_side(self, route: Route) -> int:
        same = self.columns.place[route.wire.tail][0] == self.columns.place[route.wire.head][0]
        return route.side if same else -route.side

    def exit_points(self, wire: Wire) -> Points:
        """From the item itself to where the wire leaves it, or its container."""
        end = self.plan.exit(wire)
        x, bottom = self.x(wire.tail), self.plan.bottoms[wire.tail]
        return end.moved(x, bottom).points if end else ((x, self.plan.top(wire.tail)),)

    def _turns(self, route: Route, end: Point) -> Points:
        if route.form in ("outside", "level"):
            return ()
        start = self._start(route)[-1][0]
        level = self.plan.start(route)
        if route.form == "over":
            return ((start, route.y),)
        if route.form == "under":
            return ((start, level), (end[0], level))
        track = self.xs[self.plan.column(route)] + self.plan.track_side(route) * route.offset
        turn = self.plan.turn(route)
        return ((start, level), (track, level), (track, turn), (end[0] if turn != end[1] else track, turn))

    # -- what is in the way -------------------------------------------------------------------------------------------

    def conflicts(self) -> Iterator[tuple[str, float]]:
        """Items that must stand higher, and how high: a horizontal piece would cross them, lie on another's, or run
        through a label."""
        level = [piece for route in self.plan.routes if route.form != "tie" for piece in self._level_pieces(route)]
        labelled = [route for route in self.plan.routes if route.labelled and route.wire.tail]
        for piece in level:
            yield from self._crossed(piece)
            if any(self._meets_label(piece, route) for route in labelled):
                yield piece.owner, self.plan.bottoms[piece.owner] + 6
        for one, other in combinations(level, 2):
            if self._source(one) != self._source(other) and one.lies_on(other):
                later = max((one.owner, other.owner), key=lambda name: self.columns.place[name])
                yield later, self.plan.bottoms[later] + 6

    def _source(self, piece: _Piece) -> tuple[str, str]:
        """What a piece carries: the outputs of a container are several, those of other items leave as one."""
        wire = piece.route.wire
        return wire.tail, wire.out if wire.tail and self.plan.exit(wire) else ""

    def _level_pieces(self, route: Route) -> Iterator[_Piece]:
        """The horizontal pieces of a route outside of its ends, each with the item whose height decides about it."""
        entry = self.entry_point(route)
        way = joined(self._start(route)[-1:], self._turns(route, entry), (entry,))
        if route.form == "outside":
            way = ((entry[0] + route.side * 1e6, entry[1]), entry)
        turn = self.plan.turn(route)
        for (x0, y0), (x1, y1) in pairwise(way):
            if y0 == y1:
                arrives = (x1, y1) == entry or (route.form == "round" and y0 == turn)
                yield _Piece(
                    route, min(x0, x1), max(x0, x1), y0, arrives, route.wire.head if arrives else route.wire.tail
                )

    def _meets_label(self, piece: _Piece, route: Route) -> bool:
        """Whether a piece runs through the word above the end of a route (beside it, where the data flow right)."""
        x, y = self.entry_point(route)
        middle = x + route.side * LABEL / 2
        near = piece.left < middle + LABEL / 2 and piece.right > middle - LABEL / 2
        return near and piece.route.wire.head != route.wire.head and y + 2 < piece.y < y + LABEL - 6

    def _crossed(self, piece: _Piece) -> Iterator[tuple[str, float]]:
        wire = piece.route.wire
        for name, kid in self.plan.kids.items():
            x = self.x(name)
            across = x - kid.left - 4 < piece.right and x + kid.right + 4 > piece.left
            along = self.plan.bottoms[name] - 4 < piece.y < self.plan.top(name) + 4
            if not across or not along or (piece.arrives and name == wire.head):
                continue
            if name != wire.tail:
                yield name, piece.y + 10
            elif piece.arrives and piece.route.form == "round":
                yield wire.head, self.plan.bottoms[wire.head] + self.plan.top(name) - piece.y + 10


@dataclass(frozen=True, slots=True)
class _Piece:
    """A horizontal piece of a route; `owner` is the item whose height decides about it."""

    route: Route
    left: float
    right: float
    y: float
    arrives: bool
    owner: str

    def lies_on(self, other: _Piece) -> bool:
        """Whether both would look like one line, though they carry different values to different places."""
        if self.arrives and other.arrives and self.route.wire.head == other.route.wire.head:
            return False
        return abs(self.y - other.y) < 3 and self.left < other.right and other.left < self.right
