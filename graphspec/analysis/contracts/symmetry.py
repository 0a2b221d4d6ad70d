"""Contracts of symmetry under permutations, and of use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from graphspec.analysis.contracts.culprit import culprit
from graphspec.analysis.contracts.questions import Answer, Case, Judge, Question
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.graph import Input, Ref


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
    state = reading.judge.state(ref)
    for source in reading.inputs().values():
        axis = reading.place(source.type, name)
        if axis is None or source.name not in state.reads:
            continue
        broken = asymmetry(reading.judge, ref, reading.names(source.type, [axis]), "shift")
        follows = any(item.rates for item in state.reads[source.name][axis])
        if broken or (invariant and follows):
            return Answer("unknown", broken or f"`{output}` follows `{source.name}` along `{name}`")
    return Answer("proved")


def asymmetry(judge: Judge, ref: Ref, names: frozenset[str], worst: Literal["shift", "absolute"]) -> str:
    """What breaks the symmetry along axes, if anything does: under permutations, or only under translations."""
    marks = judge.state(ref).all_marks
    if marks.order(names) not in ("absolute", worst):
        return ""
    found = culprit(judge.analysis(), ref, lambda own: own.order(names) in ("absolute", worst))
    axes = " and ".join(f"`{name}`" for name in sorted(names))
    return f"{found or 'a step'} tells positions along {axes} apart"


def uses(reading: Reading) -> Iterator[Case]:
    output, ref = reading.one_output()
    (source,) = reading.inputs().values()
    yield partial(_judge_use, reading, output, ref, source)


def _judge_use(reading: Reading, output: str, ref: Ref, source: Input) -> Answer:
    if source.name not in reading.judge.state(ref).reads:
        return Answer("refuted", f"`{output}` reads nothing of `{source.name}`")
    if reading.contract.get("all"):
        return Answer("unknown", "that every entry is read by every other cannot be proved")
    if not source.type.axes:
        return Answer("unknown", f"`{source.name}` has no axis along which to follow it")
    axis = next(iter(reading.positions(source.type)), 0)

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return j >= 0

    answer = reading.judge.refute(
        Question(output, ref, None, source.name, axis, lambda item, padding: False, breaks, length=False)
    )
    return replace(answer, status="proved") if answer else Answer("unknown", "no path was found at small sizes")
