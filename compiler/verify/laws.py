"""Where a value must be as it was after a change of the inputs, and by how much it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from graphspec.axes import Dim, Sizes, TensorType
from graphspec.operators.flow_rules import ground


@dataclass(frozen=True)
class Stay:
    """The entries that must stay, as truth values along named axes, `along` being the one that matters."""

    along: Dim
    axes: tuple[Dim, ...]
    where: Tensor

    def over(self, given: TensorType) -> Tensor | None:
        """Broadcast over a value of this type; None if it lacks the axis. Other axes that it lacks must all agree."""
        places = {axis: _place(given, axis) for axis in self.axes}
        if places[self.along] is None:
            return None
        kept, where = list(self.axes), self.where
        for axis in self.axes:
            if places[axis] is None:
                where = where.all(kept.index(axis))
                kept.remove(axis)
        order = sorted(range(len(kept)), key=lambda at: places[kept[at]] or 0)
        where = where.permute(order)
        have = {places[axis] for axis in kept}
        for at in range(len(given.axes)):
            if at not in have:
                where = where.unsqueeze(at)
        return where


@dataclass(frozen=True)
class Law:
    """What of a value must stay, by the names of its axes.

    `picks`: along an axis, the places before and those after that correspond. `stays`: of those, which must agree, the
    first that fits; all where none is given. `lacking`: whether a value that has none of these axes must stay as well.
    """

    picks: Mapping[Dim, tuple[Tensor, Tensor]] = field(default_factory=dict[Dim, tuple[Tensor, Tensor]])
    stays: tuple[Stay, ...] = ()
    lacking: bool = False

    def compare(self, given: TensorType, before: Tensor, after: Tensor, sizes: Sizes) -> Move | None:
        """The largest difference where there must be none; None if nothing is said of values of this type."""
        axes = {*self.picks, *(stay.along for stay in self.stays)}
        mask = next((m for m in (stay.over(given) for stay in self.stays) if m is not None), None)
        silent = mask is None and all(_place(given, axis) is None for axis in self.picks)
        if silent and (not self.lacking or _related(given, axes, sizes)):
            return None
        whole = before
        for at, axis in enumerate(given.axes):
            if axis.size in self.picks:
                old, new = (it.to(before.device) for it in self.picks[axis.size])
                before, after = before.index_select(at, old), after.index_select(at, new)
        if before.shape != after.shape:
            return None
        return self._move(given, whole, before, after, mask)

    def _move(self, given: TensorType, whole: Tensor, before: Tensor, after: Tensor, mask: Tensor | None) -> Move:
        differs = before != after
        if mask is not None:
            differs &= mask.to(differs.device)
        if not bool(differs.any()):
            return Move(0.0, 1.0, ())
        apart = difference(before, after).masked_fill(~differs, 0)
        index = [int(at) for at in torch.unravel_index(apart.argmax(), apart.shape)]
        place = [
            (str(axis), int(self.picks[axis.size][0][at]) if axis.size in self.picks else at)
            for axis, at in zip(given.axes, index, strict=True)
        ]
        return Move(float(apart.max()), _largest(whole), tuple(place))


@dataclass(frozen=True)
class Move:
    """How far a value moved at most, where, and how large the largest of its entries is."""

    amount: float
    largest: float
    place: tuple[tuple[str, int], ...]

    def exceeds(self, tolerance: float) -> bool:
        return self.amount > tolerance * self.largest


def difference(before: Tensor, after: Tensor) -> Tensor:
    """Absolute differences; infinite where only one is a number, zero where both are none."""
    before, after = before.double(), after.double()
    same = (before == after) | (before.isnan() & after.isnan())
    return (before - after).abs().nan_to_num(nan=torch.inf, posinf=torch.inf).masked_fill(same, 0)


def _largest(value: Tensor) -> float:
    finite = value.double().abs()
    finite = finite[finite.isfinite()]
    return (float(finite.max()) if finite.numel() else 0.0) or 1.0


def _place(given: TensorType, size: Dim) -> int | None:
    return next((at for at, axis in enumerate(given.axes) if axis.size == size and not axis.primed), None)


def _related(given: TensorType, axes: set[Dim], sizes: Sizes) -> bool:
    """Whether an axis is made of one of these."""
    symbols = frozenset[str]().union(*(ground(axis, sizes).symbols for axis in axes))
    return any(ground(axis.size, sizes).symbols & symbols for axis in given.axes)
