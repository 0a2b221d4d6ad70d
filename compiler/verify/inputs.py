"""Random inputs of a model, and changes of them: tokens below their bound, padding at one end, documents in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from graphspec.analysis.flow import sizes_of
from graphspec.axes import Dim
from graphspec.graph import Body, Contract, Graph, Input, Node, inner_bodies
from graphspec.masks import Adjacency, Documents, Keys, Mask, Prefix, atoms
from graphspec.operators.flow_rules import ground

Inputs = Mapping[str, Tensor]
Role = Literal["documents", "prefix", "real", "pairs"]

DOCUMENTS = 4
"""Ids of documents are drawn below it where they are drawn anew."""


@dataclass(frozen=True)
class Drawing:
    """How inputs are drawn at some lengths. `left`: the truth values whose padding stands on the left."""

    graph: Graph
    lengths: Mapping[str, int]
    roles: Mapping[str, Role]
    left: frozenset[str]
    device: torch.device
    dtype: torch.dtype
    generator: torch.Generator

    def number(self, size: Dim) -> int:
        """A size at these lengths."""
        found = ground(size, sizes_of(self.graph)).value(self.lengths)
        if found is None or found < 0:
            raise ValueError(f"`{size}` is no size at these lengths")
        return int(found)

    def all(self, given: frozenset[str]) -> dict[str, Tensor]:
        """A value for each input that must be given, or is in `given`."""
        wanted = [it for it in self.graph.body.inputs if it.default is None or it.name in given]
        return {source.name: self.draw(source) for source in wanted}

    def draw(self, source: Input) -> Tensor:
        shape = [self.number(size) for size in source.type.sizes]
        match source.type.dtype:
            case "float":
                drawn = torch.randn(shape, generator=self.generator, dtype=torch.float64).to(self.dtype)
            case "bool":
                drawn = self._truths(source, shape)
            case _:
                drawn = self._numbers(source, shape)
        return drawn.to(self.device)

    def changed(self, source: Input, old: Tensor, where: Tensor) -> Tensor:
        """Other values at the entries `where` (broadcast); whole numbers surely differ."""
        where = where.to(self.device).expand(old.shape)
        match source.type.dtype:
            case "float":
                new = self.draw(source)
            case "bool":
                new = old ^ self._random(old.shape, 0.5).to(self.device)
            case _:
                first, count = self._range(source)
                step = torch.randint(1, max(count, 2), old.shape, generator=self.generator).to(self.device)
                new = first + (old - first + step) % count
        return torch.where(where, new, old)

    # -- kinds of values ----------------------------------------------------------------------------------------------

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def _random(self, shape: torch.Size | list[int], share: float) -> Tensor:
        return torch.rand(shape, generator=self.generator) < share

    def _range(self, source: Input) -> tuple[int, int]:
        """The least whole number of an input, and how many there are."""
        if source.below is not None:
            return 0, self.number(source.below)
        if self.roles.get(source.name) == "prefix":
            return 1, max(self.lengths.values(), default=1)
        return 0, DOCUMENTS

    def _numbers(self, source: Input, shape: list[int]) -> Tensor:
        place = self._position(source)
        if source.below is None and self.roles.get(source.name) != "prefix" and place is not None:
            starts = self._random(shape, 0.3)
            starts.select(place, self.integer(1, max(1, shape[place] - 1)) % shape[place]).fill_(True)
            return starts.long().cumsum(place)
        first, count = self._range(source)
        return torch.randint(first, first + count, shape, generator=self.generator)

    def _truths(self, source: Input, shape: list[int]) -> Tensor:
        place = self._position(source)
        if place is None or self.roles.get(source.name) == "pairs":
            return self._random(shape, 0.7)
        length, around = shape[place], [1 if at == place else size for at, size in enumerate(shape)]
        real = torch.randint((length + 2) // 3, max(length, (length + 2) // 3 + 1), around, generator=self.generator)
        index = torch.arange(length).view([-1 if at == place else 1 for at in range(len(shape))])
        held = index >= length - real if source.name in self.left else index < real
        return held.expand(shape).clone()

    def _position(self, source: Input) -> int | None:
        """The only axis of positions, if there is just one."""
        found = [at for at, size in enumerate(source.type.sizes) if self.graph.role(size) == "position"]
        return found[0] if len(found) == 1 else None


def padded_on_the_left(contract: Contract) -> frozenset[str]:
    return frozenset({str(contract.get("where"))} if contract.get("side") == "left" else ())


# -- what inputs are for ----------------------------------------------------------------------------------------------


def roles_of(graph: Graph) -> dict[str, Role]:
    """What the masks of a model take its inputs for."""
    found: dict[str, Role] = {}
    _collect(graph.body, {source.name: source.name for source in graph.body.inputs}, found)
    return found


def _collect(body: Body, known: Mapping[str, str], found: dict[str, Role]) -> None:
    """`known`: which names of a body are inputs of the model."""
    for node in body.nodes:
        for atom in atoms(getattr(node.does, "mask", None) or Keys("")):
            port, role = _reads(atom)
            source = _source(node, port, known)
            if source:
                found.setdefault(source, role)
        for inner in inner_bodies(node):
            ports = {port: _source(node, port, known) for port, _ in node.inputs}
            _collect(inner, {port: source for port, source in ports.items() if source}, found)


def _source(node: Node, port: str, known: Mapping[str, str]) -> str:
    ref = node.input(port)
    return known.get(ref.name, "") if ref else ""


def _reads(atom: Mask) -> tuple[str, Role]:
    match atom:
        case Documents(port):
            return port, "documents"
        case Prefix(str(port)):
            return port, "prefix"
        case Adjacency(port):
            return port, "pairs"
        case Keys(port):
            return port, "real"
        case _:
            return "", "real"
