"""What a value uses beside the entries that it reads, and what is known of where it is zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Literal

from graphspec.axes import Dim

Order = Literal["none", "shift", "absolute"]


@dataclass(frozen=True, slots=True)
class Length:
    """The length of an axis, used as a number; what is masked by one of `unless` has no part in it."""

    axis: str
    unless: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Marks:
    """Along which axes a value, with all it is made from, is more than a set of entries; axes go by names in sizes.

    `shifts`: symmetric under translations only; `absolutes`: not even under those; `lengths`: depends on the length;
    `mixed`: some step was not the identity.
    """

    shifts: frozenset[str] = frozenset()
    absolutes: frozenset[str] = frozenset()
    lengths: frozenset[Length] = frozenset()
    mixed: frozenset[str] = frozenset()

    def __or__(self, other: Marks) -> Marks:
        if other in (self, NO_MARKS):
            return self
        return Marks(
            self.shifts | other.shifts,
            self.absolutes | other.absolutes,
            self.lengths | other.lengths,
            self.mixed | other.mixed,
        )

    def order(self, axes: Iterable[str]) -> Order:
        """The symmetry that is left along axes: under permutations (`none`), translations (`shift`) or neither."""
        names = set(axes)
        return "absolute" if names & self.absolutes else "shift" if names & self.shifts else "none"

    def uses_length(self, axes: Iterable[str], masked_by: str = "") -> bool:
        """Whether a length counts, where only entries that are real by `masked_by` do."""
        names = set(axes)
        return any(length.axis in names and masked_by not in length.unless for length in self.lengths)


NO_MARKS = Marks()


def all_marks(marks: Iterable[Marks]) -> Marks:
    return reduce(Marks.__or__, marks, NO_MARKS)


@dataclass(frozen=True, slots=True)
class Fact:
    """What a value says of a tensor among the model's inputs, entry by entry along its axis `axis`.

    `real`: where the value is not zero (or false), `tensor[i + offset]` is true. `same`: the value is
    `tensor[i + offset]`. `size` is the length of the tensor along that axis, `rows` are the names of its other axes,
    along which both are aligned.
    """

    kind: Literal["real", "same"]
    tensor: str
    axis: int
    offset: Dim
    size: Dim
    rows: frozenset[str] = frozenset()


Facts = frozenset[Fact]
NO_FACTS: Facts = frozenset()
