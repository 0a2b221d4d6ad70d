"""The difference of two bodies: what was matched, what each node says now, and the bodies within.

Each pair of bodies is compared once, wherever and however often it stands, so that depth costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from graphspec.difference.alignment import aligned, matched_nodes
from graphspec.difference.matching import Matcher
from graphspec.difference.said import Field, Said, Sides
from graphspec.difference.symbols import Names, renamed_symbols
from graphspec.difference.units import Unit
from graphspec.graph import Body, Graph

_REPLACED = 0.3
"""How little alike the insides of two blocks may be before one is told to have replaced the other."""


@dataclass(frozen=True, slots=True)
class Inside:
    """A body within a node before and after; in a repeat or a mixture, at which of how many indices."""

    difference: BodyDifference
    indices: tuple[int, ...] = ()
    count: int = 0

    @property
    def indexed(self) -> bool:
        return self.count > 0


@dataclass(frozen=True)
class Pair:
    """A node before and after, what it says otherwise, and what is in it.

    `replaced`: it is another block, and the two have so little in common inside that nothing is compared there.
    """

    before: Unit
    after: Unit
    fields: tuple[Field, ...]
    inside: tuple[Inside, ...]
    replaced: bool = False

    @property
    def renamed(self) -> bool:
        return self.before.name != self.after.name

    @cached_property
    def differs(self) -> bool:
        """Whether it, or something in it, is not as it was."""
        return self.renamed or bool(self.fields) or any(inside.difference.differs for inside in self.inside)


@dataclass(frozen=True)
class BodyDifference:
    """Two bodies compared. `names`: for inputs and nodes of the earlier one, those of the later one."""

    before: Body
    after: Body
    names: Names
    pairs: tuple[Pair, ...]
    removed: tuple[Unit, ...]
    added: tuple[Unit, ...]
    outputs: tuple[Field, ...]

    @cached_property
    def differs(self) -> bool:
        own = self.removed or self.added or self.outputs
        return bool(own) or any(pair.differs for pair in self.pairs)

    @cached_property
    def by_after(self) -> Mapping[str, Pair]:
        return {pair.after.name: pair for pair in self.pairs}


class Comparison:
    """Compares the bodies of two graphs."""

    def __init__(self, before: Graph, after: Graph) -> None:
        self.before, self.after = before, after
        self.matcher = Matcher()
        self.symbols = renamed_symbols(before, after, self._matched())
        self.sides = Sides.of(before, after, self.symbols, self.matcher)
        self._known: dict[tuple[Body, Body], BodyDifference] = {}

    @property
    def names(self) -> Names:
        """The later names of the inputs and nodes of the model's own body."""
        return self.matcher.names(self.before.body, self.after.body)

    def bodies(self, before: Body, after: Body) -> BodyDifference:
        """The difference of two bodies."""
        if (before, after) not in self._known:
            self._known[before, after] = self._compared(before, after)
        return self._known[before, after]

    def _matched(self) -> Iterator[tuple[Body, Body, Names]]:
        """Every pair of bodies that stand at the same place, with the names matched in them."""
        waiting, done = [(self.before.body, self.after.body)], set[tuple[Body, Body]]()
        while waiting:
            pair = waiting.pop()
            if pair in done:
                continue
            done.add(pair)
            names = self.matcher.names(*pair)
            yield *pair, names
            for old, new in matched_nodes(*pair, names):
                waiting += [(a, b) for a, b, *_ in aligned(old, new)]

    def _compared(self, before: Body, after: Body) -> BodyDifference:
        names = self.matcher.names(before, after)
        old, new = self.matcher.units(before), self.matcher.units(after)
        said = Said(self.sides, before, after)
        kept = [(unit, new.by_name[names[name]]) for name, unit in old.by_name.items() if name in names]
        taken = {unit.name for _, unit in kept}
        removed = tuple(unit for name, unit in old.by_name.items() if name not in names)
        added = tuple(unit for name, unit in new.by_name.items() if name not in taken)
        pairs = tuple(self._pair(*units, said) for units in kept)
        return BodyDifference(before, after, names, pairs, removed, added, tuple(said.outputs(added)))

    def _pair(self, old: Unit, new: Unit, said: Said) -> Pair:
        found = list(aligned(old.node, new.node))
        inside = tuple(Inside(self.bodies(a, b), indices, count) for a, b, indices, count in found)
        like = self.matcher.likeness
        alike = max((max(like.of(a, b), like.outside(a, b)) for a, b, *_ in found), default=1.0)
        fields = tuple(said.fields(old, new))
        other = any(field.name in ("block", "each") for field in fields)
        return Pair(old, new, fields, inside, other and alike < _REPLACED)
