"""The elaborated graph as rows: one a node, bodies opened where they first stand, repeats once for all their turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphspec.analysis.cost import Costs
from graphspec.analysis.experts import chosen
from graphspec.axes import Dim, TensorType, dim
from graphspec.graph import Body, Call, Graph, Mixture, Node, Repeat, inner_bodies
from graphspec.operators.pointwise import Dropout, Pointwise
from graphspec.operators.reduce import Reduce, Softmax
from graphspec.render.canonical import expression_text


@dataclass(frozen=True)
class Row:
    """One node: how deep it stands, what it does, what it gives, what it costs (all turns together).

    `as_above`: what it holds is not told below it, because it was told before.
    """

    depth: int
    name: str
    does: str
    type: TensorType
    parameters: int
    flops: Dim
    as_above: bool = False

    @property
    def said(self) -> str:
        """What it does, and where to look for more of it."""
        return f"{self.does}, as above" if self.as_above else self.does


def rows(graph: Graph) -> tuple[Row, ...]:
    """All nodes in order, those of a body below its first use: the rows grow with what is distinct."""
    return tuple(_rows(graph.body, Costs(graph), set(), 0, 1, dim(1)))


def _rows(body: Body, costs: Costs, told: set[Body], depth: int, turns: int, runs: Dim) -> Iterator[Row]:
    """`told`: the bodies opened before; `turns`: how often it stands there, `runs`: how often it is computed."""
    for node in body.nodes:
        if node.anonymous:
            continue
        parameters = costs.number(costs.node_parameters(node, body)) * turns
        parts = [part for part in body.nodes if part.name.startswith(f"{node.name}~")]
        flops = sum((costs.node_flops(part, body) for part in [*parts, node]), start=dim(0)) * runs
        inner = inner_bodies(node)
        as_above = bool(inner) and told.issuperset(inner)
        yield Row(depth, node.name, describe(node, body), node.type, parameters, flops, as_above)
        for each, stands, computed in _opened(node, body, turns, runs):
            if each not in told:
                told.add(each)
                yield from _rows(each, costs, told, depth + 1, stands, computed)


def _opened(node: Node, body: Body, turns: int, runs: Dim) -> Iterator[tuple[Body, int, Dim]]:
    """The bodies within a node, how often each stands there, and how often it is computed."""
    match node.does:
        case Mixture(inner) as mixture:
            yield inner, turns * mixture.count, runs * chosen(node, mixture, body)
        case Call(inner):
            yield inner, turns, runs
        case Repeat() as repeat:
            for inner in repeat.bodies:
                times = sum(run.count * run.bodies.count(inner) for run in repeat.runs)
                yield inner, turns if repeat.shared else turns * times, runs * times
        case _:
            pass


def describe(node: Node, body: Body) -> str:
    """What a node does, in a few words."""
    match node.does:
        case Mixture(inner) as mixture:
            return f"mixture of {mixture.experts} {inner.block}"
        case Call(inner):
            return inner.block
        case Repeat() as repeat:
            kinds = ", ".join(dict.fromkeys(inner.block for inner in repeat.bodies))
            return f"{kinds} × {repeat.times}" + (" (shared)" if repeat.shared else "")
        case Reduce(function=""):
            return f"{node.does.title} over {node.does.over}"
        case Pointwise() | Dropout() | Reduce() | Softmax():
            return expression_text(node, body)
        case operator:
            return operator.op


def concrete(kind: TensorType, graph: Graph, sizes: Mapping[str, int]) -> str:
    """A type with numbers for its sizes, where they are known: `2 128 512`."""
    costs = Costs(graph)
    words = [kind.dtype] if kind.dtype != "float" or not kind.axes else []
    for axis in kind.axes:
        value = costs.at(axis.size, sizes)
        words.append(str(axis) if value is None else str(value))
    return " ".join(words)
