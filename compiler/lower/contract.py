"""Products summed over axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_letters
from typing import cast

from compiler.lower.align import place
from compiler.lower.code import Code, call, infix
from compiler.lower.site import Lowering, Site
from graphspec.axes import Axis
from graphspec.operators.contract import Contract, Whole


def contract(at: Site) -> Code:
    """A plain product if nothing is summed; else `einsum`, a letter for each axis."""
    does, types = cast(Contract, at.does), {port: at.type(port) for port in ("a", "b")}
    whole = does.whole(types, at.scope.unit.sizes)
    if not whole.summed:
        return infix("*", *(_spread(at.read(port), whole, port) for port in types))
    letters = list(_letters(at, whole.axes))
    words = ["".join(letters[place] for place in places) for places in (*whole.places.values(), whole.left)]
    return call("torch.einsum", f'"{words[0]},{words[1]}->{words[2]}"', at.read("a"), at.read("b"))


def _spread(x: Code, whole: Whole, port: str) -> Code:
    """A factor with its axes where the product has them."""
    places = whole.places[port]
    return place(x, [places.index(it) if it in places else None for it in range(len(whole.axes))])


def _letters(at: Site, axes: Sequence[Axis]) -> Iterator[str]:
    """A letter for each axis: the first of its name that is free, a capital for a primed one."""
    taken: set[str] = set()
    for axis in axes:
        name = at.scope.unit.derived.get(axis.size, str(axis.size)).lower()
        wishes = (name.upper() if axis.primed else name) + ascii_letters
        letter = next(it for it in wishes if it.isalpha() and it.isascii() and it not in taken)
        taken.add(letter)
        yield letter


LOWERINGS: Mapping[str, Lowering] = {"contract": contract}
