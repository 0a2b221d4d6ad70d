"""The flow rule of `rearrange`: axes split, merged and reordered.

A part of an axis before is a digit of the place along it; after, it is a digit of the place along another axis, which
gives it at a rate, up to what the digits below it add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from graphspec.axes import Dim, Sizes, dim, product
from graphspec.flow import Interval, Length, Marks, Relation, Rest, piece, relation, whole
from graphspec.operators.flow_rules import Effect, Hop, Size, Use, ground

if TYPE_CHECKING:
    from graphspec.operators.pattern import Layout
    from graphspec.operators.rearrange import Rearrange
    from graphspec.operators.told import Told

Rates = dict[int, Fraction]


@dataclass(frozen=True, slots=True)
class Rearranges:
    """Each axis before from the axes after that hold its parts; a part that cannot be told exactly is a bound."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        does = cast("Rearrange", use.operator)
        layout = does.layout(given, use.sizes).joined()
        digits = Digits(layout, use.sizes)
        read = [digits.axis(parts) for parts in layout.before]
        places = [_place(parts, layout) for parts in layout.before]
        names = use.names(*(given.sizes[at] for at, place in enumerate(places) if place is None))
        rests = {at: rest for at, parts in enumerate(layout.before) if (rest := digits.rest(parts))}
        vague = frozenset(at for at, (_, exact) in enumerate(read) if not exact and at not in rests)
        axes = tuple(tuple(replace(it, rest=rests.get(at)) for it in axis) for at, (axis, _) in enumerate(read))
        last = tuple((at, LastDigit(rest.axis, rest.count)) for at, rest in rests.items() if rest.share == 1)
        hop = Hop(port, axes, last, vague)
        marks = Marks(absolutes=names, lengths=_strides(use, layout), mixed=names)
        return Effect((hop,), marks, use.carried(port, places), unsure=True)


def _place(parts: Sequence[int], layout: Layout) -> int | None:
    """Where an axis that stays whole stands after."""
    return layout.after.index(tuple(parts)) if len(parts) == 1 and tuple(parts) in layout.after else None


def _strides(use: Use, layout: Layout) -> frozenset[Length]:
    """The lengths by which places are computed: those of all parts but the first of an axis."""
    later = [layout.sizes[part] for side in (layout.before, layout.after) for axis in side for part in axis[1:]]
    return use.lengths(*later)


@dataclass(frozen=True)
class Digits:
    """The parts of a layout as digits of places."""

    layout: Layout
    sizes: Sizes

    def axis(self, parts: Sequence[int]) -> tuple[Relation, bool]:
        """How an axis before is read, and whether that is exact."""
        size = ground(self.layout.size(parts), self.sizes)
        rates: Rates = {}
        offset, exact = Interval.at(0), True
        for part, step in zip(parts, self._steps(parts), strict=True):
            if step is None:
                return whole(size), False
            rate, slack, known = self._digit(part)
            for axis, own in rate.items():
                rates[axis] = rates.get(axis, Fraction(0)) + step * own
            offset, exact = offset + slack * step, exact and known
        return relation([piece(rates, offset, Interval.first(size))]), exact and _holds_one(offset)

    def rest(self, parts: Sequence[int]) -> Rest | None:
        """What an axis that is one of two digits of a merged one adds to its place, where a number says it."""
        after = next(((at, it) for at, it in enumerate(self.layout.after) if len(it) == 2 and {*parts} < {*it}), None)
        count = self._number(after[1][1:]) if after else None
        if after is None or count is None or count.denominator > 1:
            return None
        first = parts[0] == after[1][0]
        return Rest(after[0], int(count), -1 / count if first else Fraction(1))

    def _steps(self, parts: Sequence[int]) -> list[Fraction | None]:
        """By how much the place along an axis grows with each of its parts; None where no number says it."""
        return [self._number(parts[at + 1 :]) for at in range(len(parts))]

    def _number(self, parts: Sequence[int]) -> Fraction | None:
        return ground(product(self.layout.sizes[part] for part in parts), self.sizes).rational({}) or None

    def _digit(self, part: int) -> tuple[Rates, Interval, bool]:
        """A part from the places after: `rates`, what comes on top, and whether that makes it exact.

        The first digit of an axis is its place divided by the size of the others, rounded down. Later ones run
        through all they can be many times over.
        """
        axis, parts = next((at, parts) for at, parts in enumerate(self.layout.after) if part in parts)
        at = parts.index(part)
        below = self._number(parts[at + 1 :])
        if at or below is None:
            alone = ground(self.layout.sizes[part], self.sizes) == dim(1)
            return {}, Interval.first(ground(self.layout.sizes[part], self.sizes)), alone
        return {axis: 1 / below}, Interval(_least(below), dim(0)), True


@dataclass(frozen=True, slots=True)
class LastDigit:
    """Which places are read: the last digit of the reader's."""

    reader: int
    count: int

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        import numpy as np

        return np.arange(readers)[:, None] % self.count == np.arange(places)


def _holds_one(offset: Interval) -> bool:
    """Whether no two places lie within, however it is moved."""
    assert offset.low is not None
    assert offset.high is not None
    width = (offset.high - offset.low).rational({})
    return width is not None and width < 1


def _least(below: Fraction) -> Dim:
    return dim(1) * (1 / below) - 1
