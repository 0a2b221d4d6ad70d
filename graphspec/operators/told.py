"""What the tensors that masks read hold in a replay: held values, assumed ones, or nothing that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphspec.axes import Dim, dim
from graphspec.flow import NO_FACTS, Fact, Facts
from graphspec.operators.flow_rules import Size


@dataclass(frozen=True)
class Truth:
    """Where something surely is true, and where it may be."""

    sure: Any
    may: Any

    def __and__(self, other: Truth) -> Truth:
        return Truth(self.sure & other.sure, self.may & other.may)

    def __or__(self, other: Truth) -> Truth:
        return Truth(self.sure | other.sure, self.may | other.may)

    def __invert__(self) -> Truth:
        return Truth(~self.may, ~self.sure)


@dataclass(frozen=True, slots=True)
class Read:
    """A tensor that a mask reads: its port, which of its axes lies along the keys, and what is known of it there."""

    port: str
    axis: int | None = None
    facts: Facts = NO_FACTS


@dataclass(frozen=True)
class Told:
    """What is taken for granted of tensors that masks read.

    One is `held` at given values along its axis. Of the others, all entries that can hold anything are true, and of one
    document; or, without `data`, false, and each of its own. `live` are the entries of a port's value that can: those
    that read something that is not held. By default all do. `exact`: whether it is asked what surely is read.
    """

    data: bool
    held: tuple[str, Any] | None = None
    live: Mapping[Read, Any] = field(default_factory=dict[Read, Any])
    exact: bool = True

    def keys(self, read: Read, count: int, size: Size) -> Truth:
        """Which entries along the keys are true."""
        found = self._free(read, count)
        for fact in read.facts:
            found = found & self._bound(fact, count, size)
        for fact in read.facts:
            if fact.kind == "value":
                value, inside = self._values(fact, count, size)
                found = Truth((found.sure & ~inside) | (value & inside), (found.may & ~inside) | (value & inside))
        return found

    def open(self, read: Read, count: int, size: Size) -> Any:
        """Which entries can be true as well as false, by what is held."""
        import numpy as np

        found = np.ones(count, dtype=bool)
        for fact in read.facts:
            if self.held and self.held[0] == fact.tensor:
                value, inside = self._values(fact, count, size)
                found &= value | ~inside
        return found

    def pairs(self, read: Read) -> Truth:
        """Whether all pairs of a tensor are true."""
        import numpy as np

        live = bool(np.all(self.live.get(read, True)))
        return Truth(np.array(self.data and live), np.array(self.data or not live))

    def same(self, read: Read, queries: Any, keys: Any, count: int, size: Size) -> Truth:
        """Whether entries at queries and at keys hold the same."""
        known, label = self._labels(read, count, size)
        i, j = queries.clip(0, count - 1), keys.clip(0, count - 1)
        own, comparable = queries == keys, (known[i] == known[j]) & (known[i] > 0)
        sure = own | (comparable & (label[i] == label[j]))
        return Truth(sure, sure | ~comparable)

    def _labels(self, read: Read, count: int, size: Size) -> tuple[Any, Any]:
        """Of each entry whether it holds what is not known (0), held (1) or assumed (2), and what that is."""
        import numpy as np

        known = np.where(self._live(read, count), 2, 0)
        label = np.zeros(count, dtype=int) if self.data else np.arange(count)
        for fact in read.facts:
            if fact.kind == "value" and self.held and self.held[0] == fact.tensor:
                value, inside = self._values(fact, count, size)
                known, label = np.where(inside, 1, known), np.where(inside, value, label)
        return known, label

    def _live(self, read: Read, count: int) -> Any:
        import numpy as np

        return np.broadcast_to(np.asarray(self.live.get(read, True)), (count,))

    def _free(self, read: Read, count: int) -> Truth:
        """What is assumed where anything can be, and not known elsewhere."""
        live = self._live(read, count)
        return Truth(live & self.data, ~live | self.data)

    def _bound(self, fact: Fact, count: int, size: Size) -> Truth:
        """Where a value may be true, as another tensor is."""
        if fact.kind != "real":
            return Truth(True, True)
        value, inside = self._values(fact, count, size)
        return Truth(value | ~inside, value | ~inside)

    def _values(self, fact: Fact, count: int, size: Size) -> tuple[Any, Any]:
        """What the tensor of a fact holds at each entry of the value, and which entries lie within it."""
        import numpy as np

        places = np.arange(count) + _number(fact.offset, size)
        inside = (places >= 0) & (places < size(fact.size))
        if self.held is None or self.held[0] != fact.tensor:
            return np.full(count, self.data), inside
        return self.held[1][places.clip(0, len(self.held[1]) - 1)], inside


def _number(offset: Dim, size: Size) -> int:
    return size(offset) if offset.at_least(0) else -size(dim(0) - offset)


ALIKE, APART = Told(True), Told(False)
"""Every tensor that a mask reads is true everywhere and of one document; or false, and each place of its own."""
