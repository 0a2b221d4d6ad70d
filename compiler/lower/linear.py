"""Matrix products and look-ups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, atom, call, index, infix, method
from compiler.lower.lines import Line
from compiler.lower.site import Lowering, Site
from compiler.passes.internal import MergedLinear
from graphspec.operators.linear import Embedding, Linear, OneHot


def linear(at: Site) -> Code:
    does = cast(Linear, at.does)
    x = at.read("x")
    if at.owns("weight"):
        features = at.type("x").sizes[-1]
        bias = None if does.bias else "False"
        return call(str(at.module("nn.Linear", at.size(features), at.size(does.dim), bias=bias)), x)
    tensors = at.tensors()
    return call("F.linear", x, *(tensors[name] for name in ("weight", "bias") if name in tensors))


def merged_linear(at: Site) -> tuple[Code, ...]:
    """All parts on one line, each under the name of its linear, which holds its tensors."""
    parts = cast(MergedLinear, at.does).parts
    made = at.runtime("merged_linear", at.read("x"), *(at.scope.member(part) for part in parts))
    variables = [at.scope.names.local(part) for part in parts]
    shapes = ", ".join(at.scope.note(value.type) for value in at.node.outputs)
    at.scope.state.lines.append(Line(f"{', '.join(variables)} = ", made, shapes))
    return tuple(map(atom, variables))


def embedding(at: Site) -> Code:
    does = cast(Embedding, at.does)
    ids = at.read("ids")
    if at.owns("weight"):
        return call(str(at.module("nn.Embedding", at.size(does.size), at.size(does.dim))), ids)
    tensors = at.tensors()
    owner = at.owner("weight")
    if owner is not None and isinstance(owner.does, Embedding):
        return call(at.scope.member(owner.name), ids)
    return call("F.embedding", ids, tensors["weight"])


def one_hot(at: Site) -> Code:
    """By comparing: `F.one_hot` waits for the device to tell it whether every number fits."""
    does = cast(OneHot, at.does)
    places = call("torch.arange", at.size(does.size), device=at.scope.device())
    return method(infix("==", index(at.read("ids"), "...", "None"), places), "float")


def parameter(at: Site) -> Code:
    return at.tensors()[""]


LOWERINGS: Mapping[str, Lowering] = {
    "linear": linear,
    "merged_linear": merged_linear,
    "embedding": embedding,
    "one_hot": one_hot,
    "parameter": parameter,
}
