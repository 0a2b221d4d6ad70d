"""A graph run with truth values at small sizes: which entries of an input each entry of a value really reads.

Axes that have to do with the source's axis are followed entry by entry. Along all others every entry is taken to read
the same; where joining or shifting has made that untrue (the value is *patchy*), a part cut out of it claims nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from graphspec.analysis.flow import CARRIED, BodyFlow, FlowAnalysis
from graphspec.axes import Dim, Sizes, TensorType
from graphspec.flow import Bound, Facts, Guard, Interval, Piece, Relation
from graphspec.graph import Body, Call, Input, Node, Ref, Repeat
from graphspec.operators import Operator
from graphspec.operators.flow_rules import Effect, Hop, Pairs, Use, effect_of, ground

MOST_TURNS = 4096


class Unfit(Exception):
    """At these sizes the model makes no sense, or is too much to run."""


@dataclass(frozen=True)
class Setting:
    """What one replay is about: the followed axis, the lengths of run-time axes, and what masks see.

    `exact`: only what surely is read, for refuting; otherwise all that may be. `data` is what every tensor holds that a
    mask reads, but for the one that is `held` at given values (along one of its axes).
    """

    source: str
    axis: int
    lengths: Mapping[str, int]
    exact: bool = True
    data: bool = True
    held: tuple[str, Any] | None = None


@dataclass(frozen=True)
class Value:
    """For each entry along the followed axes, the source's entries that it reads; last, whether it uses their number."""

    reads: Any
    patchy: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Step:
    """A hop at these sizes: the matrix of the followed axes, and what it does to patchy ones.

    `spreads`: the output's axes along which a patchy axis of the port shows; `cuts`: the port's axes of which only some
    entries are read; `gaps`: the output's axes along which only some entries read the port.
    """

    hop: Hop
    matrix: Any
    spreads: Mapping[int, frozenset[int]]
    cuts: frozenset[int]
    gaps: frozenset[int]
    certain: bool

    def claims(self, given: Value, exact: bool) -> bool:
        return not exact or (self.certain and not self.cuts & given.patchy)


@dataclass(frozen=True)
class Frame:
    """One run of a body: the values in it, and the runs of the bodies within its nodes, a turn each."""

    body: Body
    flow: BodyFlow
    values: dict[Ref, Value]
    inner: dict[str, list[Frame]] = field(default_factory=dict[str, "list[Frame]"])

    def value(self, ref: Ref) -> Value:
        return self.values[resolved(self.body, ref)]

    @property
    def outputs(self) -> list[Value]:
        return [self.value(ref) for _, ref in self.body.outputs]


def resolved(body: Body, ref: Ref) -> Ref:
    """With the name of the first output, where none is said."""
    if ref.output or any(source.name == ref.name for source in body.inputs):
        return ref
    return Ref(ref.name, body.node(ref.name).outputs[0].name)


class Replay:
    """One run of the whole model."""

    def __init__(self, analysis: FlowAnalysis, setting: Setting) -> None:
        import numpy as np

        self.np, self.analysis, self.setting = np, analysis, setting
        inputs = {source.name: source.type for source in analysis.graph.body.inputs}
        source = inputs[setting.source]
        self.names = analysis.names(source, setting.axis)
        self.count = self.size(source.sizes[setting.axis])
        self._steps: dict[tuple[int, str, int], tuple[Effect, list[Step]]] = {}
        flow = analysis.whole()
        values = {name: self._input(name, given) for name, given in inputs.items()}
        self.frame = self._body(analysis.graph.body, flow, values)

    def size(self, size: Dim) -> int:
        """The number that a size stands for."""
        return number_of(size, self.analysis.sizes, self.setting.lengths)

    def followed(self, given: TensorType) -> list[int]:
        return [at for at in range(len(given.axes)) if self.analysis.names(given, at) & self.names]

    def _shape(self, given: TensorType) -> list[int]:
        return [self.size(given.sizes[at]) for at in self.followed(given)]

    def _nothing(self, given: TensorType) -> Any:
        shape = [*self._shape(given), self.count + 1]
        if math.prod(shape) > 1 << 26:
            raise Unfit
        return self.np.zeros(shape, dtype=bool)

    def _input(self, name: str, given: TensorType) -> Value:
        reads = self._nothing(given)
        if name == self.setting.source:
            at = self.followed(given).index(self.setting.axis)
            shape = [1] * len(reads.shape)
            shape[at], shape[-1] = self.count, self.count + 1
            reads |= self.np.eye(self.count, self.count + 1, dtype=bool).reshape(shape)
        return Value(reads)

    # -- bodies -------------------------------------------------------------------------------------------------------

    def _body(self, body: Body, flow: BodyFlow, arguments: Mapping[str, Value]) -> Frame:
        frame = Frame(body, flow, {Ref(source.name, ""): arguments[source.name] for source in body.inputs})
        for node in body.nodes:
            given = {port: frame.value(ref) for port, ref in node.inputs}
            for value, made in zip(node.outputs, self._node(node, frame, given), strict=True):
                frame.values[Ref(node.name, value.name)] = made
        return frame

    def _node(self, node: Node, frame: Frame, given: Mapping[str, Value]) -> list[Value]:
        match node.does:
            case Operator():
                return [self._applied(node, frame, at, given) for at in range(len(node.outputs))]
            case Call(body):
                inner = self._inner(body, self._facts(node, frame), given)
                frame.inner[node.name] = [inner]
                return inner.outputs
            case Repeat() as repeat:
                return self._repeated(repeat, node, frame, given)

    def _inner(self, body: Body, facts: Mapping[str, Facts], given: Mapping[str, Value]) -> Frame:
        return self._body(body, self.analysis.body(body, facts), self._arguments(body.inputs, given))

    def _arguments(self, inputs: Sequence[Input], given: Mapping[str, Value]) -> dict[str, Value]:
        made = dict(given)
        for source in inputs:
            if source.name not in made:
                default = source.default
                made[source.name] = made[default] if isinstance(default, str) else Value(self._nothing(source.type))
        return made

    def _repeated(self, repeat: Repeat, node: Node, frame: Frame, given: Mapping[str, Value]) -> list[Value]:
        first = repeat.bodies[0].inputs[0].name
        carried = self._arguments(repeat.bodies[0].inputs, given)[first]
        turns: list[Frame] = []
        frame.inner[node.name] = turns
        facts = self.analysis.facts_in_turns(repeat, self._facts(node, frame))
        for run in repeat.runs:
            for _ in range(run.count):
                before = carried
                for body in run.bodies:
                    first = body.inputs[0].name
                    turns.append(self._inner(body, {**facts, first: facts[CARRIED]}, {**given, first: carried}))
                    carried = turns[-1].outputs[0]
                if same(before, carried):  # and so will all further periods of this run be
                    break
                if len(turns) > MOST_TURNS:
                    raise Unfit
        return [carried, *(self._stacked(value.type, at, turns) for at, value in enumerate(node.outputs[1:], start=1))]

    def _stacked(self, made: TensorType, output: int, turns: Sequence[Frame]) -> Value:
        """What any turn reads, along a new first axis that is not followed."""
        if 0 in self.followed(made):
            raise Unfit
        reads = self._nothing(made)
        for turn in turns:
            reads |= turn.outputs[output].reads
        return Value(reads, frozenset({0}))

    def _facts(self, node: Node, frame: Frame) -> dict[str, Facts]:
        return {port: frame.flow.state(ref).facts for port, ref in node.inputs}

    # -- operators ----------------------------------------------------------------------------------------------------

    def _applied(self, node: Node, frame: Frame, output: int, given: Mapping[str, Value]) -> Value:
        made = self._nothing(node.outputs[output].type)
        effect, steps = self.steps(node, frame, output)
        patchy: set[int] = set()
        for step in steps:
            argument = given[step.hop.port]
            if step.claims(argument, self.setting.exact):
                made |= self._product(step.matrix, argument.reads)
                patchy |= step.gaps.union(*(step.spreads[at] for at in argument.patchy if at in step.spreads))
        made[..., -1] |= self.uses_length(effect)
        return Value(made, frozenset(patchy))

    def uses_length(self, effect: Effect) -> bool:
        """Whether the operator itself uses the length of the followed axis as a number."""
        masked_by = self.setting.held[0] if self.setting.held else ""
        return (effect.stated or not self.setting.exact) and effect.marks.uses_length(self.names, masked_by)

    def _product(self, matrix: Any, reads: Any) -> Any:
        inner = len(reads.shape) - 1
        as_numbers = (part.astype(self.np.float32) for part in (matrix, reads))
        return self.np.tensordot(*as_numbers, axes=inner) > 0

    def steps(self, node: Node, frame: Frame, output: int) -> tuple[Effect, list[Step]]:
        """The hops of one output of a node, at these sizes."""
        key = (id(frame.flow), node.name, output)
        if key not in self._steps:
            use = self._use(node, frame)
            effect = effect_of(use, output)
            self._steps[key] = effect, [self._step(hop, use, output, effect.stated) for hop in effect.hops]
        return self._steps[key]

    def _use(self, node: Node, frame: Frame) -> Use:
        assert isinstance(node.does, Operator)
        types = {port: frame.body.type_of(ref) for port, ref in node.inputs}
        outputs = tuple(value.type for value in node.outputs)
        return Use(node.does, types, outputs, self.analysis.sizes, self._facts(node, frame))

    def _step(self, hop: Hop, use: Use, output: int, stated: bool) -> Step:
        given, made = use.inputs[hop.port], use.outputs[output]
        pairs, rows = dict(hop.pairs), self.followed(made)
        columns = self.followed(given)
        certain = stated and not any(at in pairs and pairs[at] is None for at in columns)
        matrix = self.np.ones([*self._shape(made), *[1] * len(columns)], dtype=bool)
        for order, at in enumerate(columns):
            own = self._relation(hop.axes[at], made, rows, self.size(given.sizes[at]))
            own = own & self._pairs(pairs.get(at), made, rows, self.size(given.sizes[at]))
            shape = [*own.shape[:-1], *[1] * order, own.shape[-1], *[1] * (len(columns) - order - 1)]
            matrix = matrix & own.reshape(shape)
        spreads: dict[int, frozenset[int]] = {}
        cuts, gaps = set[int](), set[int]()
        for at in set(range(len(given.axes))) - set(columns):
            spreads[at] = frozenset(axis for item in hop.axes[at] for axis, _ in item.rates)
            covers, fills = self._coverage(hop.axes[at], pairs.get(at, True), self.size(given.sizes[at]), made)
            cuts |= set() if covers else {at}
            gaps |= set() if fills else (spreads[at] or {axis for axis in range(len(made.axes)) if axis not in rows})
        return Step(hop, matrix, spreads, frozenset(cuts), frozenset(gaps), certain)

    # -- axes that are followed ---------------------------------------------------------------------------------------

    def _relation(self, relation: Relation, made: TensorType, rows: Sequence[int], places: int) -> Any:
        """The matrix of a relation: readers along `rows` by the places of one axis."""
        shape = [*self._shape(made), places]
        found = self.np.zeros(shape, dtype=bool)
        for item in relation:
            found |= self._piece(item, rows, shape)
        return found

    def _piece(self, item: Piece, rows: Sequence[int], shape: Sequence[int]) -> Any:
        unfollowed = any(axis not in rows for axis, _ in item.rates)
        if unfollowed and self.setting.exact:
            return False
        place = self._grid(len(rows), shape)
        inside = self._within(place, item.absolute, 1)
        if not unfollowed:
            unit = math.lcm(*(rate.denominator for _, rate in item.rates))
            moved = place * unit
            for axis, rate in item.rates:
                moved = moved - self._grid(rows.index(axis), shape) * int(rate * unit)
            inside = inside & self._within(moved, item.relative, unit)
        for guard in item.guards:
            inside = inside & self._guard(guard, place, rows, shape)
        return inside

    def _grid(self, at: int, shape: Sequence[int]) -> Any:
        """The indices along one axis of the matrix."""
        return self.np.arange(shape[at]).reshape([-1 if place == at else 1 for place in range(len(shape))])

    def _within(self, numbers: Any, interval: Interval, unit: int) -> Any:
        inside = self.np.ones([1] * numbers.ndim, dtype=bool)
        if interval.low is not None:
            inside = inside & (numbers >= math.ceil(self._bound(interval.low) * unit))
        if interval.high is not None:
            inside = inside & (numbers <= math.floor(self._bound(interval.high) * unit))
        return inside

    def _bound(self, bound: Dim) -> Fraction:
        number = bound.rational(self.setting.lengths)
        if number is None:
            raise Unfit
        return number

    def _guard(self, guard: Guard, place: Any, rows: Sequence[int], shape: Sequence[int]) -> Any:
        if self.setting.held is None or self.setting.held[0] != guard.tensor:
            return True
        values = self.setting.held[1]
        source = self._entries(values, place + int(self._bound(guard.at)))
        if guard.reader is None:
            return source
        axis, offset = guard.reader
        if axis not in rows:
            return not self.setting.exact
        reader = self._entries(values, self._grid(rows.index(axis), shape) + int(self._bound(offset)))
        return source | ~reader if values.dtype == bool else source == reader

    def _entries(self, values: Any, at: Any) -> Any:
        """Entries of the held tensor; beyond its ends all is real."""
        inside = (at >= 0) & (at < len(values))
        return self.np.where(inside, values[self.np.clip(at, 0, len(values) - 1)], True if values.dtype == bool else -1)

    def _pairs(self, pairs: Pairs | None, made: TensorType, rows: Sequence[int], places: int) -> Any:
        if pairs is None or not self.setting.exact:
            return True
        matrix = pairs.matrix(self.size(made.sizes[pairs.reader]), places, self.size, self.setting.data)
        if pairs.reader not in rows:
            return matrix.all(axis=0)
        shape = [1] * len(rows) + [places]
        shape[rows.index(pairs.reader)] = matrix.shape[0]
        return matrix.reshape(shape)

    # -- axes that are not --------------------------------------------------------------------------------------------

    def _coverage(self, relation: Relation, pairs: Pairs | None | bool, size: int, made: TensorType) -> tuple[bool, bool]:
        """Whether all of an axis is read by some reader, and whether every reader reads some of it."""
        if pairs is None:
            return False, True
        if not isinstance(pairs, bool) and self.setting.exact:
            matrix = pairs.matrix(self.size(made.sizes[pairs.reader]), size, self.size, self.setting.data)
            return bool(matrix.any(axis=0).all()), bool(matrix.any(axis=1).all())
        found = [self._piece_coverage(item, size, made) for item in relation]
        return any(covers for covers, _ in found), any(fills for _, fills in found)

    def _piece_coverage(self, item: Piece, size: int, made: TensorType) -> tuple[bool, bool]:
        low, high = self._ends(item.absolute, 0, size - 1)
        covers = low <= 0 and high >= size - 1
        if item.unit is None:
            return covers, True
        last = self.size(made.sizes[item.unit]) - 1
        nearest, furthest = self._ends(item.relative, -last - size, last + size)
        covers = covers and nearest <= 0 <= last + furthest and nearest <= size - 1 <= last + furthest
        return covers, nearest <= high and low <= furthest and last + nearest <= high and low <= last + furthest

    def _ends(self, interval: Interval, low: int, high: int) -> tuple[Fraction, Fraction]:
        def end(bound: Bound, otherwise: int) -> Fraction:
            return Fraction(otherwise) if bound is None else self._bound(bound)

        return end(interval.low, low), end(interval.high, high)


def same(left: Value, right: Value) -> bool:
    return left.patchy == right.patchy and left.reads.shape == right.reads.shape and bool((left.reads == right.reads).all())


def number_of(size: Dim, sizes: Sizes, lengths: Mapping[str, int]) -> int:
    """The number that a size stands for at given lengths of run-time axes. Raises `Unfit` where there is none."""
    number = ground(size, sizes).value(lengths)
    if number is None or number < 0:
        raise Unfit
    return number
