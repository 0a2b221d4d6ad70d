"""What a value uses beside the entries that it reads, and what is known of where it is zero."""

from __future__ import annotations

from collections.abc import Container, Iterable
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


Covered = tuple[str, int, Dim, bool]


@dataclass(frozen=True, slots=True)
class Keys:
    """The entries of an axis that are shown, whatever they hold: by them a reader knows where the axis ends.

    Entries that are not real by one of `unless` are not shown; `before`: nor any beyond the reader's own place.
    `covered`: the sources (input, its axis, its size) that are read wherever an entry is shown, as far as is known: so
    that what is allowed of them holds of the entries too. Last, whether no guard stands before it. `until`: the name of
    the end by which they show it, if only a reader of what lies beyond that end can tell.
    """

    axis: str
    unless: frozenset[str]
    before: bool
    covered: frozenset[Covered] = frozenset()
    until: str = ""


@dataclass(frozen=True, slots=True)
class Marks:
    """Along which axes a value, with all it is made from, is more than a set of entries; axes go by names in sizes.

    `shifts`: symmetric under translations only; `absolutes`: not even under those; `lengths`: depends on the length;
    `mixed`: some step was not the identity; `edges`: zeros from beyond the ends are read, which tell an edge from
    padding unless that is zero as well; `shown`: entries that are counted by being there; `parted`: how long axes are
    that were cut out of others or joined from parts, so that entries are not alike, even where they read nothing.
    """

    shifts: frozenset[str] = frozenset()
    absolutes: frozenset[str] = frozenset()
    lengths: frozenset[Length] = frozenset()
    mixed: frozenset[str] = frozenset()
    edges: frozenset[Length] = frozenset()
    shown: frozenset[Keys] = frozenset()
    parted: frozenset[Dim] = frozenset()

    def __or__(self, other: Marks) -> Marks:
        if other in (self, NO_MARKS):
            return self
        return Marks(
            self.shifts | other.shifts,
            self.absolutes | other.absolutes,
            self.lengths | other.lengths,
            self.mixed | other.mixed,
            self.edges | other.edges,
            self.shown | other.shown,
            self.parted | other.parted,
        )

    def order(self, axes: Iterable[str], masked_by: str = "", size: Dim | None = None) -> Order:
        """The symmetry that is left along axes: under permutations (`none`), translations (`shift`) or neither.

        `masked_by`: the translations are those of what is real by this tensor. `size`: how long the axes are.
        """
        names = set(axes)
        edges = [edge for edge in self.edges if edge.axis in names]
        if names & self.absolutes or size in self.parted or any(masked_by not in edge.unless for edge in edges):
            return "absolute"
        return "shift" if edges or names & self.shifts else "none"

    def uses_length(self, axes: Iterable[str], masked_by: str = "") -> bool:
        """Whether a length counts, where only entries that are real by `masked_by` do."""
        names = set(axes)
        return any(length.axis in names and masked_by not in length.unless for length in self.lengths)

    def counts_keys(
        self,
        axes: Iterable[str],
        source: tuple[str, int],
        masked_by: str = "",
        before: bool = False,
        ends: Container[str] = (),
    ) -> bool:
        """Whether it counts that entries are there of which the source's axis is not read as well.

        `before`: even if none lies beyond the reader's own place. With `masked_by`, guards count. `ends` are those
        beyond which something is read.
        """
        names = set(axes)

        def told(keys: Keys) -> bool:
            return any((name, axis) == source and (bare or not masked_by) for name, axis, _, bare in keys.covered)

        return any(
            keys.axis in names
            and masked_by not in keys.unless
            and (before or not keys.before)
            and (not keys.until or keys.until in ends)
            and not told(keys)
            for keys in self.shown
        )


NO_MARKS = Marks()


def all_marks(marks: Iterable[Marks]) -> Marks:
    return reduce(Marks.__or__, marks, NO_MARKS)


@dataclass(frozen=True, slots=True)
class Fact:
    """What a value says of a tensor among the model's inputs, entry by entry along its axis `axis`.

    `real`: where the value is not zero (or false), `tensor[i + offset]` is true. `same`: the value is
    `tensor[i + offset]`; `value`: it is that wherever this lies within the tensor. `size` is the length of the tensor
    along that axis, `rows` are the names of its other axes, along which both are aligned.
    """

    kind: Literal["real", "same", "value"]
    tensor: str
    axis: int
    offset: Dim
    size: Dim
    rows: frozenset[str] = frozenset()


Facts = frozenset[Fact]
NO_FACTS: Facts = frozenset()
