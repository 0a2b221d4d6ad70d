"""Mixtures of experts as the analyses see them: one expert, times its weights."""

from __future__ import annotations

from graphspec.axes import Dim, Sizes, TensorType
from graphspec.graph import WEIGHT, Body, Call, Input, Mixture, Node, Ref, Value
from graphspec.operators.choice import Top
from graphspec.operators.pointwise import Dropout, Pointwise
from graphspec.operators.reduce import Reduce


def called(node: Node, body: Body, sizes: Sizes) -> Body:
    """What a node of `body` that calls a block amounts to: the block's body, of experts with the weights put in.

    All experts read alike, so that one of them, times the sum of all weights, reads what the mixture reads.
    """
    assert isinstance(node.does, Call)
    inner, ref = node.does.body, node.input(WEIGHT)
    if not isinstance(node.does, Mixture) or ref is None:
        return inner
    weight = Input(WEIGHT, body.type_of(ref), span=node.span)
    whole = Reduce(over=weight.type.sizes[-1], kind="sum")
    share = Node(f"{WEIGHT}~1", whole, (("x", Ref(WEIGHT, "")),), _outputs(whole, {"x": weight.type}, sizes))
    product = Pointwise(function="multiply", arguments=("a", "b"))
    types = {"a": node.type, "b": share.type}
    inputs = (("a", inner.outputs[0][1]), ("b", Ref(share.name, "")))
    made = Node(f"{WEIGHT}~2", product, inputs, _outputs(product, types, sizes), span=node.span)
    outputs = ((inner.outputs[0][0], Ref(made.name, "")),)
    return Body(inner.block, (*inner.inputs, weight), (*inner.nodes, share, made), outputs, inner.signature, inner.span)


def _outputs(does: Reduce | Pointwise, types: dict[str, TensorType], sizes: Sizes) -> tuple[Value, ...]:
    return tuple(Value(name, kind) for name, kind in does.infer(types, sizes))


def chosen(node: Node, mixture: Mixture, body: Body) -> Dim:
    """How many experts each position has at most: as many as a `top` on the way of the weights says, else all."""
    ref = node.input(WEIGHT)
    assert ref is not None, f"{node.name} has no weights"
    return _most(body, ref, mixture.experts) or mixture.experts


def _most(body: Body, ref: Ref, axis: Dim) -> Dim | None:
    """How many entries along an axis of a value can be other than zero, where that is known."""
    if not body.has_node(ref.name):
        return None
    node = body.node(ref.name)
    match node.does:
        case Top() as top:
            return top.k if top.axis == axis else None
        case Pointwise(function="multiply" | "divide" | "identity" as function, arguments=arguments):
            factors = [name for name in arguments[: 1 if function == "divide" else None] if isinstance(name, str)]
            return next(filter(None, (_most(body, dict(node.inputs)[name], axis) for name in factors)), None)
        case Dropout():
            return _most(body, node.inputs[0][1], axis)
        case Mixture():
            return None
        case Call(inner):
            return _most(inner, dict(inner.outputs)[ref.output or node.outputs[0].name], axis)
        case _:
            return None
