"""Positions: numbers, rows to add, turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, atom, call, index, infix, span, tuple_of
from compiler.lower.site import Lowering, Site
from compiler.passes.internal import AlibiSlopes, RotaryTable, Rotate
from graphspec.axes import Dim, Number, dim
from graphspec.operators.position import Alibi, Index, LearnedPosition, RelativeBias, SinusoidalPosition
from graphspec.operators.scaling import Scaling


def positions(at: Site) -> Code:
    does = cast(Index, at.does)
    return call("torch.arange", at.size(does.over), device=at.scope.device())


def sinusoidal_position(at: Site) -> Code:
    does = cast(SinusoidalPosition, at.does)
    theta = None if does.theta.text == "10000" else at.number(does.theta)
    layout = None if does.layout == "interleaved" else f'"{does.layout}"'
    device = None if at.has("at") else at.scope.device()
    places = _places(at, does.over)
    return at.runtime("sinusoidal_position", places, at.size(does.dim), theta=theta, layout=layout, device=device)


def _places(at: Site, over: Dim | None) -> Code:
    """The positions: a tensor that says them, or how many there are."""
    if at.has("at"):
        return at.read("at")
    assert over is not None
    return at.size(over)


def learned_position(at: Site) -> Code:
    does = cast(LearnedPosition, at.does)
    offset = None if does.offset == Dim(()) else at.size(does.offset)
    if at.has("at"):
        ids = at.read("at")
        ids = infix("+", ids, offset) if offset else ids
        if at.owns("weight"):
            return call(str(at.module("nn.Embedding", at.size(does.size), at.size(does.dim))), ids)
        return call("F.embedding", ids, at.tensors()["weight"])
    return index(_table(at, does), _rows(at, does, offset))


def _table(at: Site, does: LearnedPosition) -> Code:
    if not at.owns("weight"):
        return at.tensors()["weight"]
    return atom(f"{at.module('nn.Embedding', at.size(does.size), at.size(does.dim))}.weight")


def _rows(at: Site, does: LearnedPosition, offset: Code | None) -> str:
    assert does.over is not None
    size = at.size(does.over)
    return span("", size) if offset is None else span(offset, infix("+", offset, size))


def rotary_table(at: Site) -> Code:
    does = cast(RotaryTable, at.does)
    told = _places(at, does.over), at.size(does.dims), at.number(does.theta)
    scaling = _scaling(at, does.scaling) if does.scaling else None
    device = None if at.has("at") else at.scope.device()
    return at.runtime("rotary_table", *told, scaling=scaling, device=device)


def _scaling(at: Site, scaling: Scaling) -> Code:
    """The scaling as a value of the runtime, what is left out left out."""
    given = {a.name: getattr(scaling, a.name) for a in scaling.attributes}
    told = {a.name: given[a.name] for a in scaling.attributes if a.required or given[a.name] != a.default}
    return at.runtime(f"{type(scaling).__name__}Scaling", **{name: _written(at, value) for name, value in told.items()})


def _written(at: Site, value: Number | bool | tuple[Number, ...]) -> Code:
    match value:
        case bool():
            return atom(str(value))
        case tuple():
            return tuple_of(*map(at.number, value))
        case _:
            return at.number(value)


def rotate(at: Site) -> Code:
    does = cast(Rotate, at.does)
    function = "rotate_halves" if does.layout == "halves" else "rotate_pairs"
    return at.runtime(function, at.read("x"), at.read("table"))


def alibi(at: Site) -> Code:
    does = cast(Alibi, at.does)
    return at.runtime("alibi", at.size(does.over), at.size(does.heads), device=at.scope.device())


def alibi_slopes(at: Site) -> Code:
    return at.runtime("alibi_slopes", at.size(cast(AlibiSlopes, at.does).heads), device=at.scope.device())


def relative_bias(at: Site) -> Code:
    does = cast(RelativeBias, at.does)
    if at.owns("weight"):
        table = atom(f"{at.module('nn.Embedding', at.size(does.buckets), at.size(does.heads))}.weight")
    else:
        table = at.tensors()["weight"]
    direction = None if does.direction == "both" else f'"{does.direction}"'
    distance = None if does.distance == dim(128) else at.size(does.distance)
    return at.runtime("relative_bias", table, at.size(does.over), distance=distance, direction=direction)


LOWERINGS: Mapping[str, Lowering] = {
    "index": positions,
    "sinusoidal_position": sinusoidal_position,
    "learned_position": learned_position,
    "alibi": alibi,
    "alibi_slopes": alibi_slopes,
    "relative_bias": relative_bias,
    "rotary_table": rotary_table,
    "rotate": rotate,
}
