"""Which items of a scene stand above one another, and on which side of the main column the other columns stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from graphspec.render.scene import Item, Scene, Wire

LEFT, RIGHT = -1, 1
_WEIGHTS = {"mark": 1, "point": 0}


@dataclass(frozen=True)
class Columns:
    """The columns from the main one outwards, each from its lowest item to its highest.

    `sources` are the sides from which the scene's other inputs come; `sides` says for each column where it stands: 0
    the main one, else left or right of it.
    """

    scene: Scene
    stacks: tuple[tuple[str, ...], ...]
    sources: Mapping[str, int]
    sides: tuple[int, ...] = ()

    @cached_property
    def place(self) -> dict[str, tuple[int, int]]:
        """For each item its column, and how high it stands there."""
        return {name: (c, at) for c, stack in enumerate(self.stacks) for at, name in enumerate(stack)}

    @cached_property
    def items(self) -> dict[str, Item]:
        return {item.name: item for item in self.scene.items}

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The items that stand for the inputs of a model."""
        heads = {wire.head for wire in self.scene.wires}
        return frozenset(item.name for item in self.scene.items if item.form == "text" and item.name not in heads)

    @cached_property
    def inside(self) -> tuple[Wire, ...]:
        """The wires between two items of the scene."""
        return tuple(wire for wire in self.scene.wires if wire.tail and wire.head)

    def joined(self, column: int) -> set[int]:
        """The columns to or from which a wire goes."""
        ends = ({self.place[wire.tail][0], self.place[wire.head][0]} for wire in self.inside)
        return {other for pair in ends if column in pair for other in pair if other != column}

    def length(self, column: int) -> int:
        """How many items stand in a column, those within containers too."""
        return sum(map(_count, (self.items[name] for name in self.stacks[column])))

    def is_source(self, name: str) -> bool:
        """Whether an item is a box that reads nothing: a learned tensor, positions."""
        return self.items[name].form == "box" and all(wire.head != name for wire in self.scene.wires)

    def is_second(self, wire: Wire) -> bool:
        """Whether the wire carries what a container gives beside its first output."""
        inner = self.items[wire.tail].inner
        return inner is not None and wire.out != next((other.port for other in inner.wires if not other.head), wire.out)

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


def _count(item: Item) -> int:
    return 1 + (sum(map(_count, item.inner.items)) if item.inner else 0)


def is_side(wire: Wire, items: dict[str, Item]) -> bool:
    """Whether the wire comes in from the side: memories, and all inputs of a container but the first."""
    head = items[wire.head]
    return wire.memory or (head.inner is not None and wire.port != head.inner.entry)


def columns(scene: Scene, sources: Mapping[str, int]) -> Columns:
    """Cover the scene by paths: the longest one to the first output, then the longest of what is left, and so on.

    What hangs on a column stands next to it, and what is short further in than what is long, so that few lines cross.
    """
    found = Columns(scene, tuple(_stacks(scene)), sources)
    sides = _Sides(found).found
    order = _outwards(found)
    return replace(found, stacks=tuple(found.stacks[at] for at in order), sides=tuple(sides[at] for at in order))


def _stacks(scene: Scene) -> Iterator[tuple[str, ...]]:
    items = {item.name: item for item in scene.items}
    before: dict[str, list[str]] = {name: [] for name in items}
    for wire in scene.wires:
        if wire.tail and wire.head and not is_side(wire, items):
            before[wire.head].append(wire.tail)
    left: dict[str, None] = dict.fromkeys(items)
    lengths = _lengths(left, before, items)
    results = [wire.tail for wire in scene.wires if not wire.head and wire.tail]
    end = results[0] if results else max(scene.ends, key=lambda name: lengths[name], default="")
    while left:
        end = end or max(left, key=lambda name: lengths[name])
        stack = _path(end, lengths, before)
        yield stack
        left = {name: None for name in left if name not in stack}
        lengths, end = _lengths(left, before, items), ""


def _outwards(found: Columns) -> list[int]:
    """The columns in an order in which each comes after the one on which it hangs."""
    hanging: dict[int, list[int]] = {}
    for column in range(1, len(found.stacks)):
        inner = min((other for other in found.joined(column) if other < column), default=0)
        hanging.setdefault(inner, []).append(column)
    order: list[int] = []
    waiting = [0] if found.stacks else []
    while waiting:
        order.append(waiting.pop())
        waiting += sorted(hanging.get(order[-1], ()), key=lambda column: (-found.length(column), -column))
    return order


class _Sides:
    """For each column the side on which it stands: 0 the main one.

    What reads an input from the side stands on that side. What serves other columns from the side (memories, tables
    that every turn reads), and what reads nothing, is left, branches are right; where one side is taken and the other
    is free, on the other. What serves one side column stands on its side. What a container gives beside its first
    output is right.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.found: dict[int, int] = {0: 0}
        for column in range(1, len(columns.stacks)):
            self.found[column] = self.side(column)

    def side(self, column: int) -> int:
        outside = [
            self.columns.sources[wire.out]
            for wire in self.columns.scene.wires
            if not wire.tail and wire.head in self.columns.stacks[column]
        ]
        if outside:
            return outside[0]
        partners = [self.found[other] for other in self.partners(column) if self.found.get(other)]
        if partners:
            return partners[0]
        if self.reads_beside(column):
            return RIGHT
        readers = {self.found.get(other, 0) for other in self.served(column)}
        if len(readers) == 1 and readers != {0}:
            return readers.pop()
        side = LEFT if readers or self.columns.is_source(self.columns.stacks[column][0]) else RIGHT
        taken = set(self.found.values())
        return -side if side in taken and -side not in taken else side

    def partners(self, column: int) -> Iterator[int]:
        for wire in self.columns.inside:
            ends = self.columns.place[wire.tail][0], self.columns.place[wire.head][0]
            if column in ends and not is_side(wire, self.columns.items):
                yield from (end for end in ends if end != column)

    def served(self, column: int) -> set[int]:
        """The columns that read this one from the side."""
        side = (wire for wire in self.columns.inside if is_side(wire, self.columns.items))
        return {self.columns.place[w.head][0] for w in side if self.columns.place[w.tail][0] == column}

    def reads_beside(self, column: int) -> bool:
        """Whether it reads what a container gives beside its first output."""
        stack = self.columns.stacks[column]
        read = (wire for wire in self.columns.inside if wire.head in stack and wire.tail not in stack)
        return any(self.columns.is_second(wire) for wire in read)


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
