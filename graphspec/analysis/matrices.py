"""Relations as matrices of truth values at given sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from graphspec.axes import Dim, Sizes, TensorType
from graphspec.flow import Bound, Guard, Interval, Piece, Relation
from graphspec.operators.flow_rules import Pairs, ground
from graphspec.operators.told import Told


class Unfit(Exception):
    """At these sizes the model makes no sense, or is too much to run."""


def number_of(size: Dim, sizes: Sizes, lengths: Mapping[str, int]) -> int:
    """The number that a size stands for at given lengths of run-time axes. Raises `Unfit` where there is none."""
    number = _number_at(ground(size, sizes), tuple(lengths.items()))
    if number is None or number.denominator != 1 or number < 0:
        raise Unfit
    return int(number)


@lru_cache(maxsize=1 << 14)
def _number_at(size: Dim, lengths: tuple[tuple[str, int], ...]) -> Fraction | None:
    return size.rational(dict(lengths))


@dataclass(frozen=True)
class Matrices:
    """How one axis of an input is read by an output of type `made`, whose axes `rows` are followed.

    `told`: what is taken for granted of tensors, and whether only the pairs count that surely are read. `narrow`: where
    what is really read is known, it counts even if all that may be read is asked for.
    """

    made: TensorType
    rows: Sequence[int]
    sizes: Sizes
    lengths: Mapping[str, int]
    told: Told
    narrow: bool = False

    @property
    def exact(self) -> bool:
        return self.told.exact

    def size(self, size: Dim) -> int:
        return number_of(size, self.sizes, self.lengths)

    def shape(self) -> list[int]:
        return [self.size(self.made.sizes[at]) for at in self.rows]

    def relation(self, relation: Relation, pairs: Pairs | None, places: int) -> Any:
        """Readers along `rows` by the places of a followed axis; `pairs` are those that are surely read, if known."""
        import numpy as np

        shape = [*self.shape(), places]
        found = np.zeros(shape, dtype=bool)
        for item in relation:
            found |= self._piece(item, shape)
        known = pairs is not None and (self.exact or self.narrow)
        return found & self._pairs(pairs, places) if pairs is not None and known else found

    def _piece(self, item: Piece, shape: Sequence[int]) -> Any:
        unfollowed = any(axis not in self.rows for axis, _ in item.rates)
        if unfollowed and self.exact:
            return False
        place = _grid(len(shape) - 1, shape)
        inside = self._within(place, item.absolute, 1)
        if not unfollowed:
            unit = math.lcm(*(rate.denominator for _, rate in item.rates))
            moved = place * unit
            for axis, rate in item.rates:
                moved = moved - _grid(self.rows.index(axis), shape) * int(rate * unit)
            inside = inside & self._within(moved, item.relative, unit)
        for guard in item.guards:
            inside = inside & self._guard(guard, place, shape)
        return inside

    def _within(self, numbers: Any, interval: Interval, unit: int) -> Any:
        inside = True
        if interval.low is not None:
            inside = inside & (numbers >= math.ceil(self._bound(interval.low) * unit))
        if interval.high is not None:
            inside = inside & (numbers <= math.floor(self._bound(interval.high) * unit))
        return inside

    def _bound(self, bound: Dim) -> Fraction:
        number = _number_at(bound, tuple(self.lengths.items()))
        if number is None:
            raise Unfit
        return number

    def _guard(self, guard: Guard, place: Any, shape: Sequence[int]) -> Any:
        if self.told.held is None or self.told.held[0] != guard.tensor:
            return self._assumed(guard, place, shape)
        values = self.told.held[1]
        source = _entries(values, place + int(self._bound(guard.at)))
        if guard.reader is None:
            return source
        axis, offset = guard.reader
        if axis not in self.rows:
            return not self.exact
        reader = _entries(values, _grid(self.rows.index(axis), shape) + int(self._bound(offset)))
        return source | ~reader if values.dtype == bool else source == reader

    def _assumed(self, guard: Guard, place: Any, shape: Sequence[int]) -> Any:
        """The guard by a tensor that is true everywhere; or else false, surely but for the reader's own place."""
        if self.told.data or not self.exact:
            return True
        if guard.reader is None or guard.reader[0] not in self.rows:
            return False
        axis, offset = guard.reader
        own = _grid(self.rows.index(axis), shape) + int(self._bound(offset))
        return place + int(self._bound(guard.at)) == own

    def _pairs(self, pairs: Pairs, places: int) -> Any:
        matrix = pairs.matrix(self.size(self.made.sizes[pairs.reader]), places, self.size, self.told)
        if pairs.reader not in self.rows:
            return matrix.all(axis=0) if self.exact else matrix.any(axis=0)
        shape = [1] * len(self.rows) + [places]
        shape[self.rows.index(pairs.reader)] = matrix.shape[0]
        return matrix.reshape(shape)

    # -- axes that are not followed -----------------------------------------------------------------------------------

    def coverage(self, relation: Relation, pairs: Pairs | None, places: int) -> tuple[bool, bool]:
        """Whether all of an axis is read by some reader, and whether every reader reads some of it."""
        if pairs is not None and self.exact:
            matrix = pairs.matrix(self.size(self.made.sizes[pairs.reader]), places, self.size, self.told)
            return bool(matrix.any(axis=0).all()), bool(matrix.any(axis=1).all())
        found = [self._piece_coverage(item, places) for item in relation]
        return any(covers for covers, _ in found), any(fills for _, fills in found)

    def _piece_coverage(self, item: Piece, places: int) -> tuple[bool, bool]:
        low, high = self._ends(item.absolute, 0, places - 1)
        covers = low <= 0 and high >= places - 1
        if item.unit is None:
            return covers, True
        last = self.size(self.made.sizes[item.unit]) - 1
        nearest, furthest = self._ends(item.relative, -last - places, last + places)
        covers = covers and all(nearest <= place <= last + furthest for place in (0, places - 1))
        return covers, all(place + nearest <= high and low <= place + furthest for place in (0, last))

    def _ends(self, interval: Interval, low: int, high: int) -> tuple[Fraction, Fraction]:
        def end(bound: Bound, otherwise: int) -> Fraction:
            return Fraction(otherwise) if bound is None else self._bound(bound)

        return end(interval.low, low), end(interval.high, high)


def _grid(at: int, shape: Sequence[int]) -> Any:
    """The indices along one axis of a matrix."""
    import numpy as np

    return np.arange(shape[at]).reshape([-1 if place == at else 1 for place in range(len(shape))])


def _entries(values: Any, at: Any) -> Any:
    """Entries of a held tensor; beyond its ends all is real, and of no document."""
    import numpy as np

    inside = (at >= 0) & (at < len(values))
    return np.where(inside, values[np.clip(at, 0, len(values) - 1)], True if values.dtype == bool else -1)
