"""The kinds of contracts: the arguments that each takes, and the questions that it comes down to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from graphspec.analysis.flow import State, sizes_of
from graphspec.analysis.questions import Held, Judge, Question
from graphspec.axes import Axis, Dim, TensorType, dim
from graphspec.diagnostics import Report, suggestion
from graphspec.flow import Guard, Interval, Padding, Piece, at_most
from graphspec.graph import Contract, Graph, Input, Ref
from graphspec.operators.flow_rules import axis_names, ground

Form = Literal["output", "input", "tensor", "axis", "number", "flag", "side"]


@dataclass(frozen=True)
class Kind:
    """One kind of contract. `arguments`: what each may be; `needed`: those without a default."""

    arguments: Mapping[str, Form]
    needed: tuple[str, ...]
    questions: Callable[[Reading], Iterator[Question]]
    promise: str


class Senseless(Exception):
    """A contract that says nothing about this model: which argument, why, and what to do."""

    def __init__(self, argument: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.argument, self.message, self.help = argument, message, help


@dataclass(frozen=True)
class Reading:
    """A contract's arguments, looked up in its graph."""

    contract: Contract
    judge: Judge

    @property
    def graph(self) -> Graph:
        return self.judge.graph

    # -- names --------------------------------------------------------------------------------------------------------

    def text(self, argument: str) -> str | None:
        value = self.contract.get(argument)
        return None if value is None else str(value)

    def number(self, argument: str, default: int = 0) -> int:
        value = self.contract.get(argument)
        return value if isinstance(value, int) else default

    def outputs(self) -> dict[str, Ref]:
        """The value that the contract is about: an output or a node; all outputs where none is named."""
        outputs, named = dict(self.graph.body.outputs), self.text("output")
        if named is None:
            return outputs
        known = {node.name: Ref(node.name, node.outputs[0].name) for node in self.graph.body.nodes} | outputs
        if named not in known:
            raise Senseless("output", f"there is no output or node `{named}`", suggestion(named, known, "outputs"))
        return {named: known[named]}

    def inputs(self) -> dict[str, Input]:
        inputs, named = {source.name: source for source in self.graph.body.inputs}, self.text("input")
        if named is None:
            return inputs
        if named not in inputs:
            raise Senseless("input", f"there is no input `{named}`", suggestion(named, inputs, "inputs"))
        return {named: inputs[named]}

    def tensor(self, argument: str, dtype: str) -> Input:
        """An input that says what is real, or which document a place belongs to."""
        inputs, named = {source.name: source for source in self.graph.body.inputs}, self.text(argument)
        if named not in inputs:
            raise Senseless(argument, f"there is no input `{named}`", suggestion(str(named), inputs, "inputs"))
        if inputs[named].type.dtype != dtype:
            nouns = {"bool": "truth values", "int": "whole numbers"}
            given = f"`{named}` is `{inputs[named].type}`"
            raise Senseless(argument, f"{given}, but `{argument}` needs {nouns[dtype]}", f"name a `{dtype}` input")
        return inputs[named]

    def axis(self) -> str | None:
        named, known = self.text("axis"), [axis.name for axis in self.graph.axes]
        if named is not None and named not in known:
            raise Senseless("axis", f"there is no axis `{named}`", suggestion(named, known, "axes"))
        return named

    # -- axes ---------------------------------------------------------------------------------------------------------

    def type_of(self, ref: Ref) -> TensorType:
        return self.graph.body.type_of(ref)

    def place(self, given: TensorType, name: str) -> int | None:
        """Where a type has the named axis."""
        sizes = sizes_of(self.graph)
        own = [at for at, axis in enumerate(given.axes) if not axis.primed]
        exact = [at for at in own if given.axes[at].size == Dim.symbol(name)]
        same = [at for at in own if sizes.same(given.axes[at].size, Dim.symbol(name))]
        return next(iter(exact or same), None)

    def positions(self, given: TensorType) -> list[int]:
        return [at for at, axis in enumerate(given.axes) if self.graph.role(axis.size) == "position" and not axis.primed]

    def related(self, left: Axis, right: Axis) -> bool:
        """Whether two axes have to do with each other: the same, or made from the same run-time axes."""
        sizes = sizes_of(self.graph)
        if sizes.same(left.size, right.size):
            return True
        return bool(ground(left.size, sizes).symbols & ground(right.size, sizes).symbols)

    def shared(self, output: str, ref: Ref, source: Input) -> tuple[int, int]:
        """The position axis of an output and the one of an input that it corresponds to."""
        made, given, named = self.type_of(ref), source.type, self.axis()
        pairs = [
            (own, other)
            for own in self.positions(made)
            for other in self.positions(given)
            if self.related(made.axes[own], given.axes[other]) and named in (None, str(given.axes[other].size))
        ]
        same = [(own, other) for own, other in pairs if made.axes[own].size == given.axes[other].size]
        pairs = same or pairs
        if not pairs:
            message = f"`{output}` (`{made}`) and `{source.name}` (`{given}`) share no position axis"
            raise Senseless("axis" if named else "input", message, "name an output and an input along the same axis")
        if len(pairs) > 1:
            axes = " and ".join(f"`{given.axes[other]}`" for _, other in pairs)
            message = f"`{output}` and `{source.name}` share several position axes: {axes}"
            raise Senseless("input", message, "say which with `axis:`")
        return pairs[0]

    def one_output(self) -> tuple[str, Ref]:
        outputs = self.outputs()
        if len(outputs) > 1:
            raise Senseless("output", "the model has several outputs", "say which with `output:`")
        return next(iter(outputs.items()))

    def one_input(self, output: str, ref: Ref) -> Input:
        inputs = self.inputs()
        if len(inputs) == 1:
            return next(iter(inputs.values()))
        read = [source for source in inputs.values() if self.positions(source.type) and source.type.dtype != "bool"]
        if len(read) != 1:
            raise Senseless("input", "the model has several inputs", "say which with `input:`")
        return read[0]

    def names(self, given: TensorType, axes: Sequence[int]) -> frozenset[str]:
        sizes = sizes_of(self.graph)
        return frozenset[str]().union(*(axis_names(given.axes[at].size, sizes) for at in axes))


# -- the kinds, as questions ------------------------------------------------------------------------------------------


def _causal(reading: Reading) -> Iterator[Question]:
    output, ref = reading.one_output()
    source = reading.one_input(output, ref)
    place, axis = reading.shared(output, ref, source)
    shift = reading.number("shift")

    def allows(item: Piece, padding: Padding) -> bool:
        rate = _rate(item, place)
        slack = shift + max(0, (rate or 0) - 1)
        return _ends_by(item.absolute, shift) or (rate is not None and rate > 0 and _ends_by(item.relative, slack))

    same = reading.type_of(ref).axes[place].size == source.type.axes[axis].size
    if not same:
        yield Question(output, ref, place, source.name, axis, allows, lambda i, j, held: j < 0)
        return
    yield Question(output, ref, place, source.name, axis, allows, lambda i, j, held: j > i + shift)


def _prefix_causal(reading: Reading) -> Iterator[Question]:
    output, ref = reading.one_output()
    source = reading.one_input(output, ref)
    place, axis = reading.shared(output, ref, source)
    prefix = reading.number("prefix")

    def allows(item: Piece, padding: Padding) -> bool:
        return _ends_by(item.absolute, prefix - 1) or (item.unit == place and _ends_by(item.relative, 0))

    yield Question(output, ref, place, source.name, axis, allows, lambda i, j, held: (j > i) & (j >= prefix))


def _independent(reading: Reading) -> Iterator[Question]:
    name = reading.axis()
    assert name is not None
    found = False
    for output, ref in reading.outputs().items():
        for source in reading.inputs().values():
            axis = reading.place(source.type, name)
            if axis is not None:
                found = True
                yield _row_by_row(output, ref, reading.place(reading.type_of(ref), name), source.name, axis)
    if not found:
        raise Senseless("axis", f"no input has the axis `{name}`", "name an axis that inputs have")


def _row_by_row(output: str, ref: Ref, place: int | None, source: str, axis: int) -> Question:
    def allows(item: Piece, padding: Padding) -> bool:
        return item.unit == place is not None and item.relative == Interval.at(0)

    def breaks(i: Any, j: Any, held: Any) -> Any:
        return j >= 0 if i is None else i != j

    return Question(output, ref, place, source, axis, allows, breaks)


def _ignores_padding(reading: Reading) -> Iterator[Question]:
    real = reading.tensor("where", "bool")
    side: Padding = "left" if reading.text("side") == "left" else "right"
    for output, ref in reading.outputs().items():
        for source in reading.inputs().values():
            if source.name != real.name:
                yield from _guarded(reading, output, ref, source, real, side)


def _guarded(
    reading: Reading, output: str, ref: Ref, source: Input, tensor: Input, side: Padding, alone: bool = False
) -> Iterator[Question]:
    """The source is read only where a tensor says so: it is real, or of the reader's own document."""
    axes = [at for at in reading.positions(source.type) if str(source.type.axes[at].size) in _sizes(tensor.type)]
    if not axes:
        if reading.text("input"):
            message = f"`{source.name}` (`{source.type}`) and `{tensor.name}` (`{tensor.type}`) share no position axis"
            raise Senseless("input", message, "name an input along the same axis")
        return
    size = source.type.axes[axes[0]].size
    own = _sizes(tensor.type).index(str(size))
    place = next((at for at in reading.positions(reading.type_of(ref)) if reading.type_of(ref).sizes[at] == size), None)
    rows = reading.names(tensor.type, [at for at in range(len(tensor.type.axes)) if at != own])
    names = reading.names(source.type, axes[:1])

    def allows(item: Piece, padding: Padding) -> bool:
        return item.implies(Guard(tensor.name, dim(0), None if place is None else (place, dim(0))), padding)

    def problem(state: State) -> str:
        if (side == "left" or alone) and state.all_marks.order(names) == "absolute":
            return f"`{output}` depends on absolute positions along `{size}`"
        return ""

    held = Held(tensor.name, _documents if tensor.type.dtype == "int" else _padded(side), side, rows)
    counted = tensor.type.dtype == "bool" or alone
    breaks = _other_document if tensor.type.dtype == "int" else _reads_padding
    yield Question(output, ref, place, source.name, axes[0], allows, breaks, counted, held, problem)


def _isolates(reading: Reading) -> Iterator[Question]:
    documents = reading.tensor("documents", "int")
    for output, ref in reading.outputs().items():
        for source in reading.inputs().values():
            if source.name != documents.name:
                for question in _guarded(reading, output, ref, source, documents, None, bool(reading.contract.get("alone"))):
                    yield replace(question, held=replace(question.held, padding=None)) if question.held else question


def _reach(reading: Reading) -> Iterator[Question]:
    output, ref = reading.one_output()
    source = reading.one_input(output, ref)
    place, axis = reading.shared(output, ref, source)
    left, right = reading.contract.get("left"), reading.contract.get("right")
    low, high = -left if isinstance(left, int) else None, right if isinstance(right, int) else None
    prefix = reading.number("prefix")
    within = Interval.of(low, high)

    def allows(item: Piece, padding: Padding) -> bool:
        return _ends_by(item.absolute, prefix - 1) or (item.unit == place and within.contains(item.relative))

    def breaks(i: Any, j: Any, held: Any) -> Any:
        outside = (j - i < low) if low is not None else (j < 0)
        return (outside | (j - i > high) if high is not None else outside) & (j >= prefix)

    yield Question(output, ref, place, source.name, axis, allows, breaks, length=False)


def _rate(item: Piece, place: int) -> Fraction | None:
    """The rate along the output's axis, if the piece follows no other."""
    return item.rates[0][1] if len(item.rates) == 1 and item.rates[0][0] == place else None


def _ends_by(interval: Interval, last: int | Fraction) -> bool:
    return interval.high is not None and at_most(interval.high, dim(1) * Fraction(last))


def _sizes(given: TensorType) -> list[str]:
    return [str(axis.size) for axis in given.axes]


def _padded(side: Padding) -> Callable[[int], Any]:
    def values(count: int) -> Any:
        import numpy as np

        real = np.arange(count) < (count + 1) // 2
        return real[::-1] if side == "left" else real

    return values


def _documents(count: int) -> Any:
    import numpy as np

    return (np.arange(count) >= (count + 1) // 2).astype(int)


def _reads_padding(i: Any, j: Any, real: Any) -> Any:
    return ~real[j] if i is None else real[i] & ~real[j]


def _other_document(i: Any, j: Any, ids: Any) -> Any:
    return j >= 0 if i is None else ids[i] != ids[j]


def _nothing(reading: Reading) -> Iterator[Question]:
    yield from ()


KINDS: Mapping[str, Kind] = {
    "causal": Kind(
        {"output": "output", "input": "input", "axis": "axis", "shift": "number"},
        (),
        _causal,
        "no position reads a later one",
    ),
    "prefix_causal": Kind(
        {"output": "output", "input": "input", "axis": "axis", "prefix": "number"},
        ("prefix",),
        _prefix_causal,
        "no position reads a later one beyond the prefix",
    ),
    "independent": Kind(
        {"axis": "axis", "output": "output", "input": "input"},
        ("axis",),
        _independent,
        "no entry reads another",
    ),
    "ignores_padding": Kind(
        {"output": "output", "input": "input", "where": "tensor", "side": "side"},
        ("where",),
        _ignores_padding,
        "no real position reads padding",
    ),
    "isolates": Kind(
        {"documents": "tensor", "output": "output", "input": "input", "alone": "flag"},
        ("documents",),
        _isolates,
        "no position reads another document",
    ),
    "reach": Kind(
        {"output": "output", "input": "input", "axis": "axis", "left": "number", "right": "number", "prefix": "number"},
        (),
        _reach,
        "no position reads further",
    ),
    "equivariant": Kind({"axis": "axis", "output": "output"}, ("axis",), _nothing, "permuting the entries permutes them"),
    "invariant": Kind({"axis": "axis", "output": "output"}, ("axis",), _nothing, "permuting the entries changes nothing"),
    "uses": Kind({"output": "output", "input": "input", "all": "flag"}, ("input",), _nothing, "the input is read"),
    "parameters": Kind({"at_most": "number"}, (), _nothing, ""),
    "flops": Kind({"at_most": "number"}, (), _nothing, ""),
    "memory": Kind({"at_most": "number"}, (), _nothing, ""),
}
