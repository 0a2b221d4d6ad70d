"""Masks as tiny pictures: which keys (columns) a few queries (rows) see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from graphspec.axes import Dim
from graphspec.masks import (
    Adjacency,
    And,
    Atom,
    Causal,
    Chunk,
    Dilated,
    Documents,
    Everything,
    Keys,
    Mask,
    Not,
    Or,
    Prefix,
    Window,
)

SIDE = 6
"""How many queries and keys a glyph shows."""

Glyph = tuple[str, ...]
"""Rows from the first query down; `#` where the key is seen, `.` where it is not."""

_DOCUMENTS = (0, 0, 0, 1, 1, 2)
_NEIGHBOURS = frozenset({(0, 1), (0, 4), (1, 2), (2, 5), (3, 4), (3, 5)})
_PREFIX, _PADDING, _CHUNK, _REACH = 3, 2, 3, 2


def glyph(mask: Mask, sizes: Mapping[str, int]) -> Glyph:
    """The picture of a mask, in which only the kind of each size counts (none, one, some); empty if all is seen."""
    sees = evaluated(mask, lambda atom: partial(_atom, atom, sizes))
    rows = tuple("".join("#" if sees(i, j) else "." for j in range(SIDE)) for i in range(SIDE))
    return rows if any("." in row for row in rows) else ()


Sees = Callable[[int, int], bool]
"""Whether the query `i` sees the key `j`."""


def evaluated(mask: Mask, atom: Callable[[Atom], Sees]) -> Sees:
    """A mask as a function of query and key, given what its atoms are."""
    match mask:
        case And(left, right):
            a, b = evaluated(left, atom), evaluated(right, atom)
            return lambda i, j: a(i, j) and b(i, j)
        case Or(left, right):
            a, b = evaluated(left, atom), evaluated(right, atom)
            return lambda i, j: a(i, j) or b(i, j)
        case Not(inner):
            a = evaluated(inner, atom)
            return lambda i, j: not a(i, j)
        case _:
            return atom(mask)


def _atom(atom: Atom, sizes: Mapping[str, int], i: int, j: int) -> bool:
    match atom:
        case Everything():
            return True
        case Causal():
            return j <= i
        case Window(left, right):
            return i - _reach(left, sizes) <= j <= i + _reach(right, sizes)
        case Chunk():
            return i // _CHUNK == j // _CHUNK
        case Prefix():
            return j < _PREFIX
        case Dilated():
            return (i - j) % 2 == 0
        case Documents():
            return _DOCUMENTS[i] == _DOCUMENTS[j]
        case Adjacency():
            return i == j or (min(i, j), max(i, j)) in _NEIGHBOURS
        case Keys():
            return j < SIDE - _PADDING


def _reach(side: Dim | None, sizes: Mapping[str, int]) -> int:
    if side is None:
        return SIDE
    return min(side.value(sizes) or 0, _REACH) if not side.symbols - sizes.keys() else _REACH
