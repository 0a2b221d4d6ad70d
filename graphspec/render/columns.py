"""Which items of a scene stand above one another, and on which side of the main column the other columns stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from graphspec.render.scene import Item, Scene, Wire

LEFT, RIGHT = -1, 1
_WEIGHTS = {"mark": 1, "point": 0}


@dataclass(frozen=True)
class Columns:
    """The columns from the main one outwards, each from its lowest item to its highest.

    `sources` are the sides from which the scene's other inputs come.
    """

    scene: Scene
    stacks: tuple[tuple[str, ...], ...]
    sources: Mapping[str, int]

    @cached_property
    def place(self) -> dict[str, tuple[int, int]]:
        """For each item its column, and how high it stands there."""
        return {name: (c, at) for c, stack in enumerate(self.stacks) for at, name in enumerate(stack)}

    @cached_property
    def sides(self) -> tuple[int, ...]:
        """For each column: 0 the main one, else left or right of it.

        What reads an input from the side stands on that side. What serves other columns from the side (memories,
        tables that every turn reads) is left, branches are right; a second source goes right if there is room. What
        serves one side column stands on its side.
        """
        found: dict[int, int] = {0: 0}
        for column in range(1, len(self.stacks)):
            found[column] = self._side(column, found)
        return tuple(found[column] for column in range(len(self.stacks)))

    def _side(self, column: int, found: dict[int, int]) -> int:
        outside = [
            self.sources[wire.out] for wire in self.scene.wires if not wire.tail and wire.head in self.stacks[column]
        ]
        if outside:
            return outside[0]
        partners = [found[other] for other in self._partners(column) if found.get(other)]
        if partners:
            return partners[0]
        if not self._served(column):
            return RIGHT
        readers = {found.get(other, 0) for other in self._served(column)}
        if len(readers) == 1 and readers != {0}:
            return readers.pop()
        return RIGHT if LEFT in found.values() and RIGHT not in found.values() else LEFT

    def _partners(self, column: int) -> Iterator[int]:
        for wire in self.inside:
            ends = self.place[wire.tail][0], self.place[wire.head][0]
            if column in ends and not is_side(wire, self.items):
                yield from (end for end in ends if end != column)

    def _served(self, column: int) -> set[int]:
        """The columns that read this one from the side."""
        side = (wire for wire in self.inside if is_side(wire, self.items) and self.place[wire.tail][0] == column)
        return {self.place[wire.head][0] for wire in side}

    @cached_property
    def items(self) -> dict[str, Item]:
        return {item.name: item for item in self.scene.items}

    @cached_property
    def inside(self) -> tuple[Wire, ...]:
        """The wires between two items of the scene."""
        return tuple(wire for wire in self.scene.wires if wire.tail and wire.head)

    def order(self, wire: Wire) -> int:
        """Where the wire comes from as seen from its head: -1 left, 0 the same column, 1 right."""
        tail, head = self.place[wire.tail][0], self.place[wire.head][0]
        if tail == head:
            return 0
        distance = self.sides[tail] * (tail + 1) - self.sides[head] * (head + 1)
        return RIGHT if distance > 0 else LEFT

    def is_straight(self, wire: Wire) -> bool:
        """Whether the wire goes from an item to the one above it, from below."""
        if is_side(wire, self.items):
            return False
        (tail, low), (head, high) = self.place[wire.tail], self.place[wire.head]
        return tail == head and high == low + 1


def is_side(wire: Wire, items: dict[str, Item]) -> bool:
    """Whether the wire comes in from the side: memories, and all inputs of a container but the first."""
    head = items[wire.head]
    return wire.memory or (head.inner is not None and wire.port != head.inner.entry)


def columns(scene: Scene, sources: Mapping[str, int]) -> Columns:
    """Cover the scene by paths: the longest one to the first output, then the longest of what is left, and so on."""
    items = {item.name: item for item in scene.items}
    before: dict[str, list[str]] = {name: [] for name in items}
    for wire in scene.wires:
        if wire.tail and wire.head and not is_side(wire, items):
            before[wire.head].append(wire.tail)
    left = dict.fromkeys(items)
    stacks: list[tuple[str, ...]] = []
    last = next(iter((*(wire.tail for wire in scene.wires if not wire.head), *scene.ends)), "")
    while left:
        lengths = _lengths(left, before, items)
        end = last if last in left else max(left, key=lambda name: lengths[name])
        stack = _path(end, lengths, before)
        stacks.append(stack)
        left = {name: None for name in left if name not in stack}
    return Columns(scene, tuple(stacks), sources)


def _lengths(left: dict[str, None], before: dict[str, list[str]], items: dict[str, Item]) -> dict[str, int]:
    """For each item that is left, how long the longest path to it is, boxes counting most."""
    lengths: dict[str, int] = {}
    for name in left:
        weight = _WEIGHTS.get(items[name].form, 10)
        lengths[name] = weight + max((lengths[other] for other in before[name] if other in lengths), default=0)
    return lengths


def _path(end: str, lengths: dict[str, int], before: dict[str, list[str]]) -> tuple[str, ...]:
    path = [end]
    while options := [name for name in before[path[-1]] if name in lengths]:
        path.append(max(options, key=lambda name: lengths[name]))
    return tuple(reversed(path))
