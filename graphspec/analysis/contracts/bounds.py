"""Contracts that bound what is read: causality, reach, independence."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from graphspec.analysis.contracts.questions import Question
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.axes import dim
from graphspec.flow import Interval, Padding, Piece, at_most
from graphspec.graph import Ref


def causal(reading: Reading) -> Iterator[Question]:
    output, ref, source, place, axis = reading.pair()
    shift = reading.number("shift")
    aligned = reading.type_of(ref).axes[place].size == source.type.axes[axis].size

    def allows(item: Piece, padding: Padding) -> bool:
        rate = _rate(item, place)
        slack = shift + max(0, (rate or 0) - 1)
        return _ends_by(item.absolute, shift) or (rate is not None and rate > 0 and _ends_by(item.relative, slack))

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return j > i + shift if aligned else j < 0

    yield Question(output, ref, place, source.name, axis, allows, breaks)


def prefix_causal(reading: Reading) -> Iterator[Question]:
    output, ref, source, place, axis = reading.pair()
    n = reading.number("n")

    def allows(item: Piece, padding: Padding) -> bool:
        return _ends_by(item.absolute, n - 1) or (item.unit == place and _ends_by(item.relative, 0))

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return (j > i) & (j >= n)

    yield Question(output, ref, place, source.name, axis, allows, breaks)


def reach(reading: Reading) -> Iterator[Question]:
    output, ref, source, place, axis = reading.pair()
    left, right = (reading.contract.get(side) for side in ("left", "right"))
    within = Interval.of(-left if isinstance(left, int) else None, right if isinstance(right, int) else None)
    prefix = reading.number("prefix")

    def allows(item: Piece, padding: Padding) -> bool:
        return _ends_by(item.absolute, prefix - 1) or (item.unit == place and within.contains(item.relative))

    def breaks(i: Any, j: Any, held: Any) -> Any:
        before = j < i - left if isinstance(left, int) else j < 0
        after = j > i + right if isinstance(right, int) else j < 0
        return (before | after) & (j >= prefix)

    yield Question(output, ref, place, source.name, axis, allows, breaks, length=False)


def _rate(item: Piece, place: int) -> Fraction | None:
    """The rate along the output's axis, if the piece follows no other."""
    return item.rates[0][1] if len(item.rates) == 1 and item.rates[0][0] == place else None


def _ends_by(interval: Interval, last: int | Fraction) -> bool:
    return interval.high is not None and at_most(interval.high, dim(1) * Fraction(last))


def independent(reading: Reading) -> Iterator[Question]:
    name, sources = reading.axis(), list(reading.inputs().values())
    assert name is not None
    if all(reading.place(source.type, name) is None for source in sources):
        raise Senseless("axis", f"no input has the axis `{name}`", "name an axis that the inputs have")
    for output, ref in reading.outputs().items():
        for source in sources:
            axis = reading.place(source.type, name)
            if axis is not None:
                yield _row_by_row(output, ref, reading.place(reading.type_of(ref), name), source.name, axis)


def _row_by_row(output: str, ref: Ref, place: int | None, source: str, axis: int) -> Question:
    def allows(item: Piece, padding: Padding) -> bool:
        return place is not None and item.unit == place and item.relative == Interval.at(0)

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return j >= 0 if i is None else i != j

    return Question(output, ref, place, source, axis, allows, breaks)
