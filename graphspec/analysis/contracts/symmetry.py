"""Contracts of symmetry under permutations, and of use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from graphspec.analysis.contracts.culprit import culprit
from graphspec.analysis.contracts.decide import Proof
from graphspec.analysis.contracts.places import unlike
from graphspec.analysis.contracts.questions import Answer, Breaks, Case, Judge, Question, Witness
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.analysis.replay import Replay, Setting
from graphspec.axes import Dim, TensorType
from graphspec.flow import Marks
from graphspec.graph import Input, Ref
from graphspec.operators.flow_rules import axis_names, ground


def equivariant(reading: Reading) -> Iterator[Case]:
    yield from _symmetric(reading, invariant=False)


def invariant(reading: Reading) -> Iterator[Case]:
    yield from _symmetric(reading, invariant=True)


def _symmetric(reading: Reading, *, invariant: bool) -> Iterator[Case]:
    name = reading.axis()
    assert name is not None
    if all(reading.place(source.type, name) is None for source in reading.inputs().values()):
        raise Senseless("axis", f"no input has the axis `{name}`", "name an axis that the inputs have")
    for output, ref in reading.outputs().items():
        yield partial(_judge_symmetry, reading, output, ref, name, invariant)


def _judge_symmetry(reading: Reading, output: str, ref: Ref, name: str, invariant: bool) -> Answer:
    """What has no such axis must stay the same; what has it differs from place to place even if it reads nothing."""
    state, against = reading.judge.state(ref), ""
    stays = invariant or reading.place(reading.type_of(ref), name) is None
    for source in reading.inputs().values():
        axis = reading.place(source.type, name)
        if axis is None or (stays and source.name not in state.reads):
            continue
        broken = asymmetry(reading.judge, ref, source.type.sizes[axis], "shift")
        follows = stays and any(item.rates for item in state.reads[source.name][axis])
        if not broken and not follows:
            continue
        found = _uneven(reading, output, ref, source, axis, name, invariant)
        if found:
            return found
        against = against or broken or f"`{output}` follows `{source.name}` along `{name}`"
    return Answer("unknown", against) if against else Answer("proved")


# -- refutation -------------------------------------------------------------------------------------------------------


def _uneven(
    reading: Reading, output: str, ref: Ref, source: Input, axis: int, name: str, invariant: bool
) -> Answer | None:
    """A pair that surely is read, where one that a permutation makes of it surely is not."""
    judge, place = reading.judge, reading.place(reading.type_of(ref), name)
    question = Question(output, ref, place, source.name, axis, lambda item, padding: False, _anything, length=False)
    for lengths in judge.lengths(question):
        setting = Setting(source.name, axis, lengths, exact=False)
        replay = judge.replay(question, setting)
        if replay is None or not _alone(replay, reading.type_of(ref), source, axis, place):
            continue
        reads = replay.frame.value(ref).reads[..., :-1]
        asked = replace(question, breaks=_among(_less_read(reads, replay.np, invariant)))
        found = judge.witness(asked, replace(setting, exact=True))
        if found:
            pair = replace(found, pairs=None)  # this one alone, in numbers, as the other is
            other = _counterpart(reads, pair.place, pair.column, replay.np, invariant)
            return Answer("refuted", f"{pair.said}, but {other}", pair.path)
    return None if invariant or place is None else unlike(judge, question)


def _among(pairs: Any) -> Breaks:
    def breaks(i: Any, j: Any, held: Any) -> Any:
        return pairs

    return breaks


def _alone(replay: Replay, made: TensorType, source: Input, axis: int, place: int | None) -> bool:
    """Whether no other axes have to do with the permuted one."""
    return replay.followed(source.type) == [axis] and replay.followed(made) == ([] if place is None else [place])


def _less_read(may: Any, np: Any, invariant: bool) -> Any:
    """The pairs that permutations make into one that is not read: those in the same row, or the others that are a
    place with itself, or with another."""
    if may.ndim == 1 or invariant:
        return np.broadcast_to(~may.all(axis=-1, keepdims=True), may.shape)
    same = np.eye(*may.shape, dtype=bool)
    return (same & (~may & same).any()) | (~same & (~may & ~same).any())


def _counterpart(may: Any, place: tuple[int, ...], column: int, np: Any, invariant: bool) -> str:
    """A pair that is not read, as words after those about a pair that is."""
    if not place or invariant:
        return f"not at {int(np.argmin(may[place]))}"
    same = np.eye(*may.shape, dtype=bool)
    alike = same if place[0] == column else ~same
    reader, read = np.argwhere(~may & alike)[0].tolist()
    return f"at {reader} does not read {read}"


def asymmetry(judge: Judge, ref: Ref, size: Dim, worst: Literal["shift", "absolute"], masked_by: str = "") -> str:
    """What breaks the symmetry along an axis, if anything does: under permutations, or only under translations."""
    sizes = judge.analysis().sizes
    names, length = axis_names(size, sizes), ground(size, sizes)

    def breaks(marks: Marks) -> bool:
        return marks.order(names, masked_by, length) in ("absolute", worst)

    if not breaks(judge.state(ref).all_marks):
        return ""
    found = culprit(judge.analysis(), ref, breaks)
    return f"{found or 'a step'} tells positions along `{size}` apart"


# -- use --------------------------------------------------------------------------------------------------------------


def uses(reading: Reading) -> Iterator[Case]:
    output, ref = reading.one_output()
    (source,) = reading.inputs().values()
    name = reading.axis()
    axis = next(iter(reading.positions(source.type)), 0) if name is None else reading.place(source.type, name)
    if axis is None:
        raise Senseless("axis", f"`{source.name}` (`{source.type}`) has no axis `{name}`", "name an axis of the input")
    judged = _judge_all if reading.contract.get("all") else _judge_use
    yield partial(judged, reading, output, ref, source, axis)


def _judge_use(reading: Reading, output: str, ref: Ref, source: Input, axis: int) -> Answer:
    if source.name not in reading.judge.state(ref).reads:
        return Answer("refuted", f"`{output}` reads nothing of `{source.name}`")
    if not source.type.axes:
        return Answer("unknown", f"`{source.name}` has no axis along which to follow it")
    question = Question(output, ref, None, source.name, axis, lambda item, padding: False, _anything, length=False)
    answer = reading.judge.refute(question)
    if answer:
        return replace(answer, status="proved")
    doubt = Proof(reading.judge, question, None).doubt
    return Answer("unknown", doubt or "no path was found at small sizes")


def _anything(i: Any, j: Any, held: Any) -> Any:
    return j >= 0


def _judge_all(reading: Reading, output: str, ref: Ref, source: Input, axis: int) -> Answer:
    """Every pair: refuted by one that surely is not read, proved where a pattern that no length changes is complete."""
    if source.name not in reading.judge.state(ref).reads:
        return Answer("refuted", f"`{output}` reads nothing of `{source.name}`")
    if not source.type.axes:
        return Answer("unknown", f"`{source.name}` has no axis along which to follow it")
    place = next((at for at, size in enumerate(reading.type_of(ref).sizes) if size == source.type.sizes[axis]), None)
    question = Question(output, ref, place, source.name, axis, lambda item, padding: False, _anything, length=False)
    judge = reading.judge
    for lengths in judge.lengths(question):
        missing = _missing(judge.replay(question, Setting(source.name, axis, lengths, exact=False)), question)
        if missing:
            return Answer("refuted", missing)
    if judge.sure.is_complete(judge.surely(question), source.type.sizes[axis]) or _complete_as_is(judge, question):
        return Answer("proved", f"every entry of `{output}` reads every entry of `{source.name}`")
    return Answer("unknown", "that every entry is read by every other, at all lengths, cannot be shown")


def _complete_as_is(judge: Judge, question: Question) -> bool:
    """Whether a replay shows every pair, and no length is left open that could change it."""
    free = {axis.name for axis in judge.graph.axes if axis.size is None}
    marks = judge.state(question.ref).all_marks
    touched = marks.shifts | marks.absolutes | marks.mixed | {length.axis for length in marks.lengths}
    if free & (touched | judge.analysis().names(judge.type_of(question.source), question.axis)):
        return False
    replay = judge.replay(question, Setting(question.source, question.axis, next(judge.lengths(question))))
    return replay is not None and bool(replay.frame.value(question.ref).reads[..., :-1].all())


def _missing(replay: Replay | None, question: Question) -> str:
    """A pair that is not read in a replay of all that may be."""
    if replay is None:
        return ""
    *place, column = next(iter(replay.np.argwhere(~replay.frame.value(question.ref).reads[..., :-1]).tolist()), [-1])
    return "" if column < 0 else Witness(question, replay, tuple(place), column).says("does not read")
