"""What the probes of a contract are made from: its arguments, the lengths, one draw of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from compiler.verify.inputs import Drawing, Inputs
from compiler.verify.laws import Law
from graphspec.analysis.contracts import verdicts
from graphspec.analysis.contracts.reading import Reading
from graphspec.analysis.flow import sizes_of
from graphspec.axes import Dim, TensorType
from graphspec.graph import Contract, Graph, Input
from graphspec.operators.flow_rules import ground


@dataclass(frozen=True)
class Probe:
    """A change of the inputs, and what must stay then: `claims` are laws by a word about each, usually empty.

    `reshapes`: the sizes or the order change, so that random draws cannot be the same. `moves`: what the laws single
    out must not stay but move.
    """

    what: str
    before: Inputs
    after: Inputs
    claims: tuple[tuple[str, Law], ...]
    reshapes: bool = False
    moves: bool = False


@dataclass(frozen=True)
class Skip:
    """A probe that is left out, and why."""

    why: str


Step = Probe | Skip
Steps = Iterator[Step]
Prober = Callable[["Scene"], Steps]


@dataclass(frozen=True)
class Scene:
    """One draw of the inputs, at given lengths, for one contract."""

    reading: Reading
    drawing: Drawing
    inputs: Inputs

    @property
    def graph(self) -> Graph:
        return self.reading.graph

    def given(self, source: Input) -> bool:
        return source.name in self.inputs

    def length(self, size: Dim) -> int:
        return self.drawing.number(size)

    def slope(self, size: Dim, axis: str) -> float:
        """How much a size grows with a run-time axis."""
        longer = replace(self.drawing, lengths={**self.drawing.lengths, axis: 2 * self.drawing.lengths[axis]})
        return (longer.number(size) - self.length(size)) / self.drawing.lengths[axis]

    def name(self, size: Dim) -> str:
        """The run-time axis that a size is, or nothing if it is fixed or made of others."""
        symbols = ground(size, sizes_of(self.graph)).symbols
        plain = len(symbols) == 1 and size == Dim.symbol(next(iter(symbols)))
        return next(iter(symbols)) if plain else ""

    def opened(self) -> Scene:
        """The scene with nothing hidden: all is real, and of one document."""
        found = dict(self.inputs)
        for source in self.graph.body.inputs:
            if self.given(source) and source.type.dtype == "bool":
                found[source.name] = torch.ones_like(found[source.name])
            elif self.given(source) and self.drawing.roles.get(source.name) == "documents":
                found[source.name] = torch.zeros_like(found[source.name])
        return replace(self, inputs=found)

    # -- changing the inputs ------------------------------------------------------------------------------------------

    def replaced(self, where: Callable[[Input], Tensor | None], *, poison: bool = False) -> Inputs:
        """The inputs with other values where each says so; `poison`: NaN in those that have fractions."""
        found = dict(self.inputs)
        for source in self.graph.body.inputs:
            entries = where(source) if self.given(source) else None
            if entries is None:
                continue
            old = self.inputs[source.name]
            if poison and source.type.dtype == "float":
                found[source.name] = old.masked_fill(entries.to(old.device).expand(old.shape), torch.nan)
            else:
                found[source.name] = self.drawing.changed(source, old, entries)
        return found

    def picked(self, size: Dim, index: Tensor, inputs: Inputs | None = None) -> Inputs:
        """The inputs at some places of an axis, wherever they have it."""
        found = dict(inputs or self.inputs)
        for source in self.graph.body.inputs:
            for at, axis in enumerate(source.type.axes):
                if axis.size == size and source.name in found:
                    found[source.name] = found[source.name].index_select(at, index.to(self.drawing.device))
        return found

    # -- other inputs -------------------------------------------------------------------------------------------------

    def along(self, size: Dim) -> list[Input]:
        """The inputs that have an axis."""
        return [it for it in self.graph.body.inputs if self.given(it) and any(a.size == size for a in it.type.axes)]

    def unpromised(self, size: Dim, covered: set[str]) -> str:
        """An input along the axis of which the contract is not proved, so that a change of length may show there."""
        others = [source.name for source in self.along(size) if source.name not in covered]
        return next((name for name in others if not promised(self.graph, self.reading.contract, name)), "")


def promised(graph: Graph, contract: Contract, source: str) -> bool:
    """Whether the contract is proved of another input as well."""
    return status_of(graph, contract, "input", source) == "proved"


@lru_cache(maxsize=256)
def status_of(graph: Graph, contract: Contract, argument: str, value: str) -> str:
    """The verdict on a contract with another argument."""
    arguments = tuple((name, old) for name, old in contract.arguments if name != argument)
    asked = replace(contract, arguments=(*arguments, (argument, value)))
    (found,) = verdicts(replace(graph, contracts=(asked,)))
    return found.status


def spread(where: Tensor, axes: tuple[Dim, ...], given: TensorType) -> Tensor | None:
    """Truth values along named axes, broadcast over an input; along axes that it lacks all must be true."""
    kept = list(axes)
    for axis in axes:
        if axis not in given.sizes:
            where = where.all(kept.index(axis))
            kept.remove(axis)
    if not kept:
        return None
    places = [given.sizes.index(axis) for axis in kept]
    where = where.permute(sorted(range(len(kept)), key=lambda at: places[at]))
    for at in range(len(given.axes)):
        if at not in places:
            where = where.unsqueeze(at)
    return where
