"""Relations and masks at small sizes by going through all pairs: plain, and independent of the code under test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from graphspec.axes import Dim
from graphspec.flow import Guard, Interval, Padding, Piece, Relation
from graphspec.masks import (
    Adjacency,
    And,
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

Tensors = Mapping[str, np.ndarray]


def inside(number: Fraction | int, interval: Interval, lengths: Mapping[str, int]) -> bool:
    low, high = (None if bound is None else bound.rational(lengths) for bound in (interval.low, interval.high))
    return (low is None or low <= number) and (high is None or number <= high)


def is_real(tensor: np.ndarray, place: int, padding: Padding) -> bool:
    """Beyond its ends a tensor is real, but padding goes on where it is taken to stand."""
    if place < 0:
        return padding != "left"
    return bool(tensor[place]) if place < len(tensor) else padding != "right"


def guard_holds(
    guard: Guard, reader: tuple[int, ...], place: int, tensors: Tensors, padding: Padding, lengths: Mapping[str, int]
) -> bool:
    tensor = tensors[guard.tensor]
    source = place + number(guard.at, lengths)
    own = None if guard.reader is None else reader[guard.reader[0]] + number(guard.reader[1], lengths)
    if tensor.dtype == bool:
        return is_real(tensor, source, padding) or (own is not None and not is_real(tensor, own, padding))
    assert own is not None
    entry = lambda at: int(tensor[at]) if 0 <= at < len(tensor) else -1 - at  # noqa: E731
    return entry(source) == entry(own)


def number(size: Dim, lengths: Mapping[str, int]) -> int:
    found = size.value(lengths)
    assert found is not None
    return found


def holds(
    piece: Piece,
    reader: tuple[int, ...],
    place: int,
    tensors: Tensors,
    padding: Padding = None,
    lengths: Mapping[str, int] | None = None,
) -> bool:
    """Whether a pair belongs to a piece."""
    lengths = lengths or {}
    offset = place - sum((rate * reader[axis] for axis, rate in piece.rates), Fraction(0))
    return (
        inside(offset, piece.relative, lengths)
        and inside(place, piece.absolute, lengths)
        and all(guard_holds(guard, reader, place, tensors, padding, lengths) for guard in piece.guards)
    )


def matrix(
    relation: Relation,
    shape: tuple[int, ...],
    places: int,
    tensors: Tensors | None = None,
    padding: Padding = None,
    lengths: Mapping[str, int] | None = None,
) -> np.ndarray:
    """Readers (a row for each index along all axes) by places."""
    rows = [
        [
            any(holds(item, reader, place, tensors or {}, padding, lengths) for item in relation)
            for place in range(places)
        ]
        for reader in np.ndindex(*shape)
    ]
    return np.array(rows, dtype=bool).reshape(int(np.prod(shape)), places)


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (left.astype(int) @ right.astype(int)) > 0


def truth(mask: Mask, query: int, key: int, size: Callable[[Dim], int], tensors: Tensors) -> bool:  # noqa: C901
    """A mask at one pair, as its atoms are defined."""
    match mask:
        case Everything():
            return True
        case Causal():
            return key <= query
        case Window(left, right):
            return (left is None or key >= query - size(left)) and (right is None or key <= query + size(right))
        case Chunk(chunk):
            return query // size(chunk) == key // size(chunk)
        case Prefix(Dim() as count):
            return key < size(count)
        case Prefix(port):
            return key < int(tensors[str(port)])
        case Dilated(step):
            return (query - key) % size(step) == 0
        case Documents(port):
            return tensors[port][query] == tensors[port][key]
        case Adjacency(port):
            return bool(tensors[port][query, key])
        case Keys(port):
            return bool(tensors[port][key])
        case Not(inner):
            return not truth(inner, query, key, size, tensors)
        case And(left, right):
            return truth(left, query, key, size, tensors) and truth(right, query, key, size, tensors)
        case Or(left, right):
            return truth(left, query, key, size, tensors) or truth(right, query, key, size, tensors)
