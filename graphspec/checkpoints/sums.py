"""Axes that are made of stretches: `(heads (d pair + rest)) m -> (heads (pair d + rest)) m`.

In a pattern the stretches together are one axis, `+`; here is what stands where along it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

Term = tuple[str, ...]
SUM = "+"


class BadPattern(Exception):
    """A pattern that cannot be read, or that does not fit: why, and how to mend it."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message, self.help = message, help


def size_of(name: str, sizes: Mapping[str, int]) -> int | None:
    """A size by its name, or a number as it is written."""
    return int(name) if name.isdigit() else sizes.get(name)


def solved(terms: Sequence[Term], total: int, known: Mapping[str, int]) -> dict[str, int]:
    """The sizes of all names, from what the stretches come to together. Raises `BadPattern`."""
    unknown = sorted({name for term in terms for name in term if size_of(name, known) is None})
    if len(unknown) > 1:
        listed = " and ".join(f"`{name}`" for name in unknown)
        raise BadPattern(f"the sizes of {listed} are not known", f"say one: `sizes: {{{unknown[0]}: …}}`")
    sizes = {name: size for term in terms for name in term if (size := size_of(name, known)) is not None}
    if unknown:
        factor = sum(length(term, sizes | {unknown[0]: 1}) for term in terms if unknown[0] in term)
        rest = total - sum(length(term, sizes) for term in terms if unknown[0] not in term)
        sizes[unknown[0]] = rest // factor if factor > 0 and rest > 0 else 0
    if sum(length(term, sizes) for term in terms) != total or min(sizes.values(), default=1) < 1:
        said = " + ".join(" ".join(term) for term in terms)
        raise BadPattern(f"({said}) is {total}, which its parts do not give")
    return sizes


def length(term: Term, sizes: Mapping[str, int]) -> int:
    return prod(sizes[name] for name in term)


def places(left: Sequence[Term], right: Sequence[Term], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """For each place along the right side's stretches, the place along the left side's."""
    starts: dict[frozenset[str], int] = {}
    start = 0
    for term in left:
        starts[frozenset(term)] = start
        start += length(term, sizes)
    by_names = {frozenset(term): term for term in left}
    return tuple(
        starts[frozenset(term)] + _flat(by_names[frozenset(term)], dict(zip(term, at, strict=True)), sizes)
        for term in right
        for at in product(*(range(sizes[name]) for name in term))
    )


def _flat(term: Term, at: Mapping[str, int], sizes: Mapping[str, int]) -> int:
    place = 0
    for name in term:
        place = place * sizes[name] + at[name]
    return place
