"""Matrix products and look-ups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, call, index, infix, method
from compiler.lower.site import Lowering, Site
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
    "embedding": embedding,
    "one_hot": one_hot,
    "parameter": parameter,
}
