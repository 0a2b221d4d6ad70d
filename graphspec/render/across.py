"""Where the columns and tracks of one scene stand, once its heights and ways are known."""

from __future__ import annotations

import math

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
        return joined(self.start(route), self.turns(route, end), (end,), moved(route.rest, x, bottom))

    def entry_point(self, route: Route) -> Point:
        """Where a route meets its head, or the frame around it."""
        x = self.x(route.wire.head)
        if route.rest:
            return x + route.rest[0][0], route.y
        return x + (route.side * self._half(route.wire.head, route.side) if route.side else 0.0), route.y

    def _half(self, name: str, side: int) -> float:
        return self.plan.kids[name].reach(side)

    def start(self, route: Route) -> Points:
        wire = route.wire
        if not wire.tail:
            return ()
        if route.form in ("tie", "level"):
            side = self.plan.tail_side(route)
            return ((self.x(wire.tail) + side * self._half(wire.tail, side), self.plan.start(route)),)
        return self.exit_points(wire)

    def exit_points(self, wire: Wire) -> Points:
        """From the item itself to where the wire leaves it, or its container."""
        end = self.plan.exit(wire)
        x, bottom = self.x(wire.tail), self.plan.bottoms[wire.tail]
        return end.moved(x, bottom).points if end else ((x, self.plan.top(wire.tail)),)

    def turns(self, route: Route, end: Point) -> Points:
        if route.form in ("outside", "level"):
            return ()
        start = self.start(route)[-1][0]
        level = self.plan.start(route)
        if route.form == "over":
            return ((start, route.y),)
        if route.form == "under":
            return ((start, level), (end[0], level))
        track = self.xs[self.plan.column(route)] + self.plan.track_side(route) * route.offset
        turn = self.plan.turn(route)
        return ((start, level), (track, level), (track, turn), (end[0] if turn != end[1] else track, turn))
