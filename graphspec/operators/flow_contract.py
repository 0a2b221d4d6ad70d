"""The flow rule of products summed over axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from graphspec.axes import Axis
from graphspec.flow import NO_FACTS, Facts, Guard, Length, Marks, Relation
from graphspec.operators.flow_mixing import kept
from graphspec.operators.flow_rules import Effect, Hop, Use

if TYPE_CHECKING:
    from graphspec.operators.contract import Contract

Places = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Contracts:
    """Every entry from the same place along the axes that stay, and from all along those summed over.

    Each factor is read only where the other is not zero; a sum does not count where either is.
    """

    def effect(self, use: Use, output: int) -> Effect:
        from graphspec.operators.contract import product_axes

        a, b = use.inputs["a"], use.inputs["b"]
        summed = cast("Contract", use.operator).summed(use.inputs, use.sizes)
        together = product_axes(a, b, use.sizes)
        # Both are seen first within the whole product, of which the summed axes then disappear.
        placed = {port: _places(use, port, together) for port in ("a", "b")}
        zeros = {port: kept(use.carried(port, placed[port]), "zeros") for port in placed}
        left = [at for at, axis in enumerate(together) if axis not in summed]
        hops = tuple(
            Hop(port, _read(use, port, placed[port], left, zeros[other])) for port, other in (("a", "b"), ("b", "a"))
        )
        zero = zeros["a"] | zeros["b"]
        lengths = frozenset[Length]()
        for at in set(range(len(together))).difference(left):
            lengths |= use.lengths(together[at].size, unless=[fact.tensor for fact in zero if fact.axis == at])
        marks = Marks(lengths=lengths, mixed=use.names(*(axis.size for axis in summed)))
        return Effect(hops, marks, _left(use, zero, together, left))


def _places(use: Use, port: str, together: Sequence[Axis]) -> list[int | None]:
    """For each axis of a factor, where the whole product has it."""
    from graphspec.axes import TensorType
    from graphspec.operators.contract import same_place

    whole = TensorType("float", tuple(together))
    return [same_place(axis, whole, use.sizes) for axis in use.inputs[port].axes]


def _read(use: Use, port: str, places: Places, left: Sequence[int], conditions: Facts) -> tuple[Relation, ...]:
    """What is read along each axis of a factor: guarded by where the other is not zero."""
    outputs = [left.index(place) if place in left else None for place in places]
    guarded: list[Relation] = []
    for place, relation in zip(places, use.axes(port, outputs), strict=True):
        guards = frozenset(Guard(f.tensor, f.offset) for f in conditions if f.axis == place)
        guarded.append(tuple(replace(item, guards=guards) for item in relation))
    return tuple(guarded)


def _left(use: Use, zeros: Facts, together: Sequence[Axis], left: Sequence[int]) -> Facts:
    """Where the sum is zero: what is known along the axes that stay, unless rows were summed."""
    gone = use.names(*(axis.size for at, axis in enumerate(together) if at not in left))
    stay: Iterable[Facts] = (
        frozenset({replace(fact, axis=left.index(fact.axis))})
        for fact in zeros
        if fact.axis in left and not fact.rows & gone
    )
    return NO_FACTS.union(*stay)
