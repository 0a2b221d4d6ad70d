"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, call, infix
from compiler.lower.site import Lowering, Site
from graphspec.axes import Dim
from graphspec.operators.norm import LayerNorm, RMSNorm


def layer_norm(at: Site) -> Code:
    does = cast(LayerNorm, at.does)
    x, over, eps = at.read("x"), _over(at, does.over), at.number(does.eps)
    if does.weight == "w+1" or (does.weight == "none" and does.bias):
        tensors = at.tensors()
        weight = _one_more(tensors["weight"]) if does.weight == "w+1" else None
        return call("F.layer_norm", x, _tuple(over), weight=weight, bias=tensors.get("bias"), eps=eps)
    affine = "False" if does.weight == "none" else None
    bias = "False" if affine is None and not does.bias else None
    made = at.module("nn.LayerNorm", _size(over), eps=eps, elementwise_affine=affine, bias=bias)
    return call(str(made), x)


def rms_norm(at: Site) -> Code:
    does = cast(RMSNorm, at.does)
    x, over, eps = at.read("x"), _over(at, does.over), at.number(does.eps)
    if does.weight == "w+1":
        return call("F.rms_norm", x, _tuple(over), _one_more(at.tensors()["weight"]), eps)
    affine = "False" if does.weight == "none" else None
    return call(str(at.module("nn.RMSNorm", _size(over), eps=eps, elementwise_affine=affine)), x)


def _over(at: Site, over: tuple[Dim, ...]) -> list[str]:
    return [str(at.size(size)) for size in over or at.type("x").sizes[-1:]]


def _size(over: list[str]) -> str:
    return over[0] if len(over) == 1 else _tuple(over)


def _tuple(over: list[str]) -> str:
    return f"({', '.join(over)}{',' * (len(over) == 1)})"


def _one_more(weight: Code) -> Code:
    return infix("+", weight, Code("1"))


LOWERINGS: Mapping[str, Lowering] = {"layer_norm": layer_norm, "rms_norm": rms_norm}
