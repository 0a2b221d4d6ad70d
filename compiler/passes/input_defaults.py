"""Give optional inputs their values where a mask does not stand for them."""

from __future__ import annotations

from dataclasses import replace

from compiler.passes.internal import Given, MaskTensor
from compiler.passes.rewrite import fresh, names, redirect
from compiler.target import Target
from graphspec.graph import Body, Graph, Input, Node, Ref, Value


def input_defaults(graph: Graph, target: Target) -> Graph:
    """Compute the default of an optional input that is read as a tensor.

    Before: y = f(real)
    After:  given = real if given, else its default; y = f(given)

    A mask that does without the tensor reads the input itself, and no default is made for it.
    """
    body = graph.body
    for source in graph.body.inputs:
        if source.default is not None:
            body = _filled(body, source)
    return replace(graph, body=body)


def _filled(body: Body, source: Input) -> Body:
    readers = [node for node in body.nodes if _reads(node, source)]
    first = next((at for at, node in enumerate(body.nodes) if node in readers), len(body.nodes))
    if not readers and all(ref.name != source.name for _, ref in body.outputs):
        return body
    given = _given(body, source)
    moved = {Ref(source.name, ""): Ref(given.name, "")}
    nodes = [redirect(node, moved) if node in readers else node for node in body.nodes]
    outputs = tuple((name, moved.get(ref, ref)) for name, ref in body.outputs)
    return replace(body, nodes=(*nodes[:first], given, *nodes[first:]), outputs=outputs)


def _reads(node: Node, source: Input) -> bool:
    """Whether a node needs the input as a tensor."""
    without = node.does.optional if isinstance(node.does, MaskTensor) else ""
    return any(ref.name == source.name and port != without for port, ref in node.inputs)


def _given(body: Body, source: Input) -> Node:
    inputs = [("x", Ref(source.name, ""))]
    default = source.default
    if isinstance(default, str):
        inputs.append(("other", Ref(default, "")))
        default = None
    name = fresh(f"{source.name}~given", names(body))
    return Node(name, Given(default=default), tuple(inputs), (Value("y", source.type),), span=source.span)
