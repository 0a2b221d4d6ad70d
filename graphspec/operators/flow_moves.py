"""Flow rules of operators that move entries: split and merge axes, cut, shift and join along them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from graphspec.axes import Dim, dim
from graphspec.flow import (
    EVERYWHERE,
    NO_FACTS,
    Fact,
    Facts,
    Interval,
    Keys,
    Length,
    Marks,
    Relation,
    piece,
    relation,
    whole,
    within,
)
from graphspec.operators.flow_mixing import kept
from graphspec.operators.flow_rules import Choice, Effect, Hop, Shown, Size, Use

if TYPE_CHECKING:
    from graphspec.operators.shape import Concat
    from graphspec.operators.told import Told


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
        marks = Marks(lengths=lengths, mixed=use.names(size))
        return Effect((Hop(port, tuple(axes)),), marks, choices=(choice,), unsure=True)


@dataclass(frozen=True, slots=True)
class Slices:
    """The places from `start` on, up to `stop`."""

    def effect(self, use: Use, output: int) -> Effect:
        return _cut(use, output, use.ground(use.get("start")))


@dataclass(frozen=True, slots=True)
class Splits:
    """The places of one part, which starts where those before it end."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, _),) = use.inputs.items()
        axis = use.place(port, use.get("axis"))
        before = (use.ground(made.sizes[axis]) for made in use.outputs[:output])
        return _cut(use, output, sum(before, dim(0)))


def _cut(use: Use, output: int, start: Dim) -> Effect:
    """The places from `start` on along the attribute `axis`, as many as the output has."""
    ((port, given),) = use.inputs.items()
    axis = use.place(port, use.get("axis"))
    size, length = given.sizes[axis], use.ground(use.outputs[output].sizes[axis])
    places = range(len(given.axes))
    axes = list(use.axes(port, places))
    kept_places = Interval(start, start + length - 1)
    axes[axis] = relation([piece({axis: Fraction(1)}, Interval.at(start), kept_places)])
    names = use.names(size)
    choice = Choice(((port, axis),), 1, Marks(absolutes=names))
    marks = Marks(lengths=use.lengths(start), mixed=names, parted=frozenset({length}))
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
        moved = use.carried(port, places, {axis: dim(0) - by})
        whole_ones = frozenset(f for f in moved if f.kind == "value" and f.axis == axis and _covers(f, size, by))
        facts = kept(moved, "zeros") | whole_ones
        return Effect(
            (Hop(port, tuple(axes)),), Marks(absolutes=names, lengths=lengths, mixed=names), facts, unsure=True
        )


@dataclass(frozen=True, slots=True)
class Flips:
    """Every place from the one as far from the other end."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        axis = use.place(port, use.get("axis"))
        size = use.ground(given.sizes[axis])
        places = [None if own == axis else own for own in range(len(given.axes))]
        axes = list(use.axes(port, places))
        axes[axis] = relation([piece({axis: Fraction(-1)}, Interval.at(size - 1), Interval.first(size))])
        names = use.names(size)
        marks = Marks(absolutes=names, lengths=use.lengths(size), mixed=names)
        return Effect((Hop(port, tuple(axes)),), marks, use.carried(port, places), unsure=True)


@dataclass(frozen=True, slots=True)
class Rolls:
    """Every place from the one `by` before it, around the ends."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        axis, by = use.place(port, use.get("axis")), use.ground(use.get("by"))
        size = use.ground(given.sizes[axis])
        places = [None if own == axis else own for own in range(len(given.axes))]
        axes = list(use.axes(port, places))
        axes[axis] = relation([piece({axis: Fraction(1)}, _around(by, size), Interval.first(size))])
        names = use.names(size)
        marks = Marks(absolutes=names, lengths=use.lengths(size, by), mixed=names)
        hop = Hop(port, tuple(axes), pairs=((axis, Rolled(axis, by)),))
        return Effect((hop,), marks, use.carried(port, places), unsure=True)


def _end(port: str, own: int, axis: int, size: Dim, end: Dim, last: Dim) -> Iterator[Shown]:
    """Where the entries of a port, along its axis `own`, end: before the place `end`, if that depends on a length."""
    beyond = relation([piece({axis: Fraction(1)}, Interval.at(dim(0)), Interval(end, last))])
    for name in sorted(end.symbols):
        yield Shown(((port, own),), size, Keys(name, frozenset(), before=False, until=name), beyond)


def _around(by: Dim, size: Dim) -> Interval:
    """From `by` before to as far as the other end, which is all that holds however often it goes around."""
    if by.at_least(0):
        return Interval(dim(0) - by, None)
    return Interval(None, dim(0) - by) if (dim(0) - by).at_least(0) else EVERYWHERE


@dataclass(frozen=True, slots=True)
class Rolled:
    """The pairs of a roll, which its relation only bounds."""

    reader: int
    by: Dim

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        import numpy as np

        back = (dim(0) - self.by).at_least(0)  # sizes are never below 0
        step = -size(dim(0) - self.by) if back else size(self.by)
        return (np.arange(readers)[:, None] - step) % places == np.arange(places)[None, :]


@dataclass(frozen=True, slots=True)
class Pads:
    """Every place from the one `left` before it, and a constant at the ends, which tells them from padding.

    Zeros do not where padding is zero as well.
    """

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        axis, left, right = use.place(port, use.get("axis")), use.ground(use.get("left")), use.ground(use.get("right"))
        size = use.ground(given.sizes[axis])
        places = range(len(given.axes))
        axes = list(use.axes(port, places))
        axes[axis] = relation([piece({axis: Fraction(1)}, Interval.at(dim(0) - left), Interval.first(size))])
        facts = use.carried(port, places, {axis: dim(0) - left})
        facts = frozenset(fact for fact in facts if self._holds(use, fact, axis, left, right))
        zero = {f.tensor for f in use.facts.get(port, NO_FACTS) if f.kind == "real" and f.axis == axis}
        alike = frozenset(zero if use.get("value").value == 0 else ())
        edges = use.lengths(size, unless=alike)
        longer = frozenset({use.ground(use.outputs[output].sizes[axis])})
        marks = Marks(lengths=use.lengths(left, right), mixed=use.names(size), edges=edges, parted=longer)
        shown = _end(port, axis, axis, size, left + size, left + size + right - 1) if right != dim(0) else ()
        shown = tuple(replace(it, keys=replace(it.keys, unless=alike)) for it in shown)
        return Effect((Hop(port, tuple(axes)),), marks, facts, shown=shown, unsure=True)

    def _holds(self, use: Use, fact: Fact, axis: int, left: Dim, right: Dim) -> bool:
        """Whether what is known of the input is true of the ends too: zeros say nothing, other values must be real."""
        if fact.kind == "real" and use.get("value").value == 0:
            return True
        if fact.axis != axis or fact.kind != "real":
            return False
        own = fact.offset + left
        size = use.ground(use.inputs["x"].sizes[axis])
        covers = dim(0).at_least(own) and (size + own).at_least(fact.size)
        return covers and {None: True, "right": right == dim(0), "left": left == dim(0)}[use.padding]


@dataclass(frozen=True, slots=True)
class Joins:
    """The inputs one after the other along an axis, each at its offset."""

    def effect(self, use: Use, output: int) -> Effect:
        axis = cast("Concat", use.operator).place(use.inputs, use.sizes)
        facts, hops = NO_FACTS, tuple(Hop(port, axes) for port, axes, _ in self._parts(use, axis))
        for port, _, offset in self._parts(use, axis):
            facts |= self._facts(use, port, axis, offset)
        own = {port: axis - self._lead(use, port) for port in use.inputs}
        names = use.names(*(use.inputs[port].sizes[at] for port, at in own.items()))
        choice = Choice(tuple(own.items()), 2, Marks(absolutes=names))
        marks = Marks(mixed=names, parted=frozenset({use.ground(use.outputs[0].sizes[axis])}))
        return Effect(hops, marks, facts, (choice,), shown=tuple(self._ends(use, axis)))

    def _ends(self, use: Use, axis: int) -> Iterator[Shown]:
        """Where one part ends and the next one begins, if that depends on a length."""
        last = use.ground(use.outputs[0].sizes[axis]) - 1
        for (port, _, _), (_, _, end) in pairwise(self._parts(use, axis)):
            own = axis - self._lead(use, port)
            yield from _end(port, own, axis, use.ground(use.inputs[port].sizes[own]), end, last)

    def _lead(self, use: Use, port: str) -> int:
        """How many leading axes of the result a part lacks: it is the same along them."""
        return len(use.outputs[0].axes) - len(use.inputs[port].axes)

    def _parts(self, use: Use, axis: int) -> Iterator[tuple[str, tuple[Relation, ...], Dim]]:
        offset = dim(0)
        for port, given in use.inputs.items():
            lead = self._lead(use, port)
            size = use.ground(given.sizes[axis - lead])
            axes = list(use.axes(port, range(lead, lead + len(given.axes))))
            axes[axis - lead] = relation(
                [piece({axis: Fraction(1)}, Interval.at(dim(0) - offset), Interval.first(size))]
            )
            yield port, tuple(axes), offset
            offset = offset + size

    def _facts(self, use: Use, port: str, axis: int, offset: Dim) -> Facts:
        """What a part that covers the whole of a tensor says of it; along other axes all parts would have to agree."""
        lead, (first, *_, last) = self._lead(use, port), (*use.inputs, *use.inputs)
        size, places = use.ground(use.inputs[port].sizes[axis - lead]), range(lead, len(use.outputs[0].axes))
        found: set[Fact] = set()
        for fact in use.carried(port, places, {axis - lead: dim(0) - offset}):
            fits = {None: True, "right": port == last, "left": port == first}[use.padding]
            kept_so = fact.kind == "value" or (fact.kind == "real" and fits)
            if fact.axis == axis and kept_so and _covers(fact, size, offset):
                found.add(fact)
        return frozenset(found)


def _covers(fact: Fact, size: Dim, by: Dim) -> bool:
    """Whether an axis of a size, before it was moved `by` so many places, held all of the fact's tensor."""
    own = fact.offset + by
    return dim(0).at_least(own) and (size + own).at_least(fact.size)
