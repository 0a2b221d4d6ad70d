"""Reductions and softmax along a named axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, atom, call, index, infix, method
from compiler.lower.shape import place_of
from compiler.lower.site import Lowering, Site
from graphspec.axes import dim
from graphspec.operators.reduce import Reduce, Softmax
from graphspec.operators.shape import find_axis

METHODS = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin", "argmax": "argmax"}


def reduce(at: Site) -> Code:
    does = cast(Reduce, at.does)
    x = at.read("x")
    dtype = at.type("x").dtype
    if does.kind == "mean" and dtype != "float":
        x = method(x, "float")
    elif does.kind == "argmax" and dtype == "bool":
        x = method(x, "long")
    if does.cumulative:
        return _cumulative(at, does, x)
    return method(x, METHODS[does.kind], place_of(at, "x", does.over))


def _cumulative(at: Site, does: Reduce, x: Code) -> Code:
    """From the first place on; backwards by turning the axis around before and after."""
    place = place_of(at, "x", does.over)
    x = method(x, "flip", place) if does.reverse else x
    match does.kind:
        case "max" | "min":
            made = method(x, f"cum{does.kind}", place)
            made = atom(f"{made}.values")
        case "mean":
            made = infix("/", method(x, "cumsum", place), _counts(at, does))
        case _:
            made = method(x, "cumsum", place)
    return method(made, "flip", place) if does.reverse else made


def _counts(at: Site, does: Reduce) -> Code:
    """1, 2, 3, … along the axis."""
    given = at.type("x")
    place = find_axis(given, does.over, at.scope.unit.sizes)
    counts = call("torch.arange", "1", at.size(given.sizes[place] + dim(1)), device=at.scope.device())
    return index(counts, ":", *["None"] * (len(given.axes) - 1 - place))


def softmax(at: Site) -> Code:
    does = cast(Softmax, at.does)
    return method(at.read("x"), "softmax", place_of(at, "x", does.over))


LOWERINGS: Mapping[str, Lowering] = {"reduce": reduce, "softmax": softmax}
