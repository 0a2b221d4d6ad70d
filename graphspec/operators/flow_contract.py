"""The flow rule of products summed over axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from graphspec.flow import Facts, Guard, Length, Marks, Relation
from graphspec.operators.flow_mixing import kept
from graphspec.operators.flow_rules import Effect, Hop, Use

if TYPE_CHECKING:
    from graphspec.operators.contract import Contract, Whole


@dataclass(frozen=True, slots=True)
class Contracts:
    """Every entry from the same place along the axes that stay, and from all along those summed over.

    Each factor is read only where the other is not zero; a sum does not count where either is.
    """

    def effect(self, use: Use, output: int) -> Effect:
        whole = cast("Contract", use.operator).whole(use.inputs, use.sizes)
        zeros = {port: kept(use.carried(port, places), "zeros") for port, places in whole.places.items()}
        hops = tuple(Hop(port, _read(use, port, whole, zeros[other])) for port, other in (("a", "b"), ("b", "a")))
        zero = zeros["a"] | zeros["b"]
        lengths = frozenset[Length]()
        for at in whole.summed:
            lengths |= use.lengths(whole.axes[at].size, unless=[fact.tensor for fact in zero if fact.axis == at])
        summed = use.names(*(whole.axes[at].size for at in whole.summed))
        return Effect(hops, Marks(lengths=lengths, mixed=summed), _left(zero, whole, summed))


def _read(use: Use, port: str, whole: Whole, conditions: Facts) -> tuple[Relation, ...]:
    """What is read along each axis of a factor: guarded by where the other is not zero."""
    places = whole.places[port]
    outputs = [whole.left.index(place) if place in whole.left else None for place in places]
    guarded: list[Relation] = []
    for place, relation in zip(places, use.axes(port, outputs), strict=True):
        guards = frozenset(Guard(fact.tensor, fact.offset) for fact in conditions if fact.axis == place)
        guarded.append(tuple(replace(item, guards=guards) for item in relation))
    return tuple(guarded)


def _left(zeros: Facts, whole: Whole, summed: frozenset[str]) -> Facts:
    """Where the sum is zero: what is known along the axes that stay, unless rows were summed."""
    return frozenset(
        replace(fact, axis=whole.left.index(fact.axis))
        for fact in zeros
        if fact.axis in whole.left and not fact.rows & summed
    )
