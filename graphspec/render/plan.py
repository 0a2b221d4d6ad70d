"""By which way each wire of one scene goes, once all heights are known; what is beside what comes later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from graphspec.render.columns import Columns
from graphspec.render.heights import Heights
from graphspec.render.measure import GAP
from graphspec.render.picture import Points
from graphspec.render.scene import Wire

_SPREAD = 8.0
"""Between lines that enter a box at one side."""
_EDGE = 6.0
"""Of a box's side, what is left to its rounded corners."""


@dataclass(eq=False)
class Route:
    """The way of one wire to one end of its head.

    It enters at `side` (0: from below) at the height `y`; `rest` leads on from there into a container, relative to
    the head's column. `form` says how it gets there:
    - under: up, across at the level where it forks, up to its head (straight, if that stands in the same column)
    - over: up to the height of its head, across to it
    - level: across from the side of its tail
    - lane: across, up or down beside its head's column, across to it
    - round: the same beside its tail's column, for what leaves a container on the side away from its head
    - tie: the same, leaving its tail at the side
    - outside: across from the edge of the scene
    """

    wire: Wire
    kind: str
    head_path: str
    side: int
    y: float
    rest: Points
    arrow: bool = True
    labelled: bool = False
    form: str = "under"
    offset: float = 0.0
    lift: float = 0.0
    """Of a tie, how far above the middle of its tail it leaves."""


class Plan(Heights):
    """Heights and ways in one scene."""

    def pushed(self, higher: Mapping[str, float]) -> Plan:
        """The same with items further up; what stands in the way beside its reader is no longer put there."""
        least = {name: height for name, height in higher.items() if name not in self.beside}
        apart = self.apart.union(self.beside.keys() & higher)
        return Plan(self.columns, self.kids, self.lanes, {**self.least, **least}, apart)

    def start(self, route: Route) -> float:
        """The height at which a route leaves its tail's column."""
        if route.form == "level":
            return route.y
        return self.middle(route.wire.tail) + route.lift if route.form == "tie" else self.level(route.wire)

    def tail_side(self, route: Route) -> int:
        """The side of its tail at which a tie or a level route leaves."""
        same = self.columns.place[route.wire.tail][0] == self.columns.place[route.wire.head][0]
        return route.side if same else -route.side

    def column(self, route: Route) -> int:
        """The column beside which a route has its track."""
        return self.columns.place[route.wire.tail if route.form == "round" else route.wire.head][0]

    def track_side(self, route: Route) -> int:
        return self.exit_side(route.wire) if route.form == "round" else route.side

    def turn(self, route: Route) -> float:
        """The height at which a route turns towards its head: that of its end, or just below its head."""
        return route.y if route.side or route.form != "round" else route.y - GAP / 2

    # -- routes -------------------------------------------------------------------------------------------------------

    @cached_property
    def routes(self) -> list[Route]:
        """Every wire to an item, then every tie."""
        found = [route for wire in self.columns.scene.wires if wire.head for route in self._ways(wire)]
        self._spread(found)
        ties = list(self._ties())
        for tie in ties:
            tie.lift = self._free(tie.wire.tail, self.tail_side(tie), found)
            tie.y += self._free(tie.wire.head, tie.side, found)
        return [*found, *ties]

    def _free(self, name: str, side: int, routes: list[Route]) -> float:
        """How far from the middle of an item's side no line comes in."""
        taken = [route.y - self.middle(name) for route in routes if route.wire.head == name and route.side == side]
        ways = (0.0, _SPREAD, -_SPREAD, 2 * _SPREAD)
        return next((way for way in ways if all(abs(way - y) >= _SPREAD / 2 for y in taken)), 0.0)

    def _ways(self, wire: Wire) -> Iterator[Route]:
        head = self.kids[wire.head]
        kind = "memory" if wire.memory else "data"
        for end in (end for port, end in head.entries if port == wire.port):
            y = self.bottoms[wire.head] + end.points[0][1]
            yield self._formed(Route(wire, kind, end.path, end.side, y, end.points, end.arrow, end.labelled))
        if self.columns.items[wire.head].inner is None:
            side = self._side(wire)
            y = self.middle(wire.head) if side else self.bottoms[wire.head]
            yield self._formed(Route(wire, kind, "", side, y, (), labelled=self._is_labelled(wire)))

    def _is_labelled(self, wire: Wire) -> bool:
        """Whether a wire brings an attention both keys and values, and must say so."""
        memories = [other for other in self.columns.scene.wires if other.head == wire.head and other.memory]
        return memories == [wire] and self.columns.items[wire.head].kind == "cross"

    def _formed(self, route: Route) -> Route:
        wire = route.wire
        if not wire.tail:
            route.form = "outside"
        elif self.leaves_away(wire):
            route.form = "round"
        elif route.side:
            column, at = self.columns.place[wire.tail]
            if wire.tail in self.beside and abs(route.y - self.middle(wire.tail)) < self._half(wire.tail) - _SPREAD:
                route.form = "level"
                return route
            last = at == len(self.columns.stacks[column]) - 1 and not self.forks(wire.tail)
            away = self.columns.place[wire.head][0] != column and not self.leaves_sideways(wire)
            route.form = "over" if last and away and route.y >= self.top(wire.tail) + 4 else "lane"
            if route.kind == "data" and not away:
                route.kind = "residual"
        return route

    def _half(self, name: str) -> float:
        return self.kids[name].height / 2 - _EDGE

    def _side(self, wire: Wire) -> int:
        """From where a wire enters a box."""
        if not wire.tail:
            return self.columns.sides[self.columns.place[wire.head][0]] or self.columns.sources[wire.out]
        if self.from_below(wire):
            return 0
        if self.leaves_away(wire) and self.columns.order(wire) == 0:
            return self.exit_side(wire)
        return self.columns.order(wire) or (-self.lanes if wire.memory else self.lane_side(wire, self.level(wire)))

    def lane_side(self, wire: Wire, low: float, preferred: int = 0) -> int:
        """The emptier side for a line that goes round items of its own column."""
        column = self.columns.place[wire.head][0]
        preferred = self.columns.sides[column] or preferred or self.lanes
        high = self.middle(wire.head) + 1
        return min((preferred, -preferred), key=lambda side: self._crowd(column, side, low, high))

    def _crowd(self, column: int, side: int, low: float, high: float) -> int:
        """How many items of other columns, and entries of containers, there are on a side between two heights."""
        others = [other for other, s in enumerate(self.columns.sides) if other != column and (s or -side) == side]
        items = [name for other in others for name in self.columns.stacks[other]]
        count = sum(self.top(name) > low and self.bottoms[name] < high for name in items)
        for name in self.columns.stacks[column]:
            for _, end in self.kids[name].entries:
                count += end.side == side and low < self.bottoms[name] + end.points[0][1] < high
        outside = [
            wire for wire in self.columns.scene.wires if not wire.tail and wire.head in self.columns.stacks[column]
        ]
        return count + sum(self._side(wire) == side and low < self.middle(wire.head) <= high for wire in outside)

    def _spread(self, routes: list[Route]) -> None:
        """Lines that enter a box at one side: those from further below are higher, memories with labels highest."""
        groups: dict[tuple[str, int], list[Route]] = {}
        for route in routes:
            if route.side and self.columns.items[route.wire.head].form == "box":
                groups.setdefault((route.wire.head, route.side), []).append(route)
        for group in groups.values():
            group.sort(key=lambda route: (route.kind == "memory", -self.start(route) if route.wire.tail else 0.0))
            for at, route in enumerate(group):
                route.y += (at - (len(group) - 1) / 2) * _SPREAD

    def _ties(self) -> Iterator[Route]:
        """Lines between items that learn one tensor: within columns, and from column to column."""
        for tail, head in _chains(self.columns):
            wire = Wire(tail, "", head, "")
            low = min(self.middle(tail), self.middle(head))
            side = self.columns.order(wire) or self.lane_side(
                wire, low, -self.lanes if len(self.columns.stacks) == 1 else 0
            )
            yield Route(wire, "tie", "", side, self.middle(head), (), arrow=False, form="tie")


def _chains(found: Columns) -> Iterator[tuple[str, str]]:
    groups: dict[str, list[str]] = {}
    for owner, other in found.scene.ties:
        groups.setdefault(owner, [owner]).append(other)
    for names in groups.values():
        by_column: dict[int, list[str]] = {}
        for name in sorted(dict.fromkeys(names), key=lambda name: found.place[name]):
            by_column.setdefault(found.place[name][0], []).append(name)
        for stack in by_column.values():
            yield from pairwise(stack)
        yield from pairwise(stack[0] for stack in by_column.values())
