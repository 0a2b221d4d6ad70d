"""Which node of one body is which of another: by name first, then by what it does and what stands around it.

Nodes of one name that do quite different things are one only if neither is more like another node. A block and an
operator are never one, whatever their names.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

from graphspec.difference.units import BLOCK, Likeness, Unit, Units, units_of
from graphspec.graph import Body, inner_bodies

_ENOUGH = 0.55
"""How alike two nodes of different names must be to be taken for one."""
_BROAD = ("pointwise", "reduce")
"""Families whose operators do not stand in for each other under other names."""
_ALIKE = 0.5
"""How alike the insides of two blocks of different names must be."""
_MUCH_ALIKE = 0.6
"""The same where nothing around them says that they are one."""
_MOST_BLOCKS = 32
_MOST_PAIRS = 400
"""Of the neighbours of two nodes, how many pairs are looked at."""


class Matcher:
    """Matches bodies, each pair once."""

    def __init__(self) -> None:
        self.likeness = Likeness()
        self._units: dict[Body, Units] = {}
        self._known: dict[tuple[Body, Body], Mapping[str, str]] = {}

    def units(self, body: Body) -> Units:
        if body not in self._units:
            self._units[body] = units_of(body)
        return self._units[body]

    def names(self, before: Body, after: Body) -> Mapping[str, str]:
        """For inputs and units of the earlier body, those of the later one that they became."""
        if (before, after) not in self._known:
            self._known[before, after] = _Growth(self, before, after).names()
        return self._known[before, after]


class _Growth:
    """The matching of two bodies grows from inputs and names to their neighbours, the most alike first."""

    def __init__(self, matcher: Matcher, before: Body, after: Body) -> None:
        self.matcher, self.before, self.after = matcher, matcher.units(before), matcher.units(after)
        self.found: dict[str, str] = {}
        self.taken: set[str] = set()
        self.waiting: list[tuple[float, int, str, str]] = []

    def names(self) -> Mapping[str, str]:
        self._inputs()
        for name, unit in self.before.by_name.items():
            other = self.after.by_name.get(name)
            if other and unit.family == other.family:
                self._take(name, name)
        self._grow()
        if self._blocks_left() or self._names_left():
            self._grow()
        return self.found

    def _names_left(self) -> bool:
        """Operators of one name that nothing else is more like. Whether there are any."""
        left = [unit for name, unit in self.before.by_name.items() if name not in self.found and unit.kind != BLOCK]
        same = [unit.name for unit in left if self._is_free_operator(unit.name)]
        for name in same:
            self._take(name, name)
        return bool(same)

    def _is_free_operator(self, name: str) -> bool:
        other = self.after.by_name.get(name)
        return other is not None and other.kind != BLOCK and name not in self.taken

    def _inputs(self) -> None:
        """Inputs by name, the others in their order if they are of one form."""
        before, after = self.before.body.inputs, self.after.body.inputs
        known = {source.name for source in after}
        names = [source.name for source in before if source.name in known]
        names += [name for name in self.before.outputs if name in self.after.outputs]
        for name in names:
            self._take(name, name)
        left = [source for source in before if source.name not in names]
        right = [source for source in after if source.name not in names]
        for old, new in zip(left, right, strict=False):
            if (old.type.dtype, len(old.type.axes)) == (new.type.dtype, len(new.type.axes)):
                self._take(old.name, new.name)

    def _take(self, old: str, new: str) -> None:
        self.found[old] = new
        self.taken.add(new)

    # -- growing ------------------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        if all(name in self.found for name in self.before.by_name):
            return
        for old, new in list(self.found.items()):
            self._look_around(old, new)
        while self.waiting:
            cost, _, old, new = heapq.heappop(self.waiting)
            if old in self.found or new in self.taken:
                continue
            score = self._score(old, new)
            if score > -cost + 1e-9:  # more of the neighbours are known by now
                self._wait(score, old, new)
            elif score >= _ENOUGH:
                self._take(old, new)
                self._look_around(old, new)

    def _look_around(self, old: str, new: str) -> None:
        for left, right in self._neighbours(old, new):
            if left not in self.found and right not in self.taken:
                score = self._score(left, right)
                if score >= _ENOUGH:
                    self._wait(score, left, right)

    def _wait(self, score: float, old: str, new: str) -> None:
        heapq.heappush(self.waiting, (-score, len(self.waiting), old, new))

    def _neighbours(self, old: str, new: str) -> Iterator[tuple[str, str]]:
        for side in (_read, _reading):
            left = [name for name in side(self.before, old) if name not in self.found and name in self.before.by_name]
            right = [name for name in side(self.after, new) if name not in self.taken and name in self.after.by_name]
            if len(left) * len(right) > _MOST_PAIRS:
                yield from zip(left, right, strict=False)
            else:
                yield from ((a, b) for a in left for b in right)

    def _blocks_left(self) -> bool:
        """Blocks much like each other inside are one, whatever stands around them. Whether there are any."""
        old = [unit for name, unit in self.before.by_name.items() if name not in self.found and unit.kind == BLOCK]
        new = [unit for name, unit in self.after.by_name.items() if name not in self.taken and unit.kind == BLOCK]
        pairs = [(a, b) for a in old[:_MOST_BLOCKS] for b in new[:_MOST_BLOCKS]]
        scored = [(self._own(a, b), a.name, b.name) for a, b in pairs]
        found = False
        for score, left, right in sorted(scored, key=lambda each: -each[0]):
            if score >= _MUCH_ALIKE and left not in self.found and right not in self.taken:
                self._take(left, right)
                found = True
        return found

    # -- how alike ----------------------------------------------------------------------------------------------------

    def _score(self, old: str, new: str) -> float:
        left, right = self.before.by_name[old], self.after.by_name[new]
        own = self._own(left, right)
        around = self._around(left, right)
        if not own or around < 0.5:
            return 0.0
        return 0.5 * own + 0.4 * around + 0.1 * SequenceMatcher(None, old, new).ratio()

    def _own(self, left: Unit, right: Unit) -> float:
        if left.kind == right.kind == BLOCK:
            alike = max((self.matcher.likeness.of(a, b) for a in _inside(left) for b in _inside(right)), default=0.0)
            return alike if alike >= _ALIKE else 0.0
        if left.kind == right.kind:
            return 1.0 if left.node.does == right.node.does else 0.8
        return 0.5 if left.family == right.family and left.family not in _BROAD else 0.0

    def _around(self, left: Unit, right: Unit) -> float:
        """Which share of their neighbours is the same."""
        read = sum(self.found.get(name) in right.reads for name in left.reads)
        mine, yours = self.before.readers[left.name], set(self.after.readers[right.name])
        reading = sum(self.found.get(name) in yours for name in mine)
        count = len(left.reads) + len(right.reads) + len(mine) + len(yours)
        return 2 * (read + reading) / count if count else 1.0


def _read(units: Units, name: str) -> tuple[str, ...]:
    if name in units.outputs:
        return (units.outputs[name],)
    return units.by_name[name].reads if name in units.by_name else ()


def _reading(units: Units, name: str) -> list[str]:
    return units.readers.get(name, [])


def _inside(unit: Unit) -> tuple[Body, ...]:
    return inner_bodies(unit.node)[:4]
