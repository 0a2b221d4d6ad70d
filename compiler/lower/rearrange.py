"""Splitting, merging and reordering axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from compiler.lower.code import Code, index, method, tuple_of
from compiler.lower.site import Lowering, Site
from graphspec.operators.pattern import Layout
from graphspec.operators.rearrange import Rearrange


def rearrange(at: Site) -> Code:
    """Axes are split, reordered, repeated, merged; places are those of torch at each step."""
    does = cast(Rearrange, at.does)
    layout = does.layout(at.type("x"), at.scope.unit.sizes).joined()
    order = [part for axis in layout.after for part in axis]
    there = [part for part in order if part not in layout.new]
    x = _split(at, at.read("x"), layout)
    if there != sorted(there):
        if _steps(layout) > MOST_STEPS:
            x = at.scope.say(f"{at.node.name}_parts", x)
        x = _reordered(x, there)
    return _merged(_repeated(at, x, layout, order) if layout.new else x, layout)


MOST_STEPS = 3
"""How many splits and merges stand on one line with what happens between them."""


def _steps(layout: Layout) -> int:
    return sum(len(parts) != 1 for parts in (*layout.before, *layout.after))


def _split(at: Site, x: Code, layout: Layout) -> Code:
    for place, parts in reversed(list(enumerate(layout.before))):
        if not parts:
            x = method(x, "squeeze", str(place))
        elif len(parts) > 1:
            x = method(x, "unflatten", str(place), tuple_of(*_sizes(at, layout, parts)))
    return x


def _sizes(at: Site, layout: Layout, parts: Sequence[int]) -> list[Code | str]:
    """The sizes of parts; the last one that is known at run time only, or else the last, is left to torch."""
    sizes = [layout.sizes[part] for part in parts]
    open_ = max((at_ for at_, size in enumerate(sizes) if at.scope.unit.sizes.value(size) is None), default=-1)
    left = open_ % len(sizes)
    return ["-1" if at_ == left else at.size(size) for at_, size in enumerate(sizes)]


def _repeated(at: Site, x: Code, layout: Layout, order: Sequence[int]) -> Code:
    """Along new axes, which torch puts before the others by itself."""
    new = [part in layout.new for part in order]
    if any(new[new.index(False) :] if False in new else ()):
        x = index(x, *("None" if it else ":" for it in new))
    return method(
        x, "expand", *(at.size(layout.sizes[part]) if it else "-1" for part, it in zip(order, new, strict=True))
    )


def _reordered(x: Code, order: Sequence[int]) -> Code:
    moved = [place for place, part in enumerate(order) if place != part]
    if len(moved) == 2:
        return method(x, "transpose", *map(str, moved))
    return method(x, "permute", *map(str, order))


def _merged(x: Code, layout: Layout) -> Code:
    for parts, start in reversed([(parts, _start(layout, at)) for at, parts in enumerate(layout.after)]):
        if not parts:
            x = method(x, "unsqueeze", str(start))
        elif len(parts) > 1:
            x = method(x, "flatten", str(start), str(start + len(parts) - 1))
    return x


def _start(layout: Layout, axis: int) -> int:
    return sum(len(parts) for parts in layout.after[:axis])


LOWERINGS: Mapping[str, Lowering] = {"rearrange": rearrange}
