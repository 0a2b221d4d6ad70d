"""Inputs that may be left out: their defaults, in the open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, call, number, tuple_of
from compiler.lower.lines import Line
from compiler.lower.site import Lowering, Site
from compiler.passes.internal import Given

DTYPES = {"bool": "torch.bool", "int": "torch.long", "float": None}


def given(at: Site) -> Code:
    """`if x is None: x = …`, after which the input has a value."""
    variable = at.variable("x")
    lines = at.scope.state.lines
    default = _default(at, cast(Given, at.does))
    lines.append(Line(f"if {variable} is None:"))
    lines.append(Line(f"{variable} = ", default, at.scope.note(at.node.type), depth=1))
    return variable


def _default(at: Site, does: Given) -> Code:
    if at.has("other"):
        return at.read("other")
    sizes = tuple_of(*(at.size(size) for size in at.node.type.sizes), alone=True)
    kind = at.node.type.dtype
    if isinstance(does.default, bool):
        ready = "torch.ones" if does.default else "torch.zeros"
        return call(ready, sizes, dtype=DTYPES[kind], device=at.scope.device())
    value = number(does.default or 0)
    return call("torch.full", sizes, value, dtype=DTYPES[kind], device=at.scope.device())


LOWERINGS: Mapping[str, Lowering] = {"given": given}
