"""Operators that move, join and cut tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.code import Code, call, index, method, prefix, span, tuple_of
from compiler.lower.site import Lowering, Site
from graphspec.axes import Dim
from graphspec.operators.attention import Heads
from graphspec.operators.shape import Cast, Concat, Select, Shift, Slice, find_axis


def place_of(at: Site, port: str, axis: Dim) -> str:
    """The place of an axis as torch's `dim`: -1 for the last."""
    given = at.type(port)
    place = find_axis(given, axis, at.scope.unit.sizes)
    return "-1" if place == len(given.axes) - 1 else str(place)


def _along(at: Site, port: str, axis: Dim, what: str) -> list[str]:
    """An index that applies `what` to one axis and leaves the others."""
    given = at.type(port)
    place = find_axis(given, axis, at.scope.unit.sizes)
    if place > 1 and place == len(given.axes) - 1:
        return ["...", what]
    return [":"] * place + [what]


def heads(at: Site) -> Code:
    does = cast(Heads, at.does)
    return method(at.read("x"), "unflatten", "-1", tuple_of(at.size(does.heads), "-1"))


def merge(at: Site) -> Code:
    return method(at.read("x"), "flatten", "-2")


def select(at: Site) -> Code:
    does = cast(Select, at.does)
    return index(at.read("x"), *_along(at, "x", does.axis, str(at.size(does.at))))


def slice_(at: Site) -> Code:
    does = cast(Slice, at.does)
    given = at.type("x")
    size = given.sizes[find_axis(given, does.axis, at.scope.unit.sizes)]
    start = "" if does.start == Dim(()) else str(at.size(does.start))
    return index(at.read("x"), *_along(at, "x", does.axis, span(start, _stop(at, does.stop, size))))


def _stop(at: Site, stop: Dim | None, size: Dim) -> str:
    """The end of a slice: nothing at the end of the axis, counted from there where that is a number."""
    if stop is None or stop == size:
        return ""
    behind = (size - stop).constant
    return str(at.size(stop) if behind is None or stop.constant is not None else -behind)


def shift(at: Site) -> Code:
    does = cast(Shift, at.does)
    given = at.type("x")
    x, by = at.read("x"), does.by
    value = at.scope.unit.sizes.value(by)
    if value == 0:
        return x
    later = len(given.axes) - 1 - find_axis(given, does.axis, at.scope.unit.sizes)
    amount = at.size(by if value is None or value > 0 else -by)
    padding = ["0"] * (2 * later) + ([str(amount), "0"] if value is None or value > 0 else ["0", str(amount)])
    padded = call("F.pad", x, tuple_of(*padding))
    kept = span("", prefix("-", amount)) if value is None or value > 0 else span(amount, "")
    return index(padded, *_along(at, "x", does.axis, kept))


def concat(at: Site) -> Code:
    does = cast(Concat, at.does)
    parts = tuple_of(*(at.read(port) for port, _ in at.node.inputs))
    return call("torch.cat", parts, dim=place_of(at, "a", does.axis))


def cast_(at: Site) -> Code:
    does = cast(Cast, at.does)
    if at.type("x").dtype == does.to:
        return at.read("x")
    return method(at.read("x"), {"float": "float", "int": "long", "bool": "bool"}[does.to])


def stop_gradient(at: Site) -> Code:
    return method(at.read("x"), "detach")


LOWERINGS: Mapping[str, Lowering] = {
    "heads": heads,
    "merge": merge,
    "select": select,
    "slice": slice_,
    "shift": shift,
    "concat": concat,
    "cast": cast_,
    "stop_gradient": stop_gradient,
}
