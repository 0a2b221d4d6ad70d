"""Compute equal parts of expressions once."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from compiler.passes.rewrite import redirect, redirect_body, within
from compiler.target import Target
from graphspec.graph import Body, Graph, Node, Ref
from graphspec.operators.pointwise import Dropout


def merge_common(graph: Graph, target: Target) -> Graph:
    """Compute equal parts of expressions once.

    Before: y = f(x + 1) * g(x + 1)
    After:  z = x + 1; y = f(z) * g(z)
    """

    @cache
    def merged(body: Body) -> Body:
        known: dict[object, Ref] = {}
        moved: dict[Ref, Ref] = {}
        nodes: list[Node] = []
        for node in body.nodes:
            node = redirect(within(node, merged), moved)
            first = known.setdefault((node.does, node.inputs), Ref(node.name, "")) if _is_part(node) else None
            if first is None or first.name == node.name:
                nodes.append(node)
            else:
                moved[Ref(node.name, "")] = first
        return redirect_body(replace(body, nodes=tuple(nodes)), moved)

    return replace(graph, body=merged(graph.body))


def _is_part(node: Node) -> bool:
    """Whether a node has no name, nothing learned and nothing random."""
    return node.anonymous and not node.parameters and not isinstance(node.does, Dropout) and len(node.outputs) == 1
