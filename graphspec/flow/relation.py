"""Relations of positions: what a reader at `i` may read of a source at `j`.

A relation is a set of pieces. They compose along a path, join where paths meet, and have powers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Literal, TypeVar

from graphspec.axes import Dim, dim
from graphspec.flow.interval import EVERYWHERE, Interval, at_most, below

Rates = tuple[tuple[int, Fraction], ...]
"""By the place of the reader's axis; axes at rate 0 are left out."""

Padding = Literal["right", "left"] | None
"""Where padding stands, if that is given: what is real then comes in one run from the first, or to the last."""

MOST_PIECES = 4


@dataclass(frozen=True, slots=True)
class Guard:
    """True of every pair of a piece: `tensor[j + at]` is real, unless `tensor[i[axis] + offset]` is padding.

    `reader` is (axis, offset); without it there is no exception. Beyond its ends a tensor counts as real, but as
    padding beyond the end at which padding stands, if that is given. For document ids: both entries are the same.
    """

    tensor: str
    at: Dim
    reader: tuple[int, Dim] | None = None

    def gives(self, other: Guard, padding: Padding) -> bool:
        """Whether the other is true wherever this one is: real entries come in one run, if it is known from where."""
        if self.tensor != other.tensor or not _no_further(other.at, self.at, padding):
            return False
        if self.reader is None or other.reader is None:
            return self.reader is None
        (axis, own), (other_axis, offset) = self.reader, other.reader
        return axis == other_axis and _no_further(own, offset, padding)


@dataclass(frozen=True, slots=True)
class Rest:
    """What a piece adds to the place that its rates give: `share · (i[axis] mod count)`."""

    axis: int
    count: int
    share: Fraction


@dataclass(frozen=True, slots=True)
class Piece:
    """The pairs with `j − ρ·i` in `relative` and `j` in `absolute`. Build it with `piece`.

    `control`: read through a mask, a route or a position rather than as a value. `rest`: what `relative` (or, without
    rates, `absolute`) comes from alone, so that a split is undone by its merge.
    """

    rates: Rates
    relative: Interval
    absolute: Interval
    guards: frozenset[Guard] = frozenset()
    control: bool = False
    rest: Rest | None = None

    @property
    def key(self) -> tuple[bool, Rates, bool]:
        """Pieces of one key are joined: local and pinned ones never blur."""
        return (self.control, self.rates, self.absolute.is_pinned)

    @property
    def unit(self) -> int | None:
        """The reader's axis that this one runs along at rate 1, if it is the only one."""
        return self.rates[0][0] if len(self.rates) == 1 and self.rates[0][1] == 1 else None

    def implies(self, guard: Guard, padding: Padding = None) -> bool:
        """Whether the guard is true of every pair."""
        if any(own.gives(guard, padding) for own in self.guards):
            return True
        if guard.reader is None:  # where padding stands to the right, the first place is real
            return padding == "right" and self.ends_by(dim(0) - guard.at)
        return self.excuses(guard.reader, guard.at, padding)

    def ends_by(self, last: Dim) -> bool:
        """Whether nothing beyond a place is read."""
        return self.absolute.high is not None and at_most(self.absolute.high, last)

    def excuses(self, reader: tuple[int, Dim], at: Dim, padding: Padding) -> bool:
        """Whether `j + at` is real where `i + offset` is, by where they stand alone: it is the same place, or padding
        would have to begin between them."""
        axis, offset = reader
        if padding == "right" and self.ends_by(offset - at):
            return True  # no further than the reader's first place
        if self.unit != axis:
            return False
        reach = self.relative + Interval.at(at)
        if padding == "right":
            return reach.high is not None and at_most(reach.high, offset)
        if padding == "left":
            return reach.low is not None and at_most(offset, reach.low)
        return reach.point == offset


def _no_further(place: Dim, other: Dim, padding: Padding) -> bool:
    """Whether a place is real wherever the other is."""
    if padding == "right":
        return at_most(place, other)
    return at_most(other, place) if padding == "left" else place == other


Relation = tuple[Piece, ...]
"""Pieces in the order of their keys, one a key. No piece: reads nothing."""


def piece(
    rates: Mapping[int, Fraction],
    relative: Interval,
    absolute: Interval,
    guards: Iterable[Guard] = (),
    control: bool = False,
    rest: Rest | None = None,
) -> Piece | None:
    """The one form of a piece, or None where no pair is left."""
    kept = tuple(sorted((axis, rate) for axis, rate in rates.items() if rate))
    if rest is None:
        relative = relative.multiples(lcm(*(rate.denominator for _, rate in kept)))  # as places are whole
    relative = _tightened(kept, relative, absolute)
    if not kept or relative == EVERYWHERE:
        rest = None if kept else rest
        kept, absolute, relative = (), absolute & relative, EVERYWHERE
    if absolute.is_empty or relative.is_empty:
        return None
    made = Piece(kept, relative, absolute, frozenset(), control, rest)
    guards = tuple(guards)
    always = {(guard.tensor, guard.at) for guard in guards if guard.reader is None}
    plain = [g for g in guards if g.reader is None or not ((g.tensor, g.at) in always or made.implies(g))]
    return Piece(kept, relative, absolute, frozenset(plain), control, rest) if plain else made


def _tightened(rates: Rates, relative: Interval, absolute: Interval) -> Interval:
    """As `i ≥ 0`: `j ≤ high` gives `j − ρ·i ≤ high`, so that such a bound on the offset says nothing more."""
    if any(rate < 0 for _, rate in rates) or absolute.high is None:
        return relative
    beyond = relative.high is None or at_most(absolute.high, relative.high)
    if not rates or not beyond:
        return relative
    return EVERYWHERE if relative.low is None else Interval(relative.low, absolute.high)


# -- making -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 14)
def along(axis: int, size: Dim | int, low: Dim | int | None = 0, high: Dim | int | None = 0) -> Relation:
    """Offsets from `low` to `high` along the reader's `axis`, at rate 1; the same place by default."""
    return relation([piece({axis: Fraction(1)}, Interval.of(low, high), Interval.first(size))])


@lru_cache(maxsize=1 << 14)
def whole(size: Dim | int) -> Relation:
    """All of a source's axis."""
    return within(Interval.first(size))


def within(positions: Interval) -> Relation:
    """The same positions for every reader."""
    return relation([piece({}, EVERYWHERE, positions)])


def relation(pieces: Iterable[Piece | None], padding: Padding = None) -> Relation:
    return join((made for made in pieces if made is not None), padding)


# -- join -------------------------------------------------------------------------------------------------------------


def join(pieces: Iterable[Piece], padding: Padding = None) -> Relation:
    """The union, as one hull a key; everything where there would be too many."""
    found: dict[tuple[bool, Rates, bool], Piece] = {}
    waiting = list(pieces)
    while waiting:
        new = waiting.pop()
        old = found.pop(new.key, None)
        if old is None or old == new:
            found[new.key] = new
        else:
            waiting.append(_hull(old, new, padding))
    parts = [[p for p in found.values() if p.control == control] for control in (False, True)]
    return tuple(p for part in parts for p in (sorted(part, key=_order) if len(part) <= MOST_PIECES else [_all(part)]))


def _order(item: Piece) -> tuple[bool, Rates, bool]:
    return item.key


def _hull(left: Piece, right: Piece, padding: Padding) -> Piece:
    relative, absolute = left.relative | right.relative, _positions(left.absolute | right.absolute)
    joined = piece(dict(left.rates), relative, absolute, _common_guards(left, right, padding), left.control)
    assert joined is not None
    return joined


def _positions(interval: Interval) -> Interval:
    return interval if interval.low is not None else Interval(dim(0), interval.high)


def _all(pieces: Sequence[Piece]) -> Piece:
    absolute = pieces[0].absolute
    for other in pieces[1:]:
        absolute = absolute | other.absolute
    return Piece((), EVERYWHERE, _positions(absolute), control=pieces[0].control)


def _common_guards(left: Piece, right: Piece, padding: Padding) -> set[Guard]:
    """The guards that are true of both: the lesser where they differ."""
    candidates = {*left.guards, *right.guards, *_weakened(left, right), *_weakened(right, left)}
    return {guard for guard in candidates if left.implies(guard, padding) and right.implies(guard, padding)}


def _weakened(strong: Piece, weak: Piece) -> Iterator[Guard]:
    """Guards without exception, with the exception that `weak` needs for standing in one place."""
    if weak.unit is None:
        return
    for guard in strong.guards:
        if guard.reader is None:
            yield Guard(guard.tensor, guard.at, (weak.unit, guard.at + (weak.relative.point or 0)))


# -- composition ------------------------------------------------------------------------------------------------------


def compose(hop: Sequence[Relation], state: Relation, padding: Padding = None) -> Relation:
    """What a reader reads of the source, when it reads the middle by `hop` (a relation for each of the middle's axes)
    and the middle reads the source by `state`."""
    return _composed(tuple(hop), state, padding) if all(hop) else ()


@lru_cache(maxsize=1 << 14)
def _composed(hop: tuple[Relation, ...], state: Relation, padding: Padding) -> Relation:
    return relation((made for p in state for made in _through(hop, p, padding)), padding)


def _through(hop: Sequence[Relation], state: Piece, padding: Padding) -> Iterator[Piece | None]:
    axes = {axis for axis, _ in state.rates} | {guard.reader[0] for guard in state.guards if guard.reader}
    order, starts = sorted(axes) or list(range(len(hop)))[:1], tuple(_starts(hop))
    for choice in itertools.product(*(hop[axis] for axis in order)):
        made = _step(dict(zip(order, choice, strict=True)), state, padding)
        for axis, first in starts if made is not None else ():
            made = _from(made, axis, first) if made is not None else None
        yield made


def _starts(hop: Sequence[Relation]) -> Iterator[tuple[int, Dim]]:
    """The readers' axes along which the first ones read nothing, and from which place on they read."""
    for pieces in hop:
        only = pieces[0] if len(pieces) == 1 else None
        if only is None or only.unit is None or only.rest is not None:
            continue
        low, high = only.absolute.low, only.relative.high
        if low is not None and high is not None and below(dim(0), low - high):
            yield only.unit, low - high


def _from(made: Piece, axis: int, first: Dim) -> Piece | None:
    """A piece of which only readers from `first` on are left: what it holds of their distance from a fixed end."""
    if made.absolute.high is None or made.rest is not None or (made.unit != axis and made.rates):
        return made
    behind = made.relative & Interval(None, made.absolute.high - first)
    return piece({axis: Fraction(1)}, behind, made.absolute, made.guards, made.control)


def _step(chosen: Mapping[int, Piece], state: Piece, padding: Padding) -> Piece | None:
    """`ρ = ρp·ρh`, `D = ρp·Dh + Dp`, `A = Ap ∩ (ρp·Ah + Dp)`."""
    rates: dict[int, Fraction] = {}
    relative = positions = state.relative
    for axis, rate in state.rates:
        through = chosen[axis]
        positions = positions + through.absolute * rate
        if through.rest is None:
            relative = relative + (through.relative if through.rates else through.absolute) * rate
        for reader, step in through.rates:
            rates[reader] = rates.get(reader, Fraction(0)) + rate * step
    rests = list(_rests(chosen, state))
    for rest in rests:
        relative = relative + Interval.first(rest.count) * rest.share
    control = state.control or any(through.control for through in chosen.values())
    alone = state.relative == Interval.at(0) and all(chosen[axis].rest for axis, _ in state.rates)
    guards = _step_guards(chosen, state, padding)
    rest = rests[0] if alone and len(rests) == 1 else None
    return piece(rates, relative, state.absolute & positions, guards, control, rest)


def _rests(chosen: Mapping[int, Piece], state: Piece) -> Iterator[Rest]:
    """What the rests of the chosen pieces add up to."""
    shares: dict[tuple[int, int], Fraction] = {}
    for axis, rate in state.rates:
        rest = chosen[axis].rest
        if rest:
            key = (rest.axis, rest.count)
            shares[key] = shares.get(key, Fraction(0)) + rate * rest.share
    return (Rest(*key, share) for key, share in shares.items() if share)


def _step_guards(chosen: Mapping[int, Piece], state: Piece, padding: Padding) -> Iterator[Guard]:
    for guard in state.guards:
        if guard.reader is None:
            yield guard
            continue
        axis, offset = guard.reader
        for excuse in _excuses(chosen[axis], guard.tensor, offset, padding):
            yield Guard(guard.tensor, guard.at, excuse)
    if state.unit is not None:
        for guard in chosen[state.unit].guards:
            for at in _places(state, guard.at, padding):
                yield Guard(guard.tensor, at, guard.reader)


def _excuses(through: Piece, tensor: str, offset: Dim, padding: Padding) -> Iterator[tuple[int, Dim] | None]:
    """The exceptions under which the middle is known to be real at `offset`, seen from the reader."""
    yield from (guard.reader for guard in through.guards if guard.tensor == tensor and guard.at == offset)
    if through.unit is not None and through.relative.point is not None:
        yield (through.unit, through.relative.point + offset)
    elif through.unit is not None and through.excuses((through.unit, offset), offset, padding):
        yield (through.unit, offset)
    elif padding == "right" and through.ends_by(dim(0) - offset):  # the first place is real
        yield None


def _places(state: Piece, middle: Dim, padding: Padding) -> Iterator[Dim]:
    """The offsets at which the source is real, given that the middle is at offset `middle`."""
    if state.relative.point is not None:
        yield middle - state.relative.point
    elif state.unit is not None and state.excuses((state.unit, middle), middle, padding):
        yield middle


# -- powers -----------------------------------------------------------------------------------------------------------

Composable = TypeVar("Composable")


def power(base: Composable, times: int, combine: Callable[[Composable, Composable], Composable]) -> Composable:
    """`base` combined with itself, `times` of it (at least 1), by squaring; a square that changes nothing ends it."""
    result: Composable | None = None
    while True:
        if times % 2:
            result = base if result is None else combine(result, base)
        times //= 2
        if not times and result is not None:
            return result
        square = combine(base, base)
        if square == base:
            return base if result is None else combine(result, base)
        base = square
