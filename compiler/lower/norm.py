"""Normalisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from compiler.lower.code import Code, atom, call, infix, method
from compiler.lower.layout import Layout
from compiler.lower.site import Lowering, Site
from graphspec.axes import Dim
from graphspec.operators.norm import BatchNorm, GroupNorm, LayerNorm, RMSNorm


def layer_norm(at: Site) -> Code:
    does = cast(LayerNorm, at.does)
    x, over, eps = at.read("x"), _over(at, does.over), at.number(does.eps)
    if does.weight == "w+1" or (does.weight == "none" and does.bias):
        tensors = at.tensors()
        weight = _one_more(tensors["weight"]) if does.weight == "w+1" else None
        return call("F.layer_norm", x, _tuple(over), weight=weight, bias=tensors.get("bias"), eps=eps)
    if does.weight == "none" and not _known(at, does.over):
        return call("F.layer_norm", x, _tuple(over), eps=eps)
    affine = "False" if does.weight == "none" else None
    bias = "False" if affine is None and not does.bias else None
    made = at.module("nn.LayerNorm", _size(over), eps=eps, elementwise_affine=affine, bias=bias)
    return call(str(made), x)


def rms_norm(at: Site) -> Code:
    does = cast(RMSNorm, at.does)
    x, over, eps = at.read("x"), _over(at, does.over), at.number(does.eps)
    if does.weight == "w+1":
        return call("F.rms_norm", x, _tuple(over), _one_more(at.tensors()["weight"]), eps)
    if does.weight == "none" and not _known(at, does.over):
        return call("F.rms_norm", x, _tuple(over), eps=eps)
    affine = "False" if does.weight == "none" else None
    return call(str(at.module("nn.RMSNorm", _size(over), eps=eps, elementwise_affine=affine)), x)


def batch_norm(at: Site) -> Code:
    does = cast(BatchNorm, at.does)
    options = {"eps": _unless("1e-5", at.number(does.eps)), "momentum": _unless("0.1", at.number(does.momentum))}
    affine = "False" if does.weight == "none" and not does.bias else None
    made = at.module("nn.BatchNorm1d", at.size(at.type("x").sizes[-1]), **options, affine=affine)
    tied = {p.name: at.tied(p) for p in at.node.parameters if p.tied}
    for name in ("weight", "bias") if affine is None else ():
        if at.learned(name) is None or name in tied:
            at.set_up(f"{made}.{name} = None")
    if does.weight != "w+1" and not tied:
        return _in_rows(at, lambda rows: call(str(made), rows))
    weight, bias = (tied.get(name, atom(f"{made}.{name}")) for name in ("weight", "bias"))
    statistics = [f"{made}.running_mean", f"{made}.running_var"]
    scaled = _one_more(weight) if does.weight == "w+1" else weight
    how = [f"{made}.training", at.number(does.momentum), at.number(does.eps)]
    return _in_rows(at, lambda rows: call("F.batch_norm", rows, *statistics, scaled, bias, *how))


def group_norm(at: Site) -> Code:
    does = cast(GroupNorm, at.does)
    given = at.type("x")
    over = does.places(given, at.scope.unit.sizes)
    normed = _grouped(at, does)
    if not over and len(given.axes) > 1:
        made = _in_rows(at, normed)
    else:
        first = [place for place in range(len(given.axes)) if place not in over]
        layout = Layout(at, "x", first, over, least=2, most=2)
        x = layout.turn(at.read("x"))
        if len(over) >= 2:  # with channels last, torch crashes on the CPU where the input itself needs no gradient
            x = method(x, "contiguous")
        made = layout.turn_back(normed(x))
    alone = does.bias and does.weight == "none"
    return infix("+", made, at.tensors()["bias"]) if alone else made


def _grouped(at: Site, does: GroupNorm) -> Callable[[Code], Code]:
    """What norms a tensor whose second axis holds the features; but torch cannot differentiate a bias alone."""
    groups, eps = at.size(does.groups), _unless("1e-5", at.number(does.eps))
    both = does.weight == "w" and does.bias and at.owns("weight")
    if both or (does.weight == "none" and not does.bias):
        features, affine = at.size(at.type("x").sizes[-1]), None if both else "False"
        made = at.module("nn.GroupNorm", groups, features, eps=eps, affine=affine)
        return lambda x: call(str(made), x)
    if does.weight == "none":
        return lambda x: call("F.group_norm", x, groups, eps=eps)
    tensors = at.tensors()
    weight = _one_more(tensors["weight"]) if does.weight == "w+1" else tensors["weight"]
    return lambda x: call("F.group_norm", x, groups, weight=weight, bias=tensors.get("bias"), eps=eps)


def _in_rows(at: Site, normed: Callable[[Code], Code]) -> Code:
    """A norm of each row of features, the axes before them being one."""
    if len(at.type("x").axes) == 2:
        return normed(at.read("x"))
    x = at.variable("x")
    return method(normed(method(x, "flatten", "0", "-2")), "view_as", x)


def _unless(usual: str, code: Code) -> Code | None:
    """None for what torch does anyway."""
    return None if str(code) == usual else code


def _over(at: Site, over: tuple[Dim, ...]) -> list[str]:
    return [str(at.size(size)) for size in over or at.type("x").sizes[-1:]]


def _known(at: Site, over: tuple[Dim, ...]) -> bool:
    """Whether all sizes are known when the module is made."""
    return all(at.value(size) is not None for size in over or at.type("x").sizes[-1:])


def _size(over: list[str]) -> str:
    return over[0] if len(over) == 1 else _tuple(over)


def _tuple(over: list[str]) -> str:
    return f"({', '.join(over)}{',' * (len(over) == 1)})"


def _one_more(weight: Code) -> Code:
    return infix("+", weight, Code("1"))


LOWERINGS: Mapping[str, Lowering] = {
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "batch_norm": batch_norm,
    "group_norm": group_norm,
}
