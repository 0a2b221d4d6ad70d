"""The kinds of contracts: the arguments that each takes, and the cases that it comes down to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, Literal

from graphspec.analysis.contracts.culprit import culprit
from graphspec.analysis.contracts.questions import Answer, Held, Judge, Question
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.axes import dim
from graphspec.flow import Guard, Interval, Padding, Piece, at_most
from graphspec.graph import Input, Ref

Form = Literal["output", "input", "tensor", "axis", "number", "flag", "side"]
Case = Callable[[], Answer]
Cases = Callable[[Reading], Iterator[Case]]


@dataclass(frozen=True)
class Kind:
    """One kind of contract: what each argument may be, which it needs, its cases, and what it promises."""

    arguments: Mapping[str, Form]
    needed: tuple[str, ...]
    cases: Cases
    promise: str


def _asking(questions: Callable[[Reading], Iterator[Question]]) -> Cases:
    return lambda reading: (partial(reading.judge.decide, question) for question in questions(reading))


# -- causality and reach ----------------------------------------------------------------------------------------------


def _causal(reading: Reading) -> Iterator[Question]:
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


def _prefix_causal(reading: Reading) -> Iterator[Question]:
    output, ref, source, place, axis = reading.pair()
    prefix = reading.number("prefix")

    def allows(item: Piece, padding: Padding) -> bool:
        return _ends_by(item.absolute, prefix - 1) or (item.unit == place and _ends_by(item.relative, 0))

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return (j > i) & (j >= prefix)

    yield Question(output, ref, place, source.name, axis, allows, breaks)


def _reach(reading: Reading) -> Iterator[Question]:
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


# -- rows -------------------------------------------------------------------------------------------------------------


def _independent(reading: Reading) -> Iterator[Question]:
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


# -- padding and documents --------------------------------------------------------------------------------------------


def _ignores_padding(reading: Reading) -> Iterator[Question]:
    real = reading.tensor("where", "bool")
    side: Padding = "left" if reading.text("side") == "left" else "right"
    held = Held(real.name, _padded(side), _reads_padding, side)
    yield from _guarded(reading, real, held, symmetric=side == "left", counted=True)


def _isolates(reading: Reading) -> Iterator[Question]:
    documents, alone = reading.tensor("documents", "int"), bool(reading.contract.get("alone"))
    held = Held(documents.name, _two_documents, _reads_other_document)
    yield from _guarded(reading, documents, held, symmetric=alone, counted=alone)


def _guarded(reading: Reading, tensor: Input, held: Held, *, symmetric: bool, counted: bool) -> Iterator[Question]:
    """Every input along the tensor's axis is read only where the tensor says so; it is held fixed itself."""
    found = False
    for output, ref in reading.outputs().items():
        for source in reading.inputs().values():
            axis = next(
                (at for at in reading.positions(source.type) if source.type.sizes[at] in tensor.type.sizes), None
            )
            if source.name != tensor.name and axis is not None:
                found = True
                yield _only_where(reading, output, ref, source, axis, tensor, held, symmetric, counted)
    if not found:
        message = f"no input that is read has a position axis of `{tensor.name}` (`{tensor.type}`)"
        raise Senseless("input", message, "name an input along the same axis")


def _only_where(
    reading: Reading,
    output: str,
    ref: Ref,
    source: Input,
    axis: int,
    tensor: Input,
    held: Held,
    symmetric: bool,
    counted: bool,
) -> Question:
    made, size = reading.type_of(ref), source.type.sizes[axis]
    place = next((at for at in reading.positions(made) if made.sizes[at] == size), None)
    own = tensor.type.sizes.index(size)
    rows = reading.names(tensor.type, [at for at in range(len(tensor.type.axes)) if at != own])
    guard = Guard(tensor.name, dim(0), None if place is None else (place, dim(0)))

    def allows(item: Piece, padding: Padding) -> bool:
        return item.implies(guard, padding)

    def problem() -> str:
        names = reading.names(source.type, [axis])
        return _asymmetry(reading.judge, ref, names, "absolute") if symmetric else ""

    held = replace(held, rows=rows)
    return Question(output, ref, place, source.name, axis, allows, held.breaks, counted, held, problem)


def _padded(side: Padding) -> Callable[[int], Any]:
    def values(count: int) -> Any:
        import numpy as np

        real = np.arange(count) < (count + 1) // 2
        return real[::-1] if side == "left" else real

    return values


def _two_documents(count: int) -> Any:
    import numpy as np

    return (np.arange(count) >= (count + 1) // 2).astype(int)


def _reads_padding(i: Any, j: Any, real: Any) -> Any:
    return ~real[j] if i is None else real[i] & ~real[j]


def _reads_other_document(i: Any, j: Any, ids: Any) -> Any:
    return j >= 0 if i is None else ids[i] != ids[j]


# -- symmetry and use -------------------------------------------------------------------------------------------------


def _symmetric(invariant: bool) -> Cases:
    def cases(reading: Reading) -> Iterator[Case]:
        name = reading.axis()
        assert name is not None
        if all(reading.place(source.type, name) is None for source in reading.inputs().values()):
            raise Senseless("axis", f"no input has the axis `{name}`", "name an axis that the inputs have")
        for output, ref in reading.outputs().items():
            yield partial(_judge_symmetry, reading, output, ref, name, invariant)

    return cases


def _judge_symmetry(reading: Reading, output: str, ref: Ref, name: str, invariant: bool) -> Answer:
    state = reading.judge.state(ref)
    for source in reading.inputs().values():
        axis = reading.place(source.type, name)
        if axis is None or source.name not in state.reads:
            continue
        asymmetry = _asymmetry(reading.judge, ref, reading.names(source.type, [axis]), "shift")
        follows = any(item.rates for item in state.reads[source.name][axis])
        if asymmetry or (invariant and follows):
            return Answer("unknown", asymmetry or f"`{output}` follows `{source.name}` along `{name}`")
    return Answer("proved")


def _asymmetry(judge: Judge, ref: Ref, names: frozenset[str], worst: Literal["shift", "absolute"]) -> str:
    """What breaks the symmetry along axes, if anything does: under permutations, or only under translations."""
    marks = judge.state(ref).all_marks
    if marks.order(names) not in ("absolute", worst):
        return ""
    found = culprit(judge.analysis(), ref, lambda own: own.order(names) in ("absolute", worst))
    axes = " and ".join(f"`{name}`" for name in sorted(names))
    return f"{found or 'a step'} tells positions along {axes} apart"


def _uses(reading: Reading) -> Iterator[Case]:
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


def _unjudged(reading: Reading) -> Iterator[Case]:
    yield lambda: Answer("unknown", f"`{reading.contract.kind}` is not judged yet")


_PAIR: Mapping[str, Form] = {"output": "output", "input": "input", "axis": "axis"}
_ONE: Mapping[str, Form] = {"output": "output", "input": "input"}

KINDS: Mapping[str, Kind] = {
    "causal": Kind({**_PAIR, "shift": "number"}, (), _asking(_causal), "no position reads a later one"),
    "prefix_causal": Kind(
        {**_PAIR, "prefix": "number"}, ("prefix",), _asking(_prefix_causal), "beyond the prefix, none reads a later one"
    ),
    "independent": Kind({**_ONE, "axis": "axis"}, ("axis",), _asking(_independent), "no entry reads another"),
    "ignores_padding": Kind(
        {**_ONE, "where": "tensor", "side": "side"}, ("where",), _asking(_ignores_padding), "nothing real reads padding"
    ),
    "isolates": Kind(
        {**_ONE, "documents": "tensor", "alone": "flag"},
        ("documents",),
        _asking(_isolates),
        "none reads another document",
    ),
    "reach": Kind(
        {**_PAIR, "left": "number", "right": "number", "prefix": "number"}, (), _asking(_reach), "none reads further"
    ),
    "equivariant": Kind(
        {"output": "output", "axis": "axis"}, ("axis",), _symmetric(False), "a permutation passes through"
    ),
    "invariant": Kind(
        {"output": "output", "axis": "axis"}, ("axis",), _symmetric(True), "a permutation changes nothing"
    ),
    "uses": Kind({**_ONE, "all": "flag"}, ("input",), _uses, "it is read"),
    "parameters": Kind({"at_most": "number"}, ("at_most",), _unjudged, ""),
    "flops": Kind({"at_most": "number"}, ("at_most",), _unjudged, ""),
    "memory": Kind({"at_most": "number"}, ("at_most",), _unjudged, ""),
}
