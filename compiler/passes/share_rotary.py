"""Compute the angles of rotary positions apart from turning by them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from compiler.passes.internal import RotaryTable, Rotate
from compiler.passes.rewrite import fresh, names, within
from compiler.target import Target
from graphspec.axes import Sizes
from graphspec.graph import Body, Graph, Node, Ref, Value
from graphspec.operators.position import Rotary


def share_rotary(graph: Graph, target: Target) -> Graph:
    """Read the cosines and sines of rotary positions from a table.

    Before: y = rotary(x, theta)
    After:  table = rotary_table(theta); y = rotate(x, table)

    The positions that it is told, if any, are the table's.
    """
    sizes = graph.known_sizes

    @cache
    def shared(body: Body) -> Body:
        nodes: list[Node] = []
        for node in body.nodes:
            if isinstance(node.does, Rotary):
                nodes += _apart(node, node.does, body, sizes, names(body) | {made.name for made in nodes})
            else:
                nodes.append(within(node, shared))
        return replace(body, nodes=tuple(nodes))

    return replace(graph, body=shared(graph.body))


def _apart(node: Node, rotary: Rotary, body: Body, sizes: Sizes, taken: set[str]) -> list[Node]:
    ref = node.input("x")
    assert ref is not None
    given = body.type_of(ref)
    dims = rotary.dims or given.sizes[-1]
    does = RotaryTable(over=given.sizes[-3], dims=dims, theta=rotary.theta, scaling=rotary.scaling)
    read = tuple((port, at) for port, at in node.inputs if port == "at")
    types = {port: body.type_of(at) for port, at in read}
    outputs = tuple(Value(output, kind) for output, kind in does.infer(types, sizes))
    table = Node(fresh("rotary", taken), does, read, outputs, span=node.span)
    turned = replace(node, does=Rotate(layout=rotary.layout), inputs=(("x", ref), ("table", Ref(table.name, ""))))
    return [table, turned]
