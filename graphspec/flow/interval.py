"""Closed intervals of positions whose bounds are infinite or affine in sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from graphspec.axes import Dim, dim

Bound = Dim | None
"""None is infinite: −∞ as a low bound, +∞ as a high one."""


@lru_cache(maxsize=1 << 16)
def at_most(left: Dim, right: Dim) -> bool:
    """Whether `left ≤ right` at all sizes. False means: not shown."""
    return right.at_least(left)


@lru_cache(maxsize=1 << 16)
def below(left: Dim, right: Dim) -> bool:
    """Whether `left < right` at all sizes. False means: not shown."""
    gap = right - left
    number = gap.rational({})
    return gap.at_least(1) if number is None else number > 0


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers from `low` to `high`, both included."""

    low: Bound = None
    high: Bound = None

    @staticmethod
    def of(low: Dim | int | None, high: Dim | int | None) -> Interval:
        return Interval(None if low is None else dim(low), None if high is None else dim(high))

    @staticmethod
    def at(place: Dim | int) -> Interval:
        return Interval(dim(place), dim(place))

    @staticmethod
    def first(count: Dim | int) -> Interval:
        """The positions of an axis of `count`."""
        return Interval(dim(0), dim(count) - 1)

    @property
    def point(self) -> Dim | None:
        """The only number within, if the bounds are one."""
        return self.low if self.low == self.high else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies within, at any sizes. False means: not shown."""
        return self.low is not None and self.high is not None and below(self.high, self.low)

    @property
    def is_pinned(self) -> bool:
        """Whether it ends at a number, however long the axis."""
        return self.high is not None and not self.high.symbols

    def __add__(self, other: Interval) -> Interval:
        return Interval(_sum(self.low, other.low), _sum(self.high, other.high))

    def __mul__(self, rate: Fraction) -> Interval:
        if rate == 1:
            return self
        low, high = (None if bound is None else bound * rate for bound in (self.low, self.high))
        return Interval(low, high) if rate > 0 else Interval(high, low)

    def __and__(self, other: Interval) -> Interval:
        """What lies in both; of high bounds that cannot be compared, a number stays, otherwise the first."""
        if self == other:
            return self
        return Interval(_tighter_low(self.low, other.low), _tighter_high(self.high, other.high))

    def __or__(self, other: Interval) -> Interval:
        """The hull; bounds that cannot be compared become infinite."""
        if self == other:
            return self
        return Interval(_looser_low(self.low, other.low), _looser_high(self.high, other.high))

    def multiples(self, parts: int) -> Interval:
        """The hull of the multiples of `1 / parts` within; bounds in sizes stay as they are."""
        return Interval(_moved(self.low, parts, ceil), _moved(self.high, parts, floor))

    def contains(self, other: Interval) -> bool:
        """Whether `other` lies within at all sizes. False means: not shown."""
        return (self.low is None or (other.low is not None and at_most(self.low, other.low))) and (
            self.high is None or (other.high is not None and at_most(other.high, self.high))
        )

    def __str__(self) -> str:
        low = "(−∞" if self.low is None else f"[{self.low}"
        return f"{low}, {'∞)' if self.high is None else f'{self.high}]'}"


EVERYWHERE = Interval()


def _moved(bound: Bound, parts: int, whole: Callable[[Fraction], int]) -> Bound:
    number = None if bound is None or bound.symbols else bound.rational({})
    return bound if number is None else dim(whole(number * parts)) * Fraction(1, parts)


def _sum(left: Bound, right: Bound) -> Bound:
    return None if left is None or right is None else left + right


def _tighter_low(left: Bound, right: Bound) -> Bound:
    if left is None or right is None:
        return right if left is None else left
    return right if at_most(left, right) else left


def _tighter_high(left: Bound, right: Bound) -> Bound:
    if left is None or right is None:
        return right if left is None else left
    return right if at_most(right, left) or (left.symbols and not right.symbols and not at_most(left, right)) else left


def _looser_low(left: Bound, right: Bound) -> Bound:
    if left is None or right is None:
        return None
    return left if at_most(left, right) else right if at_most(right, left) else None


def _looser_high(left: Bound, right: Bound) -> Bound:
    if left is None or right is None:
        return None
    return right if at_most(left, right) else left if at_most(right, left) else None
