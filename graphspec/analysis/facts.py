"""What each operator of a graph reads, gives, learns and saves, as numbers at some sizes; found once for a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphspec.analysis.cost import Costs
from graphspec.axes import Dim, DType, TensorType, product
from graphspec.graph import Body, Graph, Node, Parameter
from graphspec.operators import Operator
from graphspec.operators.declare import Use


@dataclass(frozen=True, slots=True)
class Amount:
    """How many elements a tensor has, and of which kind."""

    count: int
    dtype: DType


@dataclass(frozen=True, slots=True)
class Needs:
    """`Saved`, in numbers."""

    ports: tuple[str, ...]
    elements: int
    numbers: int
    truths: int
    moment: int
    passing: int
    at_once: bool


@dataclass(slots=True)
class Facts:
    """One operator where it stands. `needs`: what it saves, by the ports at which gradients are wanted."""

    types: Mapping[str, TensorType]
    reads: Mapping[str, int]
    gives: tuple[Amount, ...]
    learns: tuple[tuple[Parameter, int], ...]
    needs: dict[frozenset[str], Needs] = field(default_factory=dict[frozenset[str], Needs])


class Book:
    """The facts of a graph at the sizes of its run-time axes. Raises `ValueError` for a size that is no number."""

    def __init__(self, graph: Graph, sizes: Mapping[str, int], device: str) -> None:
        self.costs, self.sizes, self.device = Costs(graph), sizes, device
        self._facts: dict[tuple[int, str], Facts] = {}

    def of(self, node: Node, does: Operator, body: Body) -> Facts:
        key = (id(body), node.name)
        if key not in self._facts:
            types = {port: body.type_of(ref) for port, ref in node.inputs}
            reads = {port: self.number(given.elements()) for port, given in types.items()}
            gives = tuple(self.amount(value.type) for value in node.outputs)
            learns = tuple((it, self.number(product(it.shape))) for it in node.parameters if it.trainable)
            self._facts[key] = Facts(types, reads, gives, learns)
        return self._facts[key]

    def needs(self, facts: Facts, node: Node, does: Operator, learning: frozenset[str]) -> Needs:
        """What an operator saves where gradients are wanted at these ports."""
        if learning not in facts.needs:
            found = does.saved(facts.types, [it.type for it in node.outputs], Use(self.device, learning))
            amounts = (found.elements, found.numbers, found.truths, found.moment)
            passing = self.number(found.passing)
            passing = passing if found.at_most is None else min(passing, found.at_most)
            facts.needs[learning] = Needs(
                found.ports, *map(self.number, amounts), passing=passing, at_once=found.at_once
            )
        return facts.needs[learning]

    def amount(self, given: TensorType) -> Amount:
        return Amount(self.number(given.elements()), given.dtype)

    def number(self, size: Dim) -> int:
        found = self.costs.at(size, self.sizes)
        if found is None:
            raise ValueError(f"`{size}` is no size here")
        return found
