"""A graph run with truth values at small sizes: which entries of an input each entry of a value really reads.

Axes that have to do with the source's axis are followed entry by entry. Along all others every entry is taken to read
the same; where joining or shifting has made that untrue (the value is *patchy*), a part cut out of it claims nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphspec.analysis.digits import with_digits
from graphspec.analysis.experts import called
from graphspec.analysis.flow import CARRIED, BodyFlow, FlowAnalysis
from graphspec.analysis.matrices import Matrices, Unfit, number_of
from graphspec.axes import Dim, TensorType
from graphspec.flow import Facts
from graphspec.graph import Body, Call, Input, Node, Ref, Repeat
from graphspec.operators import Operator
from graphspec.operators.flow_pointwise import Picked
from graphspec.operators.flow_rules import Effect, Hop, Pairs, Use
from graphspec.operators.mask_truth import Chooses, Flips, Seen
from graphspec.operators.told import Read, Told

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
    """For each entry along the followed axes, what it reads: in a column for each of the source's entries, one for
    their number, and the last one for anything that can change at all, without which the entry is a constant."""

    columns: Any
    patchy: frozenset[int] = frozenset()

    @property
    def reads(self) -> Any:
        """Which of the source's entries; last, whether their number."""
        return self.columns[..., :-1]

    @property
    def live(self) -> Any:
        """Whether the entry can change."""
        return self.columns[..., -1]


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
    def weighs(self) -> bool:
        """Whether it only weighs values: of constants, that changes nothing."""
        return self.hop.weighs

    @property
    def chooses(self) -> bool:
        """Whether it chooses among values, and is none: of constants it may choose either."""
        return not self.weighs and _is_control(self.hop)

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
        self._followed: dict[TensorType, list[int]] = {}
        self._steps: dict[tuple[int, str, int, bytes], list[Step]] = {}
        flow = analysis.whole()
        values = {name: self._input(name, given) for name, given in inputs.items()}
        self.frame = self._body(analysis.graph.body, flow, values)

    def size(self, size: Dim) -> int:
        """The number that a size stands for."""
        return number_of(size, self.analysis.sizes, self.setting.lengths)

    def followed(self, given: TensorType) -> list[int]:
        if given not in self._followed:
            self._followed[given] = [at for at in range(len(given.axes)) if self.analysis.names(given, at) & self.names]
        return self._followed[given]

    def _shape(self, given: TensorType) -> list[int]:
        return [self.size(given.sizes[at]) for at in self.followed(given)]

    def _nothing(self, given: TensorType) -> Any:
        shape = [*self._shape(given), self.count + 2]
        if math.prod(shape) > 1 << 26:
            raise Unfit
        return self.np.zeros(shape, dtype=bool)

    def _input(self, name: str, given: TensorType) -> Value:
        columns = self._nothing(given)
        if name == self.setting.source:
            at = self.followed(given).index(self.setting.axis)
            shape = [1] * len(columns.shape)
            shape[at], shape[-1] = self.count, self.count + 2
            columns |= self.np.eye(self.count, self.count + 2, dtype=bool).reshape(shape)
        columns[..., -1] = not (self.setting.held and self.setting.held[0] == name)
        return Value(columns)

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
                made[source.name] = made[default] if isinstance(default, str) else Value(self._nothing(source.type))
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
        columns = self._nothing(made)
        for turn in turns:
            columns |= turn.outputs[output].columns
        return Value(columns, frozenset({0}))

    def _facts(self, node: Node, frame: Frame) -> dict[str, Facts]:
        return {port: frame.flow.state(ref).facts for port, ref in node.inputs}

    # -- operators ----------------------------------------------------------------------------------------------------

    def _applied(self, node: Node, frame: Frame, output: int, given: Mapping[str, Value]) -> Value:
        made = self._nothing(node.outputs[output].type)
        patchy: set[int] = set()
        for step in self.steps(node, frame, output):
            argument = given[step.hop.port]
            if step.claims(argument, self.setting.exact):
                made |= self._product(step.matrix, argument.columns)
                patchy |= step.gaps.union(*(step.spreads[at] for at in argument.patchy if at in step.spreads))
        if self.uses_length(self.analysis.effect(node, frame.flow, output)):
            made[..., -2] |= made[..., -1] if self.setting.exact else True
        return Value(made, frozenset(patchy))

    def uses_length(self, effect: Effect) -> bool:
        """Whether the operator itself uses the length of the followed axis as a number, where it is no constant."""
        masked_by = self.setting.held[0] if self.setting.held else ""
        sure = effect.stated and not effect.unsure
        return (sure or not self.setting.exact) and effect.marks.uses_length(self.names, masked_by)

    def _product(self, matrix: Any, columns: Any) -> Any:
        inner = len(columns.shape) - 1
        as_numbers = (part.astype(self.np.float32) for part in (matrix, columns))
        return self.np.tensordot(*as_numbers, axes=inner) > 0

    def steps(self, node: Node, frame: Frame, output: int) -> list[Step]:
        """The hops of one output of a node of a run, at these sizes."""
        effect = self.analysis.effect(node, frame.flow, output)
        given = {port: frame.value(ref) for port, ref in node.inputs}
        looks = any(hop.pairs or hop.weighs or _is_control(hop) for hop in effect.hops)
        live = b"".join(value.live.tobytes() for value in given.values()) if looks else b""
        key = (id(frame.flow), node.name, output, live)
        if key not in self._steps:
            use = self.analysis.use(node, frame.flow)
            told = self._told(effect, use, given)
            steps = [self._step(hop, use, output, effect.stated, told) for hop in effect.hops]
            self._steps[key] = self._limited(steps, given) if looks and self.setting.exact else steps
        return self._steps[key]

    def _told(self, effect: Effect, use: Use, given: Mapping[str, Value]) -> Told:
        """What the tensors hold that the pairs of a node depend on."""
        reads = {read for hop in effect.hops for _, pairs in hop.pairs for read in _known(pairs)}
        found = {read: self._live_along(given[read.port].live, use.inputs[read.port], read.axis) for read in reads}
        return Told(self.setting.data, self.setting.held, found, self.setting.exact)

    def _live_along(self, live: Any, given: TensorType, axis: int | None) -> Any:
        """Which entries along an axis can change, whatever the other axes' places."""
        followed = self.followed(given)
        return live.all(axis=tuple(at for at, own in enumerate(followed) if own != axis))

    def _limited(self, steps: Sequence[Step], given: Mapping[str, Value]) -> list[Step]:
        """With what weighs values, or chooses among them, only where some of them can change."""
        plain = [step for step in steps if not step.weighs and not step.chooses]
        some = any(bool(given[step.hop.port].live.any()) for step in steps if not step.chooses)
        here = self._changing(plain, given) if plain else some
        limits = [here if step.weighs else some if step.chooses else True for step in steps]
        return [replace(step, matrix=_where(limit, step.matrix)) for step, limit in zip(steps, limits, strict=True)]

    def _changing(self, steps: Sequence[Step], given: Mapping[str, Value]) -> Any:
        """For each entry of the output, whether by some of the steps it reads what can change."""
        found = [
            self._product(step.matrix, given[step.hop.port].columns[..., -1:])[..., 0]
            for step in steps
            if step.claims(given[step.hop.port], True)
        ]
        return self.np.any(found, axis=0) if found else False

    def _step(self, hop: Hop, use: Use, output: int, stated: bool, told: Told) -> Step:
        given, made = use.inputs[hop.port], use.outputs[output]
        columns, pairs, setting = self.followed(given), dict(hop.pairs), self.setting
        narrow = setting.narrow and not hop.vague
        at_sizes = Matrices(made, self.followed(made), use.sizes, setting.lengths, told, narrow)
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
        return Step(hop, matrix, spreads, frozenset(cuts), frozenset(gaps), certain)


def _known(pairs: Pairs) -> tuple[Read, ...]:
    """The tensors by whose contents the pairs are decided."""
    return pairs.known if isinstance(pairs, Seen | Chooses | Flips | Picked) else ()


def _is_control(hop: Hop) -> bool:
    return all(item.control for relation in hop.axes for item in relation)


def _where(limit: Any, matrix: Any) -> Any:
    """The rows of a matrix for which a flag is set: one for all, or one for each of the output's entries."""
    if isinstance(limit, bool):
        return matrix & limit
    return matrix & limit.reshape([*limit.shape, *[1] * (matrix.ndim - limit.ndim)])


def _alone(size: int, at: int, count: int) -> list[int]:
    return [size if place == at else 1 for place in range(count)]


def same(left: Value, right: Value) -> bool:
    return (
        left.patchy == right.patchy
        and left.columns.shape == right.columns.shape
        and bool((left.columns == right.columns).all())
    )
