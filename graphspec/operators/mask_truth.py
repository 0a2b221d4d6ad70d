"""Masks evaluated at small sizes: the pairs of query and key that really are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphspec.axes import Dim
from graphspec.masks import And, Atom, Causal, Chunk, Dilated, Documents, Everything, Mask, Not, Or, Prefix, Window

Size = Callable[[Dim], int]
Data = Callable[[Atom], bool]


def truth_of(mask: Mask, queries: Any, keys: Any, size: Size, data: Data) -> Any:
    """The mask at arrays of query and key positions, where tensors that it reads hold the same value everywhere."""
    match mask:
        case Not(inner):
            return ~truth_of(inner, queries, keys, size, data)
        case And(left, right):
            return truth_of(left, queries, keys, size, data) & truth_of(right, queries, keys, size, data)
        case Or(left, right):
            return truth_of(left, queries, keys, size, data) | truth_of(right, queries, keys, size, data)
        case _:
            return _atom_truth(mask, queries, keys, size, data)


def _atom_truth(atom: Atom, queries: Any, keys: Any, size: Size, data: Data) -> Any:
    every = (keys >= 0) & (queries >= 0)
    match atom:
        case Everything():
            return every
        case Causal():
            return keys <= queries
        case Window(left, right):
            after = every if left is None else keys >= queries - size(left)
            return after if right is None else after & (keys <= queries + size(right))
        case Chunk(chunk):
            return keys // size(chunk) == queries // size(chunk)
        case Prefix(Dim() as count):
            return every & (keys < size(count))
        case Dilated(step):
            return (queries - keys) % size(step) == 0
        case Documents():
            return every if data(atom) else keys == queries
        case _:
            return every if data(atom) else ~every


def matrix_of(mask: Mask, queries: int, keys: int, size: Size, data: Data) -> Any:
    import numpy as np

    return truth_of(mask, np.arange(queries)[:, None], np.arange(keys)[None, :], size, data)


@dataclass(frozen=True, slots=True)
class Seen:
    """The keys that the queries see, where there are at least `least` of them."""

    mask: Mask
    reader: int
    least: int = 1

    def matrix(self, readers: int, places: int, size: Size, data: bool) -> Any:
        seen = matrix_of(self.mask, readers, places, size, lambda _: data)
        return seen & (seen.sum(axis=1, keepdims=True) >= self.least)


@dataclass(frozen=True, slots=True)
class Chooses:
    """The queries themselves, where there is a choice between at least two keys."""

    mask: Mask
    reader: int
    keys: Dim

    def matrix(self, readers: int, places: int, size: Size, data: bool) -> Any:
        import numpy as np

        seen = matrix_of(self.mask, readers, size(self.keys), size, lambda _: data)
        return np.eye(readers, places, dtype=bool) & (seen.sum(axis=1, keepdims=True) >= 2)


@dataclass(frozen=True, slots=True)
class Flips:
    """The keys at which the mask's outcome changes with an atom's."""

    mask: Mask
    atom: Atom
    reader: int

    def matrix(self, readers: int, places: int, size: Size, data: bool) -> Any:
        on, off = (
            matrix_of(self.mask, readers, places, size, lambda atom, own=own: own if atom == self.atom else data)
            for own in (True, False)
        )
        return on != off
