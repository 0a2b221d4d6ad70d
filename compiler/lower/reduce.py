"""Reductions and softmax along a named axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, method
from compiler.lower.shape import place_of
from compiler.lower.site import Lowering, Site
from graphspec.operators.reduce import Reduce, Softmax

METHODS = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin", "argmax": "argmax"}


def reduce(at: Site) -> Code:
    does = cast(Reduce, at.does)
    x = at.read("x")
    dtype = at.type("x").dtype
    if does.kind == "mean" and dtype != "float":
        x = method(x, "float")
    elif does.kind == "argmax" and dtype == "bool":
        x = method(x, "long")
    return method(x, METHODS[does.kind], place_of(at, "x", does.over))


def softmax(at: Site) -> Code:
    does = cast(Softmax, at.does)
    return method(at.read("x"), "softmax", place_of(at, "x", does.over))


LOWERINGS: Mapping[str, Lowering] = {"reduce": reduce, "softmax": softmax}
