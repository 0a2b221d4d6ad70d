"""How high everything in one scene stands: above what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from graphspec.render.columns import Columns, is_side
from graphspec.render.measure import ENTRY, FORK, GAP
from graphspec.render.picture import End, Placed
from graphspec.render.scene import Wire


@dataclass
class Heights:
    """Heights in one scene; `lanes` is the side for lines round items, `least` pushes items up, and what is `apart` may
    not stand beside its reader, for lines would run through it there."""

    columns: Columns
    kids: Mapping[str, Placed]
    lanes: int
    least: Mapping[str, float] = field(default_factory=dict[str, float])
    apart: frozenset[str] = frozenset()

    # -- what leaves where --------------------------------------------------------------------------------------------

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
        return self.exit_side(wire) != 0

    def exit_side(self, wire: Wire) -> int:
        end = self.exit(wire)
        return end.side if end else 0

    def leaves_away(self, wire: Wire) -> bool:
        """Whether a wire leaves on a side on which its head is not."""
        return self.leaves_sideways(wire) and self.columns.order(wire) != -self.exit_side(wire)

    def forks(self, name: str) -> bool:
        return len(self.outgoing[name]) > 1

    # -- what enters where --------------------------------------------------------------------------------------------

    def from_below(self, wire: Wire) -> bool:
        """Whether a wire enters a box from below: that of the item underneath, or the first to come to a column."""
        if self.leaves_away(wire) and self.columns.order(wire) == 0:
            return False
        _, at = self.columns.place[wire.head]
        return self.columns.is_straight(wire) or (at == 0 and self._plain_wires(wire.head)[:1] == [wire])

    def _plain_wires(self, name: str) -> list[Wire]:
        found = (wire for wire in self.columns.inside if wire.head == name)
        return [wire for wire in found if not is_side(wire, self.columns.items)]

    # -- heights ------------------------------------------------------------------------------------------------------

    @cached_property
    def bottoms(self) -> dict[str, float]:
        """Each item above what it reads; columns that read nothing of the model's just below their readers.

        The inputs of a model end at one height, however long their texts.
        """
        found: dict[str, float] = {}
        inputs = self.columns.inputs
        longest = max((self.kids[name].height for name in inputs), default=0.0)
        for item in self.columns.scene.items:
            lowest = [found[wire.tail] + self.step(wire.tail) for wire in self._below(item.name)]
            start = longest - self.kids[item.name].height if item.name in inputs else 0.0
            found[item.name] = max([start, self.least.get(item.name, 0.0), *lowest])
        for stack in self.columns.stacks[1:]:
            beside = self.beside.get(stack[0])
            if beside:
                level = found[beside.head] + self._entry_height(beside) - self.kids[stack[0]].height / 2
                found[stack[0]] = max(0.0, self.least.get(stack[0], 0.0), level)
            elif self.columns.items[stack[0]].form not in ("text", "point") and not self._hangs(stack):
                self._raise(stack, found)
        return found

    @cached_property
    def beside(self) -> dict[str, Wire]:
        """Items that read nothing and stand alone beside what reads them: the wire from each."""
        found: dict[str, Wire] = {}
        for stack in self.columns.stacks[1:]:
            wires = [wire for wire in self.columns.scene.wires if wire.tail == stack[0]]
            lone = len(stack) == len(wires) == 1 and self.columns.is_source(stack[0]) and wires[0].head
            if lone and stack[0] not in self.apart and self._entries(wires[0]) == 1 and not self.from_below(wires[0]):
                found[stack[0]] = wires[0]
        return found

    def _entries(self, wire: Wire) -> int:
        """At how many places a wire meets its head."""
        inside = [end for port, end in self.kids[wire.head].entries if port == wire.port]
        return 1 if self.columns.items[wire.head].inner is None else len(inside)

    def _entry_height(self, wire: Wire) -> float:
        """How high above the bottom of its head a wire comes in from the side."""
        inside = [end.points[0][1] for port, end in self.kids[wire.head].entries if port == wire.port]
        return inside[0] if inside else self.kids[wire.head].height / 2

    def step(self, name: str) -> float:
        """From the bottom of an item to the lowest bottom of what reads it."""
        forks = self.forks(name)
        if self.columns.items[name].form == "point":
            return ENTRY + (GAP - 4 if forks else 0)
        return self.kids[name].height + GAP + (FORK if forks else 0)

    def _below(self, name: str) -> list[Wire]:
        """The wires that an item must stand above."""
        found = (wire for wire in self.columns.inside if wire.head == name and not wire.memory)
        return [wire for wire in found if wire.tail not in self.beside]

    def _hangs(self, stack: tuple[str, ...]) -> bool:
        """Whether a column reads another one."""
        return any(wire.tail not in stack for name in stack for wire in self._below(name))

    def _raise(self, stack: tuple[str, ...], found: dict[str, float]) -> None:
        readers = [wire for wire in self.columns.inside if wire.tail in stack and wire.head not in stack]
        slack = [found[wire.head] - found[wire.tail] - self.step(wire.tail) for wire in readers]
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
