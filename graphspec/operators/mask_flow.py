"""The flow of masks: where one can be true, and where its outcome can change with a tensor that it reads.

An over-approximation is never complemented: negation is pushed down to the atoms, each of which states both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from graphspec.axes import Dim, dim
from graphspec.flow import EVERYWHERE, NO_FACTS, Facts, Guard, Interval, Padding, Relation, piece, relation
from graphspec.masks import (
    Adjacency,
    And,
    Atom,
    Causal,
    Chunk,
    Dilated,
    Documents,
    Everything,
    Keys,
    Mask,
    Not,
    Or,
    Prefix,
    Window,
    atoms,
)

MOST_TERMS = 128


@dataclass(frozen=True, slots=True)
class Term:
    """Pairs of query `i` and key `j` with `j − i` in `relative` and `j` in `absolute`, where the guards hold.

    `j − i` is a multiple of `step`.
    """

    relative: Interval = EVERYWHERE
    absolute: Interval = EVERYWHERE
    guards: frozenset[Guard] = frozenset()
    data: frozenset[tuple[Atom, bool]] = frozenset()
    step: int = 1

    def __and__(self, other: Term) -> Term | None:
        """Where both hold; None if that is nowhere."""
        step, absolute = math.lcm(self.step, other.step), self.absolute & other.absolute
        relative = _stepped(self.relative & other.relative, absolute, step)
        data = self.data | other.data
        contradicts = any((atom, not truth) in data for atom, truth in data)
        if contradicts or relative.is_empty or absolute.is_empty:
            return None
        return Term(relative, absolute, self.guards | other.guards, data, step)


def _stepped(relative: Interval, absolute: Interval, step: int) -> Interval:
    """Offsets that are multiples of a step, drawn in to the nearest ones; none is above the last key, as `i ≥ 0`."""
    if step == 1:
        return relative
    low, high = (None if bound is None else bound.constant for bound in (relative.low, relative.high))
    last = None if absolute.high is None else absolute.high.constant
    if last is not None and (relative.high is None or (high is not None and last < high)):
        high = last
    return Interval(
        relative.low if low is None else dim(-(-low // step) * step),
        relative.high if high is None else dim(high // step * step),
    )


Terms = tuple[Term, ...]
EVERY = (Term(),)


@dataclass(frozen=True)
class Keyed:
    """What a mask stands on: the place of the queries' axis, how many keys there are, how to put numbers into sizes,
    and the facts of the tensors that it reads, along the keys."""

    reader: int
    size: Dim
    ground: Callable[[Dim], Dim]
    facts: Mapping[str, Facts]
    padding: Padding = None

    def may(self, mask: Mask) -> Relation:
        """Where the mask can be true."""
        return self._relation(self._terms(mask, True))

    def sens(self, atom: Atom, mask: Mask) -> Relation:
        """Where the mask's outcome can change with the atom's."""
        return self._relation(self._sensitive(atom, mask))

    def _relation(self, terms: Terms) -> Relation:
        keys, rate = Interval.first(self.size), {self.reader: Fraction(1)}
        return relation((piece(rate, t.relative, t.absolute & keys, t.guards) for t in terms), self.padding)

    def _terms(self, mask: Mask, truth: bool) -> Terms:
        """The disjunction of terms within which the mask has that truth value."""
        match mask:
            case Not(inner):
                return self._terms(inner, not truth)
            case And(left, right) | Or(left, right):
                first, second = self._terms(left, truth), self._terms(right, truth)
                return _meet(first, second) if isinstance(mask, And) == truth else _few((*first, *second))
            case _:
                return tuple(_within(mask, truth, self))

    def _sensitive(self, atom: Atom, mask: Mask) -> Terms:
        match mask:
            case Not(inner):
                return self._sensitive(atom, inner)
            case And(left, right) | Or(left, right):
                open_ = isinstance(mask, And)
                return _few(
                    (
                        *_meet(self._sensitive(atom, left), self._terms(right, open_)),
                        *_meet(self._sensitive(atom, right), self._terms(left, open_)),
                    )
                )
            case _:
                return EVERY if mask == atom else ()


def _meet(left: Terms, right: Terms) -> Terms:
    if len(left) * len(right) > MOST_TERMS:
        return EVERY
    return tuple(both for a in left for b in right if (both := a & b) is not None)


def _few(terms: Terms) -> Terms:
    distinct = tuple(dict.fromkeys(terms))
    return distinct if len(distinct) <= MOST_TERMS else EVERY


def _within(atom: Atom, truth: bool, keyed: Keyed) -> Iterator[Term]:
    """Where an atom is true, or where it is false."""
    match atom:
        case Everything():
            yield from EVERY if truth else ()
        case Causal():
            yield Term(Interval.of(None, 0) if truth else Interval.of(1, None))
        case Window() | Chunk():
            near = _near(atom, keyed.ground)
            within = [Term(near)] if truth else _beyond(near if isinstance(atom, Window) else Interval.at(0))
            yield from (replace(term, data=frozenset({(atom, truth)})) for term in within)
        case Prefix(Dim() as size):
            size = keyed.ground(size)
            yield Term(absolute=Interval(dim(0), size - 1) if truth else Interval(size, None))
        case Dilated(size) if truth:
            step = keyed.ground(size).constant
            yield Term(data=frozenset({(atom, truth)}), step=step or 1)
        case Dilated():
            within = _beyond(Interval.at(0))
            yield from (replace(term, data=frozenset({(atom, truth)})) for term in within)
        case Documents(port):
            yield from [_data(atom, True, _same(port, keyed))] if truth else _outside(atom)
        case Keys(port):
            yield _data(atom, truth, _real(port, keyed) if truth else ())
        case Adjacency() | Prefix():
            yield _data(atom, truth, ())


def _near(atom: Window | Chunk, ground: Callable[[Dim], Dim]) -> Interval:
    if isinstance(atom, Chunk):
        reach = ground(atom.size) - 1
        return Interval(dim(0) - reach, reach)
    left, right = (None if side is None else ground(side) for side in (atom.left, atom.right))
    return Interval(None if left is None else dim(0) - left, right)


def _beyond(interval: Interval) -> Iterator[Term]:
    """Outside an interval of offsets: before it, after it."""
    if interval.low is not None:
        yield Term(Interval(None, interval.low - 1))
    if interval.high is not None:
        yield Term(Interval(interval.high + 1, None))


def _data(atom: Atom, truth: bool, guards: Iterable[Guard]) -> Term:
    return Term(guards=frozenset(guards), data=frozenset({(atom, truth)}))


def _outside(atom: Atom) -> Iterator[Term]:
    """Documents differ: never at the same place."""
    for term in _beyond(Interval.at(0)):
        yield Term(term.relative, data=frozenset({(atom, False)}))


def _real(port: str, keyed: Keyed) -> Iterator[Guard]:
    return (Guard(f.tensor, f.offset) for f in keyed.facts.get(port, NO_FACTS) if f.kind == "real")


def _same(port: str, keyed: Keyed) -> Iterator[Guard]:
    for fact in keyed.facts.get(port, NO_FACTS):
        if fact.kind == "same":
            yield Guard(fact.tensor, fact.offset, (keyed.reader, fact.offset))


def numbers_of(mask: Mask) -> Iterator[Dim]:
    """The sizes within a mask."""
    for atom in atoms(mask):
        match atom:
            case Window(left, right):
                yield from (side for side in (left, right) if side is not None)
            case Chunk(size) | Dilated(size) | Prefix(Dim() as size):
                yield size
            case _:
                pass
