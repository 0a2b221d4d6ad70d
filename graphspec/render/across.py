"""Where the columns and tracks of one scene stand, once its heights and ways are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

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
            if route.form in ("lane", "tie"):
                column = self.columns.place[route.wire.head][0]
                key = (column, route.side, route.wire.tail, route.wire.out, route.kind)
                shared.setdefault(key, []).append(route)
        for group in sorted(shared.values(), key=self._length):
            self._lay_track(group)

    def _interval(self, group: list[Route]) -> tuple[float, float]:
        heights = [y for route in group for y in (self.plan.start(route), route.y)]
        return min(heights), max(heights)

    def _length(self, group: list[Route]) -> float:
        low, high = self._interval(group)
        return high - low

    def _lay_track(self, group: list[Route]) -> None:
        column, side = self.columns.place[group[0].wire.head][0], group[0].side
        low, high = self._interval(group)
        taken = [offset + TRACK for a, b, offset in self.tracks.get((column, side), ()) if a < high + 4 and b > low - 4]
        room = LABEL if self._passes_label(column, side, low, high) else CLEAR
        offset = max([self._items_reach(column, side, low, high) + room, room, *taken])
        self.tracks.setdefault((column, side), []).append((low, high, offset))
        for route in group:
            route.offset = offset

    def _passes_label(self, column: int, side: int, low: float, high: float) -> bool:
        """Whether between two heights a line comes in that has a label beside the column."""
        routes = (r for r in self.plan.routes if r.kind == "memory" and r.wire.tail and r.side == side)
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
        return max([self._items_reach(column, side, low, high), *tracks])

    def _spread_columns(self) -> list[float]:
        """Each column beside those further in that stand at the same height."""
        xs = [0.0]
        for column in range(1, len(self.columns.stacks)):
            side = self.columns.sides[column]
            low, high = self._span(column)
            inner = [other for other in range(column) if self.columns.sides[other] in (0, side)]
            reached = max(abs(xs[other]) + self.reach(other, side, low, high) for other in inner)
            xs.append(side * (max(reached, 0.0) + GUTTER + self.reach(column, -side, low, high)))
        return xs

    def _span(self, column: int) -> tuple[float, float]:
        """From where to where a column and its lines reach."""
        heights = [y for name in self.columns.stacks[column] for y in (self.plan.bottoms[name], self.plan.top(name))]
        for route in self.plan.routes:
            if not route.wire.tail:
                continue
            if column in (self.columns.place[route.wire.tail][0], self.columns.place[route.wire.head][0]):
                inside = self.columns.place[route.wire.tail][0] == column
                heights += [self.plan.start(route)] if inside or route.form == "under" else []
                heights += [route.y] if not inside or route.form == "over" else []
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
        if route.form == "tie":
            side = self._tie_side(route)
            return ((self.x(wire.tail) + side * self._half(wire.tail, side), self.plan.middle(wire.tail)),)
        return self.exit_points(wire)

    def _tie_side(self, route: Route) -> int:
        same = self.columns.place[route.wire.tail][0] == self.columns.place[route.wire.head][0]
        return route.side if same else -route.side

    def exit_points(self, wire: Wire) -> Points:
        """From the item itself to where the wire leaves it, or its container."""
        end = self.plan.exit(wire)
        x, bottom = self.x(wire.tail), self.plan.bottoms[wire.tail]
        return end.moved(x, bottom).points if end else ((x, self.plan.top(wire.tail)),)

    def _turns(self, route: Route, end: Point) -> Points:
        if route.form == "outside":
            return ()
        start = self._start(route)[-1][0]
        level = self.plan.start(route)
        if route.form == "over":
            return ((start, route.y),)
        if route.form == "under":
            return ((start, level), (end[0], level))
        track = self.x(route.wire.head) + route.side * route.offset
        return ((start, level), (track, level), (track, route.y))

    # -- boxes in the way ---------------------------------------------------------------------------------------------

    def conflicts(self) -> Iterator[tuple[str, float]]:
        """Items that a horizontal piece would cross, and how high they must stand instead."""
        for route in self.plan.routes:
            if route.form != "tie":
                yield from self._crossed(route, self.way(route))

    def _crossed(self, route: Route, way: Points) -> Iterator[tuple[str, float]]:
        if route.form == "outside":
            way = ((way[0][0] + route.side * 1e6, way[0][1]), *way)
        for (x0, y0), (x1, y1) in pairwise(way):
            if y0 != y1:
                continue
            for name, kid in self.plan.kids.items():
                x = self.x(name)
                across = x - kid.left - 4 < max(x0, x1) and x + kid.right + 4 > min(x0, x1)
                along = self.plan.bottoms[name] - 4 < y0 < self.plan.top(name) + 4
                if across and along and name not in (route.wire.tail, route.wire.head):
                    yield name, y0 + 10
