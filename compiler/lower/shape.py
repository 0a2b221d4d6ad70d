"""Operators that move, join and cut tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from compiler.lower.code import Code, atom, call, index, method, prefix, span, tuple_of
from compiler.lower.lines import Line
from compiler.lower.site import Lowering, Site
from graphspec.axes import Axis, Dim
from graphspec.operators.attention import Heads
from graphspec.operators.shape import Cast, Concat, Flip, Pad, Roll, Select, Shift, Slice, Split, find_axis


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


def split(at: Site) -> tuple[Code, ...]:
    """All parts on one line; one that is read alone is cut out."""
    does = cast(Split, at.does)
    given = at.type("x")
    lengths = does.lengths(given.sizes[find_axis(given, does.axis, at.scope.unit.sizes)], at.scope.unit.sizes)
    names = [name for name, _ in does.into]
    read = [value.name for value in at.node.outputs if at.scope.is_read(at.node, value.name)]
    if len(read) == 1:
        start, stop = (sum(lengths[: names.index(read[0]) + more], Dim(())) for more in (0, 1))
        bounds = span(str(at.size(start)) if start.terms else "", str(at.size(stop)) if read[0] != names[-1] else "")
        part = index(at.read("x"), *_along(at, "x", does.axis, bounds))
        return tuple(part for _ in at.node.outputs)
    place = place_of(at, "x", does.axis)
    if does.into[0][1] is None:
        made = method(at.read("x"), "chunk", str(len(names)), place)
    else:
        made = method(at.read("x"), "split", tuple_of(*map(at.size, lengths), alone=True), place)
    variables = {name: at.scope.names.local(f"{at.node.name}_{name}") if name in read else "_" for name in names}
    shapes = ", ".join(at.scope.note(value.type) for value in at.node.outputs if value.name in read)
    at.scope.state.lines.append(Line(f"{', '.join(variables.values())} = ", made, shapes))
    return tuple(atom(variables[value.name]) for value in at.node.outputs)


def flip(at: Site) -> Code:
    does = cast(Flip, at.does)
    return method(at.read("x"), "flip", place_of(at, "x", does.axis))


def roll(at: Site) -> Code:
    does = cast(Roll, at.does)
    return method(at.read("x"), "roll", at.size(does.by), place_of(at, "x", does.axis))


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


def pad(at: Site) -> Code:
    does = cast(Pad, at.does)
    given = at.type("x")
    later = len(given.axes) - 1 - find_axis(given, does.axis, at.scope.unit.sizes)
    sides = [Code("0") if at.value(side) == 0 else at.size(side) for side in (does.left, does.right)]
    zero = does.value.value == 0
    value = None if zero else str(does.value.value == 1) if given.dtype == "bool" else at.number(does.value)
    return call("F.pad", at.read("x"), tuple_of(*["0"] * (2 * later), *sides), value=value)


def concat(at: Site) -> Code:
    does = cast(Concat, at.does)
    axes, types = at.node.type.axes, {port: at.type(port) for port, _ in at.node.inputs}
    place = does.place(types, at.scope.unit.sizes)
    parts = tuple_of(*(_widened(at, port, axes) for port in types))
    return call("torch.cat", parts, dim="-1" if place == len(axes) - 1 else str(place))


def _widened(at: Site, port: str, axes: Sequence[Axis]) -> Code:
    """A part with the leading axes that it lacks."""
    given = at.type(port).axes
    lead = [at.size(axis.size) for axis in axes[: len(axes) - len(given)]]
    return method(at.read(port), "expand", *lead, *("-1" for _ in given)) if lead else at.read(port)


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
    "split": split,
    "shift": shift,
    "pad": pad,
    "flip": flip,
    "roll": roll,
    "concat": concat,
    "cast": cast_,
    "stop_gradient": stop_gradient,
}
