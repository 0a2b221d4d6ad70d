"""Compute linears that read the same tensor as one.

Their weights are joined at every step. In bf16 and fp16 they are copied anyway, to be rounded, and joining them costs
nothing; in fp32 it is a copy more, and does not pay (docs/kernels.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from compiler.passes.internal import MergedLinear
from compiler.passes.rewrite import fresh, names, redirect_body, within
from compiler.target import ROUNDED, Target
from graphspec.graph import Body, Graph, Mixture, Node, Ref
from graphspec.operators.linear import Linear


def merge_linears(graph: Graph, target: Target) -> Graph:
    """Compute linears that read the same tensor as one, where the target is fused and computes in less than fp32.

    Before: q = linear(x); k = linear(x); v = linear(x)
    After:  q~ .q .k .v = merged_linear[q k v](x)

    The linears stay, unread, as the owners of their tensors, so that no name changes. Experts, which see few rows each,
    are left as they are.
    """
    if target.fusion != "fused" or target.precision not in ROUNDED:
        return graph

    @cache
    def merged(body: Body) -> Body:
        nodes = (node if isinstance(node.does, Mixture) else within(node, merged) for node in body.nodes)
        body = replace(body, nodes=tuple(nodes))
        for group in _groups(body):
            body = _together(body, group)
        return body

    return replace(graph, body=merged(graph.body))


def _groups(body: Body) -> Iterator[list[Node]]:
    """Linears with weights of their own that read the same value, two and more."""
    readers = {ref.name for node in body.nodes for _, ref in node.inputs} | {ref.name for _, ref in body.outputs}
    found: dict[Ref, list[Node]] = {}
    for node in body.nodes:
        if isinstance(node.does, Linear) and node.name in readers and not any(p.tied for p in node.parameters):
            found.setdefault(node.inputs[0][1], []).append(node)
    return (group for group in found.values() if len(group) > 1)


def _together(body: Body, group: Sequence[Node]) -> Body:
    """The body with one product in the place of the first linear of a group."""
    does = MergedLinear(parts=tuple(node.name for node in group))
    outputs = tuple(replace(node.outputs[0], name=node.name) for node in group)
    name = fresh(f"{group[0].name}~", names(body))
    whole = Node(name, does, group[0].inputs, outputs, span=group[0].span)
    moved = {Ref(node.name, output): Ref(name, node.name) for node in group for output in ("", node.outputs[0].name)}
    at = body.nodes.index(group[0])
    return redirect_body(replace(body, nodes=(*body.nodes[:at], whole, *body.nodes[at:])), moved)
