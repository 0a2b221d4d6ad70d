"""Masks evaluated at small sizes: the pairs of query and key that really are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphspec.axes import Dim
from graphspec.masks import (
    Adjacency,
    And,
    Atom,
    Causal,
    Chunk,
    Dilated,
    Documents,
    Keys,
    Mask,
    Not,
    Or,
    Prefix,
    Window,
)
from graphspec.operators.flow_rules import Size
from graphspec.operators.told import Read, Told, Truth


@dataclass(frozen=True)
class Grid:
    """A mask's pairs of query and key, by index; `known` is what is known of the tensors that it reads, by port."""

    queries: int
    keys: int
    size: Size
    told: Told
    known: Mapping[str, Read]

    def truth(self, mask: Mask, given: Mapping[Atom, Truth] | None = None) -> Truth:
        """Where the mask is true, atoms that are `given` taken as they are."""
        match mask:
            case Not(inner):
                return ~self.truth(inner, given)
            case And(left, right):
                return self.truth(left, given) & self.truth(right, given)
            case Or(left, right):
                return self.truth(left, given) | self.truth(right, given)
            case _:
                return given[mask] if given and mask in given else self._atom(mask)

    def _atom(self, atom: Atom) -> Truth:
        import numpy as np

        i, j = np.arange(self.queries)[:, None], np.arange(self.keys)[None, :]
        every = (j >= 0) & (i >= 0)
        match atom:
            case Keys(port):
                found = self.told.keys(self.read(port), self.keys, self.size)
            case Documents(port):
                found = self.told.same(self.read(port), i + 0 * j, j + 0 * i, self.keys, self.size)
            case Adjacency(port) | Prefix(str(port)):
                found = self.told.pairs(self.read(port))
            case _:
                true = every & _by_place(atom, i, j, self.size)
                return Truth(true, true)
        return Truth(every & found.sure, every & found.may)

    def read(self, port: str) -> Read:
        return self.known.get(port, Read(port))

    def flips(self, mask: Mask, atom: Atom) -> tuple[Truth, Truth]:
        """The mask with an atom true wherever it can be, and with it false."""
        import numpy as np

        i, j = np.arange(self.queries)[:, None], np.arange(self.keys)[None, :]
        can = (j >= 0) & (i >= 0)
        if isinstance(atom, Keys):
            can = can & self.told.open(self.read(atom.tensor), self.keys, self.size)
        cannot = (i == j) & isinstance(atom, Documents)
        on, off = ({atom: Truth(state, state)} for state in (can, cannot))
        return self.truth(mask, on), self.truth(mask, off)


def _by_place(atom: Atom, queries: Any, keys: Any, size: Size) -> Any:
    """An atom that only places decide."""
    match atom:
        case Causal():
            return keys <= queries
        case Window(left, right):
            after = True if left is None else keys >= queries - size(left)
            return after if right is None else after & (keys <= queries + size(right))
        case Chunk(chunk):
            return keys // size(chunk) == queries // size(chunk)
        case Prefix(Dim() as count):
            return keys < size(count)
        case Dilated(step):
            return (queries - keys) % size(step) == 0
        case _:
            return True


@dataclass(frozen=True, slots=True)
class Seen:
    """The keys that the queries see, where there are at least `least` of them."""

    mask: Mask
    reader: int
    least: int = 1
    known: tuple[Read, ...] = ()

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        seen = _seen(self.mask, self.known, readers, places, size, told)
        return seen & (seen.sum(axis=1, keepdims=True) >= self.least)


@dataclass(frozen=True, slots=True)
class Chooses:
    """The queries themselves, where there is a choice between at least two keys."""

    mask: Mask
    reader: int
    keys: Dim
    known: tuple[Read, ...] = ()

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        import numpy as np

        seen = _seen(self.mask, self.known, readers, size(self.keys), size, told)
        return np.eye(readers, places, dtype=bool) & (seen.sum(axis=1, keepdims=True) >= 2)


@dataclass(frozen=True, slots=True)
class Flips:
    """The keys at which the mask's outcome changes with an atom's."""

    mask: Mask
    atom: Atom
    reader: int
    known: tuple[Read, ...] = ()

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        on, off = _grid(self.known, readers, places, size, told).flips(self.mask, self.atom)
        if told.exact:
            return (on.sure & ~off.may) | (off.sure & ~on.may)
        return (on.may & ~off.sure) | (off.may & ~on.sure)


def _grid(known: tuple[Read, ...], queries: int, keys: int, size: Size, told: Told) -> Grid:
    return Grid(queries, keys, size, told, {read.port: read for read in known})


def _seen(mask: Mask, known: tuple[Read, ...], queries: int, keys: int, size: Size, told: Told) -> Any:
    truth = _grid(known, queries, keys, size, told).truth(mask)
    return truth.sure if told.exact else truth.may
