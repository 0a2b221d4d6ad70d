"""The elaborated graph as rows: one a node, blocks opened once, repeats once with their number of turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphspec.analysis.cost import Costs
from graphspec.analysis.experts import chosen
from graphspec.axes import Dim, TensorType, dim
from graphspec.graph import Body, Call, Graph, Mixture, Node, Repeat
from graphspec.operators.pointwise import Dropout, Pointwise
from graphspec.operators.reduce import Reduce, Softmax
from graphspec.render.canonical import expression_text


@dataclass(frozen=True)
class Row:
    """One node: how deep it stands, what it does, what it gives, what it costs (all turns together)."""

    depth: int
    name: str
    does: str
    type: TensorType
    parameters: int
    flops: Dim


def rows(graph: Graph) -> tuple[Row, ...]:
    """All nodes in order, inner ones below their block."""
    return tuple(_rows(graph.body, Costs(graph), 0, 1, dim(1)))


def _rows(body: Body, costs: Costs, depth: int, turns: int, runs: Dim) -> Iterator[Row]:
    """`turns`: how often it stands there, `runs`: how often it is computed."""
    for node in body.nodes:
        if node.anonymous:
            continue
        parameters = costs.number(costs.node_parameters(node, body)) * turns
        parts = [part for part in body.nodes if part.name.startswith(f"{node.name}~")]
        flops = sum((costs.node_flops(part, body) for part in [*parts, node]), start=dim(0)) * runs
        yield Row(depth, node.name, describe(node, body), node.type, parameters, flops)
        match node.does:
            case Mixture(inner) as mixture:
                yield from _rows(inner, costs, depth + 1, turns * mixture.count, runs * chosen(node, mixture, body))
            case Call(inner):
                yield from _rows(inner, costs, depth + 1, turns, runs)
            case Repeat() as repeat:
                for inner in repeat.bodies:
                    times = sum(run.count * run.bodies.count(inner) for run in repeat.runs)
                    yield from _rows(inner, costs, depth + 1, turns if repeat.shared else turns * times, runs * times)
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
