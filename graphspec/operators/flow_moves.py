"""Flow rules of operators that move entries: split and merge axes, cut, shift and join along them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from graphspec.axes import Dim, dim
from graphspec.flow import (
    NO_FACTS,
    Fact,
    Facts,
    Interval,
    Length,
    Marks,
    Relation,
    piece,
    relation,
    whole,
    within,
)
from graphspec.operators.flow_mixing import kept
from graphspec.operators.flow_rules import Choice, Effect, Hop, Use


@dataclass(frozen=True, slots=True)
class SplitsLast:
    """The last axis becomes two: place `n·c + k` goes to row `n`, column `k`."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        last, made = len(given.axes) - 1, use.outputs[output]
        size, columns = use.ground(given.sizes[-1]), _number(use.ground(made.sizes[-1]))
        split = whole(size)
        if columns is not None:
            rates = {last: columns, last + 1: Fraction(1)}
            split = relation([piece(rates, Interval.at(0), Interval.first(size))])
        places = [*range(last), None]
        hop = Hop(port, (*use.axes(port, places)[:-1], split))
        return Effect((hop,), Marks(absolutes=use.names(size), mixed=use.names(size)), use.carried(port, places))


@dataclass(frozen=True, slots=True)
class MergesLast:
    """The last two axes become one: row `n`, column `k` goes to place `n·c + k`."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        last = len(given.axes) - 2
        rows, columns = map(use.ground, given.sizes[-2:])
        number = _number(columns)
        merged = whole(rows)
        if number is not None:
            below = Interval.of(dim(1) * (1 / number) - 1, 0)
            merged = relation([piece({last: 1 / number}, below, Interval.first(rows))])
        places = [*range(last), None, None]
        hop = Hop(port, (*use.axes(port, places)[:-2], merged, whole(columns)))
        names = use.names(*given.sizes[-2:])
        return Effect((hop,), Marks(absolutes=names, mixed=names), use.carried(port, places))


def _number(size: Dim) -> Fraction | None:
    return size.rational({}) or None


@dataclass(frozen=True, slots=True)
class Selects:
    """One place along an axis, which disappears; places below 0 count from the end."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        at, axis = use.ground(use.get("at")), use.place(port, use.get("axis"))
        size = given.sizes[axis]
        places = [None if own == axis else own - (own > axis) for own in range(len(given.axes))]
        axes, lengths = list(use.axes(port, places)), use.lengths(at)
        if at.at_least(0):
            axes[axis] = within(Interval.at(at))
        elif (dim(0) - at).at_least(1):
            axes[axis], lengths = within(Interval.at(use.ground(size) + at)), lengths | use.lengths(size)
        else:
            lengths |= use.lengths(size)
        choice = Choice(((port, axis),), 1, Marks(absolutes=use.names(size)))
        return Effect((Hop(port, tuple(axes)),), Marks(lengths=lengths, mixed=use.names(size)), choices=(choice,))


@dataclass(frozen=True, slots=True)
class Slices:
    """The places from `start` on, up to `stop`."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        axis, start = use.place(port, use.get("axis")), use.ground(use.get("start"))
        size, length = given.sizes[axis], use.ground(use.outputs[output].sizes[axis])
        places = range(len(given.axes))
        axes = list(use.axes(port, places))
        kept_places = Interval(start, start + length - 1)
        axes[axis] = relation([piece({axis: Fraction(1)}, Interval.at(start), kept_places)])
        names = use.names(size)
        choice = Choice(((port, axis),), 1, Marks(absolutes=names))
        marks = Marks(lengths=use.lengths(start), mixed=names)
        return Effect((Hop(port, tuple(axes)),), marks, use.carried(port, places, {axis: start}), (choice,))


@dataclass(frozen=True, slots=True)
class Shifts:
    """Every place from the one `by` before it, and zeros where there is none: they tell an edge from padding."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        axis, by = use.place(port, use.get("axis")), use.ground(use.get("by"))
        size = use.ground(given.sizes[axis])
        places = range(len(given.axes))
        axes = list(use.axes(port, places))
        axes[axis] = relation([piece({axis: Fraction(1)}, Interval.at(dim(0) - by), Interval.first(size))])
        names = use.names(size)
        zero = {fact.tensor for fact in use.facts.get(port, NO_FACTS) if fact.kind == "real" and fact.axis == axis}
        lengths = use.lengths(by) | (frozenset[Length]() if by.at_least(0) else use.lengths(size, unless=zero))
        facts = kept(use.carried(port, places, {axis: dim(0) - by}), "zeros")
        return Effect((Hop(port, tuple(axes)),), Marks(absolutes=names, lengths=lengths, mixed=names), facts)


@dataclass(frozen=True, slots=True)
class Joins:
    """The inputs one after the other along an axis, each at its offset."""

    def effect(self, use: Use, output: int) -> Effect:
        axis = use.place(next(iter(use.inputs)), use.get("axis"))
        facts, hops = NO_FACTS, tuple(Hop(port, axes) for port, axes, _ in self._parts(use, axis))
        for port, _, offset in self._parts(use, axis):
            facts |= self._facts(use, port, axis, offset)
        names = use.names(*(given.sizes[axis] for given in use.inputs.values()))
        choice = Choice(tuple((port, axis) for port in use.inputs), 2, Marks(absolutes=names))
        return Effect(hops, Marks(mixed=names), facts, (choice,))

    def _parts(self, use: Use, axis: int) -> Iterator[tuple[str, tuple[Relation, ...], Dim]]:
        offset = dim(0)
        for port, given in use.inputs.items():
            size = use.ground(given.sizes[axis])
            axes = list(use.axes(port, range(len(given.axes))))
            axes[axis] = relation([piece({axis: Fraction(1)}, Interval.at(dim(0) - offset), Interval.first(size))])
            yield port, tuple(axes), offset
            offset = offset + size

    def _facts(self, use: Use, port: str, axis: int, offset: Dim) -> Facts:
        """What a part that covers the whole of a tensor says of it; along other axes all parts would have to agree."""
        size, (first, *_, last) = use.ground(use.inputs[port].sizes[axis]), (*use.inputs, *use.inputs)
        found: set[Fact] = set()
        for fact in use.carried(port, range(len(use.inputs[port].axes)), {axis: dim(0) - offset}):
            own = fact.offset + offset
            covers = dim(0).at_least(own) and (size + own).at_least(fact.size)
            fits = {None: True, "right": port == last, "left": port == first}[use.padding]
            if fact.axis == axis and fact.kind == "real" and covers and fits:
                found.add(fact)
        return frozenset(found)
