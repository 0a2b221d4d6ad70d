"""How high everything in one scene stands, and by which way each wire goes; what is beside what comes later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from graphspec.render.columns import LEFT, RIGHT, Columns, is_side
from graphspec.render.measure import ENTRY, FORK, GAP
from graphspec.render.picture import End, Placed, Points
from graphspec.render.scene import Wire


@dataclass(eq=False)
class Route:
    """The way of one wire to one end of its head.

    It leaves `tail` at the top and enters at `side` (0 from below) at the height `y`; `rest` is the way on from there
    into the head, relative to the head's column. A route on a `track` goes beside the head's column.
    """

    wire: Wire
    kind: str
    head_path: str
    side: int
    y: float
    rest: Points
    arrow: bool = True
    form: str = "straight"
    offset: float = 0.0


@dataclass
class Plan:
    """Heights of the items of one scene."""

    columns: Columns
    kids: Mapping[str, Placed]
    lanes: int
    least: Mapping[str, float] = field(default_factory=dict[str, float])

    @cached_property
    def outgoing(self) -> dict[str, list[Wire]]:
        """The wires that leave each item at the top."""
        found: dict[str, list[Wire]] = {name: [] for name in self.kids}
        for wire in self.columns.scene.wires:
            if wire.tail and not self.leaves_sideways(wire):
                found[wire.tail].append(wire)
        return found

    def exit(self, wire: Wire) -> End | None:
        """Where a wire leaves a container; None for other items."""
        exits = self.kids[wire.tail].exits
        return dict(exits).get(wire.out, exits[0][1]) if exits else None

    def leaves_sideways(self, wire: Wire) -> bool:
        end = self.exit(wire)
        return end is not None and end.side != 0

    def forks(self, name: str) -> bool:
        return len(self.outgoing[name]) > 1

    # -- heights ------------------------------------------------------------------------------------------------------

    @cached_property
    def bottoms(self) -> dict[str, float]:
        """Each item above what it reads; what reads nothing just below its reader, inputs of the model excepted."""
        found: dict[str, float] = {}
        for item in self.columns.scene.items:
            lowest = [found[w.tail] + self.kids[w.tail].height + self.gap(w.tail) for w in self._below(item.name)]
            found[item.name] = max([0.0, self.least.get(item.name, 0.0), *lowest])
        for column in range(1, len(self.columns.stacks)):
            self._raise(column, found)
        return found

    def gap(self, name: str) -> float:
        if self.columns.items[name].form == "point":
            return ENTRY + (GAP - 4 if self.forks(name) else 0)
        return GAP + (FORK if self.forks(name) else 0)

    def _below(self, name: str) -> list[Wire]:
        """The wires that an item must stand above."""
        return [wire for wire in self.columns.inside if wire.head == name and not wire.memory]

    def _raise(self, column: int, found: dict[str, float]) -> None:
        stack = self.columns.stacks[column]
        items = self.columns.items
        if any(self._below(name) and self.columns.place[w.tail][0] != column for name in stack for w in self._below(name)):
            return
        if items[stack[0]].form in ("text", "point"):
            return
        slack = [
            found[wire.head] - found[wire.tail] - self.kids[wire.tail].height - self.gap(wire.tail)
            for wire in self.columns.inside
            if wire.tail in stack and wire.head not in stack
        ]
        for name in stack:
            found[name] += max(0.0, min(slack, default=0.0))

    def top(self, name: str) -> float:
        return self.bottoms[name] + self.kids[name].height

    def middle(self, name: str) -> float:
        return self.bottoms[name] + self.kids[name].height / 2

    def level(self, wire: Wire) -> float:
        """The height at which a wire turns away from its tail's column."""
        end = self.exit(wire)
        if end is not None and end.side != 0:
            return self.bottoms[wire.tail] + end.points[-1][1]
        return self.top(wire.tail) + (ENTRY if self.columns.items[wire.tail].form == "point" else FORK)

    # -- routes -------------------------------------------------------------------------------------------------------

    @cached_property
    def routes(self) -> list[Route]:
        """Every wire between two items, and every tie."""
        found = [route for wire in self.columns.inside for route in self._ways(wire)]
        for route in found:
            route.form = self._form(route)
        return found

    def _ways(self, wire: Wire) -> Iterator[Route]:
        head = self.kids[wire.head]
        kind = "memory" if wire.memory else "data"
        ends = [end for port, end in head.entries if port == wire.port]
        for end in ends:
            x, y = end.points[0]
            yield Route(wire, kind, end.path, end.side, self.bottoms[wire.head] + y, end.points, end.arrow)
        if not head.entries:
            side = self._side(wire)
            y = self.middle(wire.head) if side else self.bottoms[wire.head]
            yield Route(wire, kind, "", side, y, ())

    def _side(self, wire: Wire) -> int:
        """From where a wire enters a box: below if it is the one from the item underneath, or the first to come."""
        if self.columns.is_straight(wire) or (not wire.memory and self._is_first_from_below(wire)):
            return 0
        return self.columns.order(wire) or (LEFT if wire.memory else self.lane_side(wire))

    def _is_first_from_below(self, wire: Wire) -> bool:
        column, at = self.columns.place[wire.head]
        below = [other for other in self._below(wire.head) if not is_side(other, self.columns.items)]
        return at == 0 and self.columns.place[wire.tail][0] != column and below[:1] == [wire]

    def lane_side(self, wire: Wire) -> int:
        """The emptier side for a line that goes round items of its own column."""
        column = self.columns.place[wire.head][0]
        preferred = self.columns.sides[column] or self.lanes
        low, high = self.level(wire), self.middle(wire.head)
        return min((preferred, -preferred), key=lambda side: self._crowd(column, side, low, high))

    def _crowd(self, column: int, side: int, low: float, high: float) -> int:
        """How many columns and wires from other columns there are on a side, between two heights."""
        count = 0
        for wire in self.columns.inside:
            if self.columns.place[wire.head][0] != column or self.columns.place[wire.tail][0] == column:
                continue
            near = low <= self.middle(wire.head) <= high + 1
            count += near and self.columns.order(wire) == side
        for other, stack in enumerate(self.columns.stacks):
            if other != column and self.columns.sides[other] == side and column == 0:
                count += any(self.top(name) > low and self.bottoms[name] < high for name in stack)
        heads = {name: placed for name, placed in self.kids.items() if self.columns.place[name][0] == column}
        return count + sum(
            low <= self.bottoms[name] + end.points[0][1] <= high for name, placed in heads.items() for _, end in placed.entries if end.side == side
        )

    def _form(self, route: Route) -> str:
        """How a route goes: straight up, under its head, over its tail, or along a lane beside the head's column."""
        wire = route.wire
        if self.columns.is_straight(wire) and route.side == 0:
            return "straight"
        if route.side == 0:
            return "under"
        column, at = self.columns.place[wire.tail]
        last = at == len(self.columns.stacks[column]) - 1 and not self.forks(wire.tail)
        away = self.columns.place[wire.head][0] != column and not self.leaves_sideways(wire)
        return "over" if last and away and route.y >= self.top(wire.tail) + 4 else "lane"


def outer(side: int) -> int:
    return side or RIGHT
