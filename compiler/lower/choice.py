"""Choices along an axis: the largest, and rows by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.align import align, place
from compiler.lower.code import Code, call, index, infix, method, prefix
from compiler.lower.shape import place_of
from compiler.lower.site import Lowering, Site
from graphspec.operators.choice import Gather, Top, own_axes, shared_axes
from graphspec.operators.shape import find_axis


def top(at: Site) -> Code:
    """By rank, from stable sorting: so equals are chosen in their order, and too large a `k` chooses all."""
    does = cast(Top, at.does)
    scores, axis = at.variable("x"), place_of(at, "x", does.axis)
    candidates = _candidates(at)
    compared = scores
    if candidates is not None:
        masked = method(scores, "masked_fill", prefix("~", candidates), 'float("-inf")')
        compared = at.scope.say(f"{at.node.name}_scores", masked)
    order = method(compared, "argsort", dim=axis, descending="True", stable="True")
    rank = at.scope.say(f"{at.node.name}_rank", method(order, "argsort", axis))
    chosen = infix("<", rank, at.size(does.k))
    if candidates is not None:
        chosen = infix("&", chosen, candidates)
    return method(chosen, "type_as", scores)


def _candidates(at: Site) -> Code | None:
    if not at.has("where"):
        return None
    where = align(at.variable("where"), at.type("where").axes, at.type("x").axes, at.scope.unit.sizes)
    return where if where.is_path else at.scope.say(f"{at.node.name}_candidates", where)


def gather(at: Site) -> Code:
    does = cast(Gather, at.does)
    given, numbers, sizes = at.type("x"), at.type("at"), at.scope.unit.sizes
    axis = find_axis(given, does.axis, sizes)
    own = own_axes(given, numbers, axis, sizes)
    places = list(shared_axes(given, numbers, axis, sizes))
    along = place_of(at, "x", does.axis)
    if not numbers.axes:
        return method(method(at.read("x"), "index_select", along, at.read("at")), "squeeze", along)
    if len(own) == len(numbers.axes):
        return method(at.read("x"), "index_select", along, at.read("at"))
    places[axis] = own[0] if own else None
    taken = call("torch.take_along_dim", at.read("x"), _spread(at.read("at"), places), dim=along)
    return taken if own else method(taken, "squeeze", along)


def _spread(numbers: Code, places: list[int | None]) -> Code:
    """The numbers with all axes of what they are taken from, those they lack being of size 1."""
    leading = next(at for at, axis in enumerate(places) if axis is not None)
    spread = place(numbers, places)
    return index(spread, *["None"] * leading, "...") if leading else spread


LOWERINGS: Mapping[str, Lowering] = {"top": top, "gather": gather}
