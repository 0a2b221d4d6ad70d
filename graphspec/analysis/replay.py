"""A graph run with truth values at small sizes: which entries of an input each entry of a value really reads.

Axes that have to do with the source's axis are followed entry by entry. Along all others every entry is taken to read
the same; where joining or shifting has made that untrue (the value is *patchy*), a part cut out of it claims nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphspec.analysis.digits import with_digits
from graphspec.analysis.experts import called
from graphspec.analysis.flow import CARRIED, BodyFlow, FlowAnalysis
from graphspec.analysis.matrices import Matrices, Unfit, number_of
from graphspec.axes import Dim, TensorType
from graphspec.flow import Facts
from graphspec.graph import Body, Call, Input, Node, Ref, Repeat
from graphspec.masks import ports
from graphspec.operators import Operator
from graphspec.operators.attention import Attend
from graphspec.operators.flow_rules import Effect, Hop, Pairs, Use, effect_of
from graphspec.operators.mask_truth import Chooses, Flips, Seen
from graphspec.operators.shape import Pad, Shift

MOST_TURNS = 4096


@dataclass(frozen=True)
class Setting:
    """What one replay is about: the followed axis, the lengths of run-time axes, and what masks see.

    `exact`: only what surely is read, for refuting; otherwise all that may be. `data` is what every tensor holds that a
    mask reads, but for the one that is `held` at given values (along one of its axes). `narrow`: where the pairs
    are known that really are read, these and not the bound on them, even where it is not `exact`.
    """

    source: str
    axis: int
    lengths: Mapping[str, int]
    exact: bool = True
    data: bool = True
    held: tuple[str, Any] | None = None
    narrow: bool = False


@dataclass(frozen=True)
class Value:
    """For each entry along the followed axes, which of the source's it reads; last, whether it uses their number.

    `live`: made from some input at all, so that it is no constant.
    """

    reads: Any
    patchy: frozenset[int] = frozenset()
    live: bool = True


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

    @property
    def is_control(self) -> bool:
        """Whether it chooses among values, and is none: of constants it may choose either."""
        return all(item.control for relation in self.hop.axes for item in relation)

    def claims(self, given: Value, exact: bool) -> bool:
        return not exact or (self.certain and not self.cuts & given.patchy)


@dataclass(frozen=True)
class Frame:
    """One run of a body: the values in it, and the runs of the bodies within its nodes, a turn each.

    `places`: of each turn of a repeat, which of the repeat's runs it belongs to, and where in the pattern it stands.
    """

    body: Body
    flow: BodyFlow
    values: dict[Ref, Value]
    inner: dict[str, list[Frame]] = field(default_factory=dict[str, "list[Frame]"])
    places: dict[str, list[tuple[int, int]]] = field(default_factory=dict[str, "list[tuple[int, int]]"])

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
        self.names = with_digits(analysis.graph, analysis.sizes, analysis.names(source, setting.axis))
        self.count = self.size(source.sizes[setting.axis])
        self._steps: dict[tuple[int, str, int], tuple[Effect, list[Step]]] = {}
        flow = analysis.whole()
        values = {name: self._input(name, given) for name, given in inputs.items()}
        self.frame = self._body(analysis.graph.body, flow, values)

    @cached_property
    def zero_rows(self) -> bool:
        """Whether some rows may be zeros, all alike: shifted or padded in, or of queries that see no key."""
        nodes = [(node, body) for body in self.analysis.graph.bodies() for node in body.nodes]
        return any(
            isinstance(node.does, Shift | Pad)
            or (isinstance(node.does, Attend) and self._has_blind_rows(node, node.does, body))
            for node, body in nodes
        )

    def _has_blind_rows(self, node: Node, attend: Attend, body: Body) -> bool:
        query, key = (self.size(body.type_of(ref).sizes[-3]) for port, ref in node.inputs if port in ("query", "key"))
        seen = Seen(attend.mask, 0).matrix(query, key, self.size, self.setting.data)
        return not bool(seen.any(axis=1).all())

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
            case Call():
                body = called(node, frame.body, self.analysis.sizes)
                inner = self._inner(body, self._facts(node, frame), given)
                frame.inner[node.name] = [inner]
                return inner.outputs
            case Repeat(runs=()):
                return [next(iter(given.values())), *(Value(self._nothing(value.type)) for value in node.outputs[1:])]
            case Repeat() as repeat:
                return self._repeated(repeat, node, frame, given)

    def _inner(self, body: Body, facts: Mapping[str, Facts], given: Mapping[str, Value]) -> Frame:
        return self._body(body, self.analysis.body(body, facts), self._arguments(body.inputs, given))

    def _arguments(self, inputs: Sequence[Input], given: Mapping[str, Value]) -> dict[str, Value]:
        made = dict(given)
        for source in inputs:
            if source.name not in made:
                default = source.default
                made[source.name] = (
                    made[default] if isinstance(default, str) else Value(self._nothing(source.type), live=False)
                )
        return made

    def _repeated(self, repeat: Repeat, node: Node, frame: Frame, given: Mapping[str, Value]) -> list[Value]:
        first = repeat.bodies[0].inputs[0].name
        carried = self._arguments(repeat.bodies[0].inputs, given)[first]
        turns: list[Frame] = []
        frame.inner[node.name] = turns
        frame.places[node.name] = []
        facts = self.analysis.facts_in_turns(repeat, self._facts(node, frame))
        for number, run in enumerate(repeat.runs):
            for _ in range(run.count):
                before = carried
                for at, body in enumerate(run.bodies):
                    frame.places[node.name].append((number, at))
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
        weighed = any(given[step.hop.port].live for step in steps if not step.is_control)
        for step in steps:
            argument = given[step.hop.port]
            if step.claims(argument, self.setting.exact) and (weighed or not step.is_control or not self.setting.exact):
                made |= self._product(step.matrix, argument.reads)
                patchy |= step.gaps.union(*(step.spreads[at] for at in argument.patchy if at in step.spreads))
        live = any(given[step.hop.port].live for step in steps)
        made[..., -1] |= self.uses_length(effect) and (live or not self.setting.exact)
        return Value(made, frozenset(patchy), live)

    def uses_length(self, effect: Effect) -> bool:
        """Whether the operator itself uses the length of the followed axis as a number."""
        masked_by = self.setting.held[0] if self.setting.held else ""
        sure = effect.stated and not effect.unsure
        return (sure or not self.setting.exact) and effect.marks.uses_length(self.names, masked_by)

    def _product(self, matrix: Any, reads: Any) -> Any:
        inner = len(reads.shape) - 1
        as_numbers = (part.astype(self.np.float32) for part in (matrix, reads))
        return self.np.tensordot(*as_numbers, axes=inner) > 0

    def steps(self, node: Node, frame: Frame, output: int) -> tuple[Effect, list[Step]]:
        """The hops of one output of a node, at these sizes."""
        key = (id(frame.flow), node.name, output)
        if key not in self._steps:
            use = self.analysis.use(node, frame.flow)
            effect = effect_of(use, output)
            self._steps[key] = effect, [self._step(hop, use, output, effect.stated) for hop in effect.hops]
        return self._steps[key]

    def _step(self, hop: Hop, use: Use, output: int, stated: bool) -> Step:
        given, made = use.inputs[hop.port], use.outputs[output]
        columns, pairs, setting = self.followed(given), dict(hop.pairs), self.setting
        at_sizes = Matrices(
            made,
            self.followed(made),
            use.sizes,
            setting.lengths,
            setting.exact,
            setting.data,
            setting.held,
            setting.narrow and not hop.vague,
        )
        matrix = self.np.ones([*at_sizes.shape(), *[1] * len(columns)], dtype=bool)
        for order, at in enumerate(columns):
            own = at_sizes.relation(hop.axes[at], pairs.get(at), self.size(given.sizes[at]))
            matrix = matrix & own.reshape([*own.shape[:-1], *_alone(own.shape[-1], order, len(columns))])
        spreads: dict[int, frozenset[int]] = {}
        cuts, gaps = set[int](), set[int]()
        for at in set(range(len(given.axes))) - set(columns):
            spreads[at] = frozenset(axis for item in hop.axes[at] for axis, _ in item.rates)
            covers, fills = at_sizes.coverage(hop.axes[at], pairs.get(at), self.size(given.sizes[at]))
            cuts |= set() if covers and at not in hop.vague else {at}
            gaps |= set() if fills else spreads[at] or set(range(len(made.axes)))
        certain = stated and not hop.vague.intersection(columns)
        certain = certain and not (setting.held and any(map(_by_mask, pairs.values())))
        certain = certain and not (self.zero_rows and any(map(_chooses, pairs.values())))
        return Step(hop, matrix, spreads, frozenset(cuts), frozenset(gaps), certain)


def _chooses(pairs: Pairs) -> bool:
    """Whether it only weighs keys against each other, which shows nothing where all of them are alike."""
    return isinstance(pairs, Chooses | Flips) or (isinstance(pairs, Seen) and pairs.least > 1)


def _by_mask(pairs: Pairs) -> bool:
    """Whether there is a choice only where a tensor that a mask reads, and that may be the held one, shows keys."""
    return isinstance(pairs, Chooses) and bool(ports(pairs.mask))


def _alone(size: int, at: int, count: int) -> list[int]:
    return [size if place == at else 1 for place in range(count)]


def same(left: Value, right: Value) -> bool:
    return (
        left.patchy == right.patchy
        and left.reads.shape == right.reads.shape
        and bool((left.reads == right.reads).all())
    )
