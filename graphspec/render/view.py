"""What a diagram shows of a body: the edges that carry data, as opposed to masks, and those that carry a memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from graphspec.axes import TensorType
from graphspec.graph import WEIGHT, Body, Mixture, Node, Ref, inner_bodies
from graphspec.masks import Mask, ports
from graphspec.operators import Operator
from graphspec.operators.attention import Attend
from graphspec.operators.linear import Embedding

Read = tuple[str, Ref]


@dataclass(frozen=True)
class View:
    """The reads of each node that are drawn, and which of them are memories (keys and values from elsewhere)."""

    reads: dict[str, tuple[Read, ...]]
    memories: frozenset[tuple[str, str]]
    inputs: frozenset[str]
    memory_inputs: frozenset[str]


@lru_cache(maxsize=4096)
def view(body: Body) -> View:
    """The view of a body; computed once for each distinct body."""
    conditions = _conditions(body)
    reads = {node.name: tuple(_shown(node, conditions)) for node in body.nodes}
    memories = frozenset((node.name, port) for node in body.nodes for port in _memory_ports(node, body, reads))
    live = _reached(body, reads, frozenset())
    plain = _reached(body, reads, memories)
    names = {source.name for source in body.inputs}
    return View(reads, memories, frozenset(live & names), frozenset(live & names - plain))


def _conditions(body: Body) -> frozenset[str]:
    """Names that hold truth values, or numbers made of nothing else: they steer the data, they are not the data.

    Rows that such numbers pick, learned or of positions, are data. So is what is looked up in an embedding: how many
    neighbours a node of a graph has, for one.
    """
    looked_up = [ref for node in body.nodes if isinstance(node.does, Embedding) for _, ref in node.inputs]
    data = _closure(looked_up, {node.name: node.inputs for node in body.nodes})
    found = {source.name for source in body.inputs if source.type.dtype == "bool"} - data
    for node in body.nodes:
        if node.name in data:
            continue
        sources = {ref.name for _, ref in node.inputs}
        if node.type.dtype == "bool" or (sources and sources <= found and not _gives_rows(node)):
            found.add(node.name)
    return frozenset(found)


def _gives_rows(node: Node) -> bool:
    return bool(node.parameters) or (isinstance(node.does, Operator) and node.does.family == "position")


def _shown(node: Node, conditions: frozenset[str]) -> Iterator[Read]:
    inner = [view(body).inputs for body in inner_bodies(node)]
    inner += [frozenset({WEIGHT})] if isinstance(node.does, Mixture) else []
    masks = ports(node.does.mask) if isinstance(node.does, Attend) else ()
    for port, ref in node.inputs:
        hidden = port in masks or ref.name in conditions
        if not hidden and (not inner or any(port in names for names in inner)):
            yield port, ref


def _memory_ports(node: Node, body: Body, reads: dict[str, tuple[Read, ...]]) -> Iterable[str]:
    if not isinstance(node.does, Attend):
        inner = [view(inner).memory_inputs for inner in inner_bodies(node)]
        return frozenset[str]().union(*inner)
    query, key = (_origins(node.input(port), body, reads) for port in ("query", "key"))
    return ("key", "value") if query and key and not query & key else ()


def _origins(ref: Ref | None, body: Body, reads: dict[str, tuple[Read, ...]]) -> set[str]:
    """The inputs of the body from which a value comes."""
    found = _closure([ref] if ref else [], reads)
    return found & {source.name for source in body.inputs}


def _reached(body: Body, reads: dict[str, tuple[Read, ...]], without: frozenset[tuple[str, str]]) -> set[str]:
    """The inputs and nodes from which an output can be reached, `without` some of the edges."""
    kept = {name: tuple(read for read in found if (name, read[0]) not in without) for name, found in reads.items()}
    return _closure([ref for _, ref in body.outputs], kept)


def _closure(refs: Iterable[Ref], reads: dict[str, tuple[Read, ...]]) -> set[str]:
    found: set[str] = set()
    stack = [ref.name for ref in refs]
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(ref.name for _, ref in reads.get(name, ()))
    return found


# -- what a body is about ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def operators(body: Body) -> frozenset[str]:
    """The names of all operators within."""
    own = {node.does.op for node in body.nodes if isinstance(node.does, Operator)}
    return frozenset(own.union(*(operators(inner) for node in body.nodes for inner in inner_bodies(node))))


@dataclass(frozen=True)
class Attention:
    """The attention at the heart of a body, and the body in which it stands."""

    mask: Mask
    node: Node
    body: Body

    def type_at(self, port: str) -> TensorType:
        ref = self.node.input(port)
        assert ref is not None, f"attention without {port}"
        return self.body.type_of(ref)


@lru_cache(maxsize=4096)
def attention_of(body: Body) -> Attention | None:
    """The attention that a body is: one of its own, or that of the only block in it."""
    for node in body.nodes:
        if isinstance(node.does, Attend):
            return Attention(node.does.mask, node, body)
    blocks = [inner for node in body.nodes for inner in inner_bodies(node)[:1]]
    return attention_of(blocks[0]) if len(blocks) == 1 else None
