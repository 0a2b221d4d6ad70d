"""Contracts that bound what is read: causality, reach, independence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from graphspec.analysis.contracts.decide import decide
from graphspec.analysis.contracts.questions import LONGEST, Answer, Breaks, Case, Question
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.analysis.flow import sizes_of
from graphspec.axes import dim
from graphspec.flow import Interval, Padding, Piece, at_most
from graphspec.graph import Ref

SHOWN = 64
"""How long a path may be that is shown though it is known to be there."""

Allows = Callable[[Piece, Padding], bool]


def causal(reading: Reading) -> Iterator[Question]:
    output, ref, source, place, axis = reading.pair()
    stride = reading.stride(ref, place, source, axis)
    slack = stride - 1 + reading.number("shift")

    def allows(item: Piece, padding: Padding) -> bool:
        return _ends_by(item.absolute, slack) or _follows(item, place, stride, slack)

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return j > stride * i + slack

    yield Question(output, ref, place, source.name, axis, allows, breaks)


def prefix_causal(reading: Reading) -> Iterator[Question]:
    output, ref, source, place, axis = reading.pair()
    n, stride = reading.number("n"), reading.stride(ref, place, source, axis)

    def allows(item: Piece, padding: Padding) -> bool:
        return _ends_by(item.absolute, n - 1) or _follows(item, place, stride, stride - 1)

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return (j >= stride * (i + 1)) & (j >= n)

    yield Question(output, ref, place, source.name, axis, allows, breaks)


def _follows(item: Piece, place: int, stride: int, last: int) -> bool:
    """Whether it ends by `stride · i + last` for every reader `i` along the output's axis `place`."""
    (axis, rate) = item.rates[0] if len(item.rates) == 1 else (None, Fraction(0))
    return axis == place and 0 < rate <= stride and _ends_by(item.relative, last)


def _ends_by(interval: Interval, last: int) -> bool:
    return interval.high is not None and at_most(interval.high, dim(last))


# -- reach ------------------------------------------------------------------------------------------------------------


def reach(reading: Reading) -> Iterator[Case]:
    output, ref, source, place, axis = reading.pair()
    left, right, prefix, least = map(reading.stated, ("left", "right", "prefix", "at_least"))
    if left is None is right is prefix is least:
        help = "say how far: `left: …`, `right: …`, `prefix: …` or `at_least: …`"
        raise Senseless("", "`reach` says nothing of how far", help)
    if left is not None or right is not None or prefix is not None:
        question = Question(output, ref, place, source.name, axis, *_reached(place, left, right, prefix), length=False)
        yield partial(decide, reading.judge, question)
    if least is not None:
        allows, breaks = _at_least(place, least, ahead=reading.text("side") == "right")
        question = Question(output, ref, place, source.name, axis, allows, breaks, length=False, distance=least)
        yield partial(_judge_distance, reading, question, place)


def _reached(place: int, left: int | None, right: int | None, prefix: int | None) -> tuple[Allows, Breaks]:
    """Within `left` and `right` of the reader, or within the prefix; if only that is stated, within the prefix."""
    sided = left is not None or right is not None
    within = Interval.of(None if left is None else -left, right)
    first = prefix or 0

    def allows(item: Piece, padding: Padding) -> bool:
        near = sided and item.unit == place and within.contains(item.relative)
        return near or _ends_by(item.absolute, first - 1)

    def breaks(i: Any, j: Any, held: Any) -> Any:
        before = j < i - left if left is not None else j < 0
        after = j > i + right if right is not None else j < 0
        return (before | after if sided else j >= 0) & (j >= first)

    return allows, breaks


def _at_least(place: int, least: int, *, ahead: bool) -> tuple[Allows, Breaks]:
    """Nothing `least` before the reader or further, or after it: what a path that proves the reach breaks."""

    def allows(item: Piece, padding: Padding) -> bool:
        low, high = item.relative.low, item.relative.high
        if ahead:
            return item.unit == place and high is not None and at_most(high, dim(least - 1))
        return item.unit == place and low is not None and at_most(dim(1 - least), low)

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return j >= i + least if ahead else j <= i - least

    return allows, breaks


def _judge_distance(reading: Reading, question: Question, place: int) -> Answer:
    """The other way round: what is read that far away proves, a bound that excludes it refutes."""
    judge, least, ahead = reading.judge, question.distance, reading.text("side") == "right"
    where = "after" if ahead else "before"
    reads = judge.state(question.ref).reads.get(question.source, ())
    pieces = reads[question.axis] if reads else ()
    length = sizes_of(reading.graph).value(reading.type_of(question.ref).sizes[place])
    if all(question.allows(item, None) for item in pieces) or (length is not None and length <= least):
        axis = reading.axis_of(question)
        said = (
            f"`{question.output}` reads nothing of `{question.source}` that is {least:,} or more {where} along `{axis}`"
        )
        return Answer("refuted", said)
    sure = any(_goes_as_far(item, place, least, ahead) for item in judge.surely(question))
    found = judge.refute(question) if least <= (SHOWN if sure else LONGEST) else None
    if found:
        return replace(found, status="proved")
    if sure:
        return Answer("proved", f"`{question.output}` reads `{question.source}` as far as {least:,} {where}")
    return Answer("unknown", "no path that long was found")


def _goes_as_far(item: Piece, place: int, least: int, ahead: bool) -> bool:
    """Whether some reader reads `least` or more before it, or after it, on a long enough axis."""
    if ahead:
        high = item.relative.high
        return item.unit == place and item.absolute.high is None and (high is None or at_most(dim(least), high))
    if not item.rates:
        return item.absolute.low == dim(0)
    return item.unit == place and (item.relative.low is None or at_most(item.relative.low, dim(-least)))


# -- independence -----------------------------------------------------------------------------------------------------


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
