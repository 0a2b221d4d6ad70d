"""Compute the loss without ever holding the logits whole.

It takes less than half the memory. With many classes it is quicker too (docs/kernels.md).
"""

from __future__ import annotations

from dataclasses import replace

from compiler.passes.internal import LinearCrossEntropy
from compiler.passes.rewrite import fresh, names
from compiler.target import Target
from graphspec.axes import Sizes
from graphspec.graph import Body, Graph, Node, Parameter, Ref, Value
from graphspec.operators import Operator
from graphspec.operators.linear import Linear
from graphspec.operators.loss import CrossEntropy
from graphspec.operators.shape import Slice

MANY = 4096
"""Classes from which on it pays."""


def fuse_loss(graph: Graph, target: Target) -> Graph:
    """Compute projection and cross-entropy as one, where that pays and nothing else reads the logits.

    Before: logits = linear(x); loss = cross_entropy(slice(logits), labels)
    After:  loss = linear_cross_entropy(slice(x), labels)

    The projection stays, unread, as the owner of its tensors.
    """
    if target.fusion != "fused":
        return graph
    sizes = graph.known_sizes
    body = graph.body
    for node in body.nodes:
        if isinstance(node.does, CrossEntropy):
            body = _fused(body, node, node.does, sizes)
    return replace(graph, body=body)


def _fused(body: Body, loss: Node, does: CrossEntropy, sizes: Sizes) -> Body:
    """The body with one loss fused, or as it was."""
    inputs = dict(loss.inputs)
    cut = _alone(body, inputs["logits"], Slice)
    projection = _alone(body, cut.inputs[0][1] if cut else inputs["logits"], Linear)
    width = body.type_of(inputs["logits"]).sizes[-1]
    classes = sizes.value(width)
    if projection is None or classes is None or classes < MANY or not body.type_of(inputs["labels"]).axes:
        return body
    hidden = projection.inputs[0][1]
    shortened = () if cut is None else (_shorter(cut, hidden, body, sizes),)
    fused = replace(
        loss,
        does=LinearCrossEntropy(classes=width, ignore=does.ignore, smoothing=does.smoothing),
        inputs=(("x", Ref(shortened[0].name, "") if shortened else hidden), ("labels", inputs["labels"])),
        parameters=tuple(_borrowed(projection)),
    )
    owner = any(not parameter.tied for parameter in projection.parameters)
    gone = {it.name for it in (cut, None if owner else projection) if it}
    at = body.nodes.index(loss)
    nodes = (*body.nodes[:at], *shortened, fused, *body.nodes[at + 1 :])
    return replace(body, nodes=tuple(node for node in nodes if node.name not in gone))


def _alone(body: Body, ref: Ref, kind: type[Operator]) -> Node | None:
    """The node of a kind that gives a value, if it has this one reader."""
    readings = [r for node in body.nodes for _, r in node.inputs] + [r for _, r in body.outputs]
    once = sum(reading.name == ref.name for reading in readings) == 1
    found = body.node(ref.name) if once and body.has_node(ref.name) else None
    return found if found and isinstance(found.does, kind) else None


def _shorter(cut: Node, hidden: Ref, body: Body, sizes: Sizes) -> Node:
    """The slice of the logits along their positions, of what they are made of."""
    assert isinstance(cut.does, Slice)
    outputs = tuple(Value(name, kind) for name, kind in cut.does.infer({"x": body.type_of(hidden)}, sizes))
    return replace(cut, name=fresh(cut.name, names(body)), inputs=(("x", hidden),), outputs=outputs)


def _borrowed(projection: Node) -> list[Parameter]:
    """The projection's tensors as tied to it, or to whom it is tied itself."""
    return [p if p.tied else replace(p, tied=(projection.name, p.name)) for p in projection.parameters]
