"""Products summed over axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import ascii_letters
from typing import cast

from compiler.lower.align import align
from compiler.lower.code import Code, call, infix
from compiler.lower.site import Lowering, Site
from graphspec.axes import Axis, TensorType
from graphspec.operators.contract import Contract, product_axes, same_place


def contract(at: Site) -> Code:
    """A plain product if nothing is summed; else `einsum`, a letter for each axis."""
    does, sizes = cast(Contract, at.does), at.scope.unit.sizes
    types = {port: at.type(port) for port in ("a", "b")}
    together = product_axes(types["a"], types["b"], sizes)
    if not does.over:
        return infix("*", *(_spread(at, port, together) for port in types))
    whole = TensorType("float", together)
    letters = list(_letters(together))
    words = [_word(letters, (same_place(axis, whole, sizes) for axis in given.axes)) for given in types.values()]
    made = _word(letters, (same_place(axis, whole, sizes) for axis in at.node.type.axes))
    return call("torch.einsum", f'"{",".join(words)}->{made}"', at.read("a"), at.read("b"))


def _spread(at: Site, port: str, together: Sequence[Axis]) -> Code:
    return align(at.read(port), at.type(port).axes, together, at.scope.unit.sizes)


def _word(letters: Sequence[str], places: Iterable[int | None]) -> str:
    return "".join(letters[place] for place in places if place is not None)


def _letters(axes: Sequence[Axis]) -> Iterator[str]:
    """A letter for each axis: that of its name if it is free, a capital for a primed one."""
    taken: set[str] = set()
    for axis in axes:
        wish = str(axis)[0].lower()
        wish = wish.upper() if axis.primed else wish
        letter = next(it for it in (wish, *ascii_letters) if it.isalpha() and it.isascii() and it not in taken)
        taken.add(letter)
        yield letter


LOWERINGS: Mapping[str, Lowering] = {"contract": contract}
