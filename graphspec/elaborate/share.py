"""Tied weights: finding the owner of a shared tensor, and the sizes that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

from graphspec.axes import Dim
from graphspec.diagnostics import suggestion
from graphspec.elaborate.body import BodyBuilder
from graphspec.elaborate.values import Context, Fault
from graphspec.graph import Call, Mixture, Node, Parameter, Repeat
from graphspec.operators import Operator
from graphspec.source import Scalar


@dataclass(frozen=True, slots=True)
class Owner:
    """The node whose weight is shared: the path of the tensor within the body, and its shape."""

    path: tuple[str, ...]
    shape: tuple[Dim, ...]


def find_owner(builder: BodyBuilder, share: Scalar, context: Context) -> Owner:
    """The owner that `share: embedding` or `share: front.embedding` names. Raises `Fault`."""
    steps = share.text.split(".")
    nodes: dict[str, Node] = builder.nodes
    for place, step in enumerate(steps):
        node = nodes.get(step)
        if node is None:
            help = suggestion(step, [name for name in nodes if "~" not in name], "nodes")
            raise Fault("unknown-name", f"there is no node `{step}` to share with", share.span, help=help)
        match node.does:
            case Mixture():
                message = f"`{step}` is a mixture: each expert has a weight of its own"
                raise Fault("cannot-share", message, share.span, help="share a node that stands once")
            case Call(body):
                nodes = {inner.name: inner for inner in body.nodes}
            case Repeat(shared=True) as repeat:
                nodes = {inner.name: inner for inner in repeat.bodies[0].nodes}
            case Repeat():
                message = f"`{step}` is repeated: each turn has a weight of its own"
                raise Fault("cannot-share", message, share.span, help="share a node that stands once")
            case _:
                return _owner(node, tuple(steps), place, share)
    raise Fault(
        "cannot-share", f"`{share.text}` is a block", share.span, help="name a node inside it: `share: block.node`"
    )


def _owner(node: Node, steps: tuple[str, ...], place: int, share: Scalar) -> Owner:
    weight = next((p for p in node.parameters if p.name in ("", "weight")), None)
    if weight is None or place != len(steps) - 1:
        raise Fault("cannot-share", f"`{share.text}` has no weight to share", share.span)
    tied = (*steps[:-1], *weight.tied) if weight.tied else ()
    return Owner(tied or _path(steps, weight), weight.shape)


def _path(steps: tuple[str, ...], weight: Parameter) -> tuple[str, ...]:
    return (*steps, weight.name) if weight.name else steps


def solve_shared(cls: type[Operator], owner: Owner, values: dict[str, object]) -> dict[str, Dim]:
    """The sizes of an operator that follow from the shape of the weight that it shares."""
    weight = next((w for w in cls.weights if w.name == "weight"), None)
    if weight is None:
        return {}
    words = weight.shape.split()
    names = {attribute.name for attribute in cls.attributes if attribute.kind == "size"}
    return {w: size for w, size in zip(words, owner.shape, strict=False) if w in names and w not in values}
