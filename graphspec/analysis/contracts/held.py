"""A graph with a node turned into an input."""

from __future__ import annotations

from dataclasses import replace

from graphspec.graph import Body, Graph, Input, Ref


def held(graph: Graph, name: str) -> Graph:
    """The graph with a node of the model's own body turned into an input: what it is made from is held fixed."""
    body, source = graph.body, graph.body.node(name)

    def moved(ref: Ref) -> Ref:
        return Ref(name, "") if ref.name == name else ref

    nodes = tuple(
        replace(node, inputs=tuple((port, moved(ref)) for port, ref in node.inputs))
        for node in body.nodes
        if node.name != name
    )
    outputs = tuple((output, moved(ref)) for output, ref in body.outputs)
    inputs = (*body.inputs, Input(name, source.type, span=source.span))
    return replace(graph, body=Body(body.block, inputs, nodes, outputs, body.signature, body.span))
