"""Flow rules of operators that choose along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphspec.axes import Dim, dim
from graphspec.flow import NO_FACTS, Facts, Guard, Marks, Relation
from graphspec.operators.flow_mixing import kept
from graphspec.operators.flow_rules import Effect, Hop, Size, Use

if TYPE_CHECKING:
    from graphspec.operators.told import Told

Places = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Chooses:
    """All candidates along the axis are compared, and the first of equals is chosen.

    What is no candidate is not read, and never chosen. As many as there are to choose from leave no choice.
    """

    def effect(self, use: Use, output: int) -> Effect:
        given, at, k = use.inputs["x"], use.place("x", use.get("axis")), use.get("k")
        size = given.sizes[at]
        limits = _limits(use)
        facts = kept(use.carried("where", limits), "zeros") if "where" in use.inputs else NO_FACTS
        axes = use.axes("x", [None if own == at else own for own in range(len(given.axes))])
        axes = tuple(_guarded(relation, own, facts) for own, relation in enumerate(axes))
        hops = [
            Hop("x", axes, ((at, Compared(at, use.ground(k))),), _vague(use.ground(size), use.ground(k), len(axes)))
        ]
        if "where" in use.inputs:
            hops.append(
                _controls(use, "where", [None if own == at else own for own in limits], "through the candidates")
            )
        names = use.names(size)
        lengths = use.lengths(size, unless=[fact.tensor for fact in facts if fact.axis == at]) | use.lengths(k)
        return Effect(
            tuple(hops), Marks(absolutes=names, lengths=lengths, mixed=names), facts, unsure=bool(use.ground(k).symbols)
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """All entries are compared, if there is a choice."""

    reader: int
    k: Dim

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        import numpy as np

        return np.full((readers, places), size(self.k) < places)


def _vague(size: Dim, k: Dim, axes: int) -> frozenset[int]:
    """The axes for which it is not known what is read: all, where there is no choice."""
    return frozenset() if size.symbols or (size - k).at_least(1) else frozenset(range(axes))


def _limits(use: Use) -> list[int | None]:
    """For each axis of `where`, the axis of the output that it lies along."""
    from graphspec.operators.pointwise import aligned

    if "where" not in use.inputs:
        return []
    given = use.inputs["where"].axes
    matched = aligned(given, use.inputs["x"].axes, use.sizes)
    return [matched.index(axis) for axis in range(len(given))]


def _guarded(relation: Relation, axis: int, facts: Facts) -> Relation:
    """What is read along an axis, if only candidates are."""
    guards = frozenset(Guard(fact.tensor, fact.offset) for fact in facts if fact.axis == axis)
    return tuple(replace(item, guards=guards) for item in relation)


def _controls(use: Use, port: str, places: Places, why: str) -> Hop:
    axes = use.axes(port, places)
    return Hop(port, tuple(tuple(replace(item, control=True) for item in axis) for axis in axes), why=why)


@dataclass(frozen=True, slots=True)
class Takes:
    """Any entry along the axis, by the numbers at the port `at`, which say where it stands."""

    def effect(self, use: Use, output: int) -> Effect:
        from graphspec.operators.choice import own_axes, shared_axes

        given, numbers = use.inputs["x"], use.inputs["at"]
        axis = use.place("x", use.get("axis"))
        own = own_axes(given, numbers, axis, use.sizes)
        shared = shared_axes(given, numbers, axis, use.sizes)
        after = [None if place == axis else place - (place > axis and not own) for place in range(len(given.axes))]
        placed = {number: place for place, number in zip(after, shared, strict=True) if number is not None}
        placed |= dict.fromkeys(own, axis)
        names = use.names(given.sizes[axis])
        taken = Hop("x", use.axes("x", after), vague=frozenset({axis}))
        told = _controls(use, "at", [placed[place] for place in range(len(numbers.axes))], "through the numbers")
        only = dim(1) == use.ground(given.sizes[axis])
        hops = (taken,) if only else (taken, told)
        return Effect(hops, Marks(absolutes=names, mixed=names))
