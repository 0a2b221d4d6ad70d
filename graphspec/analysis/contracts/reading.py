"""The arguments of a contract, looked up in its graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from graphspec.analysis.contracts.questions import Judge, Question
from graphspec.analysis.flow import sizes_of
from graphspec.axes import Axis, Dim, TensorType
from graphspec.diagnostics import suggestion
from graphspec.graph import Contract, Graph, Input, Ref
from graphspec.operators.flow_rules import axis_names, ground


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

    def stated(self, argument: str) -> int | None:
        return self.number(argument) if self.contract.get(argument) is not None else None

    def sizes(self) -> dict[str, int] | None:
        """The run-time sizes that are stated, a batch of 1 where it is not; None if positions are left open."""
        free = [axis for axis in self.graph.axes if axis.size is None]
        stated = {axis.name: self.number(axis.name) for axis in free if self.contract.get(axis.name) is not None}
        open_ = [axis.name for axis in free if axis.name not in stated and axis.role != "batch"]
        if open_ and stated:
            message = f"`{self.contract.kind}` states some sizes, but not that of `{open_[0]}`"
            raise Senseless(next(iter(stated)), message, f"write `{open_[0]}: …`, or no sizes at all")
        return None if open_ else {**{axis.name: 1 for axis in free}, **stated}

    def outputs(self) -> dict[str, Ref]:
        """The value that the contract is about: an output or a node; all outputs where none is named."""
        outputs, named = dict(self.graph.body.outputs), self.text("output")
        if named is None:
            return outputs
        known = dict(self._nodes()) | outputs
        if named not in known:
            raise Senseless("output", f"there is no output or node `{named}`", suggestion(named, known, "outputs"))
        return {named: known[named]}

    def _nodes(self) -> Iterator[tuple[str, Ref]]:
        """The values of the model's own body: a node's first output by the node's name, the others dotted."""
        for node in self.graph.body.nodes:
            if not node.anonymous:
                yield node.name, Ref(node.name, node.outputs[0].name)
                yield from ((f"{node.name}.{value.name}", Ref(node.name, value.name)) for value in node.outputs[1:])

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
            noun = {"bool": "truth values", "int": "whole numbers"}[dtype]
            given = f"`{named}` is `{inputs[named].type}`"
            raise Senseless(argument, f"{given}, but `{argument}` needs {noun}", f"name an input of {noun}")
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

    def axis_of(self, question: Question) -> Axis:
        """The input's axis that a question is about."""
        return self.judge.type_of(question.source).axes[question.axis]

    def positions(self, given: TensorType) -> list[int]:
        return [
            at for at, axis in enumerate(given.axes) if self.graph.role(axis.size) == "position" and not axis.primed
        ]

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

    def stride(self, ref: Ref, place: int, source: Input, axis: int) -> int:
        """How many places of an input's axis each place of the output's stands for."""
        stated, sizes = self.contract.get("at"), sizes_of(self.graph)
        made, given = self.type_of(ref).axes[place].size, source.type.axes[axis].size
        if stated is None and sizes.same(made, given):
            return 1
        rate = Fraction(self.number("at")) if stated is not None else _growth(ground(made, sizes), ground(given, sizes))
        if rate is None or rate.denominator > 1 or rate < 1:
            message = f"`{Axis(made)}` and `{Axis(given)}` do not correspond place by place"
            raise Senseless(
                "output", message, "say how many places of the input each of the output stands for: `at: …`"
            )
        return int(rate)

    def one_output(self) -> tuple[str, Ref]:
        outputs = self.outputs()
        if len(outputs) > 1:
            raise Senseless("output", "the model has several outputs", "say which with `output:`")
        return next(iter(outputs.items()))

    def one_input(self) -> Input:
        inputs = self.inputs()
        if len(inputs) == 1:
            return next(iter(inputs.values()))
        read = [source for source in inputs.values() if self.positions(source.type) and source.type.dtype != "bool"]
        if len(read) != 1:
            raise Senseless("input", "the model has several inputs", "say which with `input:`")
        return read[0]

    def pair(self) -> tuple[str, Ref, Input, int, int]:
        """An output, an input, and the axis of each along which they correspond."""
        output, ref = self.one_output()
        source = self.one_input()
        return (output, ref, source, *self.shared(output, ref, source))

    def names(self, given: TensorType, axes: Iterable[int]) -> frozenset[str]:
        sizes = sizes_of(self.graph)
        return frozenset[str]().union(*(axis_names(given.axes[at].size, sizes) for at in axes))


_LENGTH = 2**20 * 3**3 * 5**2 * 7
"""Of a run-time axis, so long that what is rounded off a part of it does not count."""


def _growth(made: Dim, given: Dim) -> Fraction | None:
    """By how much `given` grows while `made` grows by 1, as the run-time axes that they share do."""
    shared, both = made.symbols & given.symbols, made.symbols | given.symbols
    short = dict.fromkeys(both, _LENGTH)
    long = {**short, **dict.fromkeys(shared, 2 * _LENGTH)}
    ends = [size.rational(lengths) for size in (given, made) for lengths in (short, long)]
    first, last, below, above = (Fraction(0) if end is None else end for end in ends)
    return (last - first) / (above - below) if None not in ends and above != below else None
