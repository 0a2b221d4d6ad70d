"""Broadcasting by the names of axes, written as indexing."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.lower.code import Code, index, method
from graphspec.axes import Axis, Sizes
from graphspec.operators.pointwise import aligned


def align(code: Code, given: Sequence[Axis], result: Sequence[Axis], sizes: Sizes) -> Code:
    """`code`, whose axes are `given`, so that torch broadcasts it against `result`."""
    return place(code, aligned(given, result, sizes))


def place(code: Code, places: Sequence[int | None]) -> Code:
    """Move the axis at `places[i]` to place `i`, with an axis of size 1 where there is None."""
    present = [at for at in places if at is not None]
    if present != sorted(present):
        code = method(code, "permute", *map(str, present))
    while places and places[0] is None:
        places = places[1:]
    if None not in places:
        return code
    last = max(at for at, axis in enumerate(places) if axis is not None)
    inner = ["None" if axis is None else ":" for axis in places]
    if last and "None" not in inner[: last + 1]:
        return index(code, "...", *inner[last + 1 :])
    return index(code, *inner)
