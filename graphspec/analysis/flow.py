"""The flow of a graph: for every value, what it reads of each input, along each of the input's axes.

A body is gone through once for each set of facts about its inputs, a repeat is the power of one turn: the cost grows
with the number of distinct bodies, not of layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Literal

from graphspec.analysis.experts import called
from graphspec.analysis.shown import Axes, Lengths, known_as, lengths_of, passed, shown
from graphspec.axes import DType, TensorType, dim
from graphspec.flow import (
    NO_FACTS,
    NO_MARKS,
    Fact,
    Facts,
    Guard,
    Marks,
    Padding,
    Piece,
    Relation,
    all_marks,
    along,
    compose,
    join,
    power,
    whole,
)
from graphspec.graph import Body, Call, Graph, Input, Node, Ref, Repeat, Run
from graphspec.operators import Operator
from graphspec.operators.flow_rules import Choice, Effect, FixedSizes, Turn, Use, axis_names, effect_of, ground

CARRIED = ""
"""The name under which the turns of a repeat know their first input."""


@dataclass(frozen=True)
class State:
    """What one value depends on: the inputs that it reads, and the marks of all it is made from.

    `ends`: by the names of axes, what it reads that lies beyond where a part along that axis ends.
    """

    reads: Mapping[str, Axes] = field(default_factory=dict[str, Axes])
    marks: Marks = NO_MARKS
    facts: Facts = NO_FACTS
    turned: Turn | None = None
    ends: Mapping[str, Axes] = field(default_factory=dict[str, Axes])

    @property
    def all_marks(self) -> Marks:
        """With what a turn amounts to where nothing cancels it."""
        return self.marks | Marks(absolutes=self.turned.axes) if self.turned else self.marks


@dataclass(frozen=True, eq=False)
class BodyFlow:
    """The states of a body's values in terms of its inputs."""

    body: Body
    states: Mapping[Ref, State]

    def state(self, ref: Ref) -> State:
        if ref in self.states:
            return self.states[ref]
        return self.states[Ref(ref.name, self.body.node(ref.name).outputs[0].name)]

    @property
    def outputs(self) -> tuple[State, ...]:
        return tuple(self.state(ref) for _, ref in self.body.outputs)


@dataclass(frozen=True)
class Turns:
    """Some turns of a repeat as one step: what the carried value becomes, and the other outputs so far."""

    carried: State
    others: tuple[State, ...]


class FlowAnalysis:
    """The flow of a graph, in training or in evaluation. With `padding`, where it stands is taken for granted.

    `by_mode`: whether some operator that was met, while training, would flow otherwise in evaluation.
    """

    def __init__(self, graph: Graph, padding: Padding = None, training: bool = True) -> None:
        self.graph = graph
        self.padding: Padding = padding
        self.training, self.by_mode = training, False
        self.sizes = sizes_of(graph)
        self._effects: dict[tuple[BodyFlow, str, int], Effect] = {}
        self._found: dict[tuple[Body, tuple[Facts, ...]], BodyFlow] = {}

    def whole(self) -> BodyFlow:
        """The flow of the model's own body."""
        facts = {source.name: frozenset(self._facts(source)) for source in self.graph.body.inputs}
        return self.body(self.graph.body, facts)

    def body(self, body: Body, facts: Mapping[str, Facts]) -> BodyFlow:
        """The flow of one body, given what is known of its inputs."""
        key = (body, tuple(facts.get(source.name, NO_FACTS) for source in body.inputs))
        if key not in self._found:
            self._found[key] = self._go_through(body, facts)
        return self._found[key]

    @cached_property
    def _lengths(self) -> Lengths:
        return lengths_of(self.graph, self.sizes, CARRIED)

    def states(self, node: Node, flow: BodyFlow) -> list[State]:
        """The states of a node's outputs, whether or not the body holds that very node."""
        return list(self._node(node, flow))

    def names(self, type: TensorType, axis: int) -> frozenset[str]:
        """What an axis goes by in marks."""
        return axis_names(type.sizes[axis], self.sizes)

    def _facts(self, source: Input) -> Iterator[Fact]:
        """An input of truth values or whole numbers says of itself what it holds."""
        kinds: dict[DType, tuple[Literal["real", "same", "value"], ...]] = {
            "bool": ("real", "value"),
            "int": ("same", "value"),
        }
        sizes = source.type.sizes
        for kind in kinds.get(source.type.dtype, ()):
            for axis, size in enumerate(sizes):
                rows = [axis_names(other, self.sizes) for at, other in enumerate(sizes) if at != axis]
                yield Fact(kind, source.name, axis, dim(0), ground(size, self.sizes), frozenset[str]().union(*rows))

    # -- bodies -------------------------------------------------------------------------------------------------------

    def _go_through(self, body: Body, facts: Mapping[str, Facts]) -> BodyFlow:
        states = {
            Ref(source.name, ""): State(
                {source.name: self._itself(source.type)}, facts=facts.get(source.name, NO_FACTS)
            )
            for source in body.inputs
        }
        flow = BodyFlow(body, states)
        for node in body.nodes:
            for value, state in zip(node.outputs, self._node(node, flow), strict=True):
                states[Ref(node.name, value.name)] = state
        return flow

    def _itself(self, type: TensorType) -> Axes:
        if not type.axes:
            return (whole(1),)
        return tuple(along(axis, ground(size, self.sizes)) for axis, size in enumerate(type.sizes))

    def _node(self, node: Node, flow: BodyFlow) -> Iterator[State]:
        arguments = {port: flow.state(ref) for port, ref in node.inputs}
        match node.does:
            case Call():
                body = called(node, flow.body, self.sizes)
                arguments = with_defaults(body.inputs, arguments)
                facts = {port: state.facts for port, state in arguments.items()}
                yield from (self._substituted(made, arguments) for made in self.body(body, facts).outputs)
            case Repeat(runs=()):
                yield from (next(iter(arguments.values())), *(State() for _ in node.outputs[1:]))
            case Repeat() as repeat:
                yield from self._repeated(repeat, arguments)
            case Operator():
                use = self.use(node, flow)
                yield from (self._applied(self._effect(use, at), arguments) for at in range(len(node.outputs)))

    def use(self, node: Node, flow: BodyFlow) -> Use:
        """What the rule of a node's operator may look at."""
        assert isinstance(node.does, Operator)
        types = {port: flow.body.type_of(ref) for port, ref in node.inputs}
        facts = {port: flow.state(ref).facts for port, ref in node.inputs}
        outputs = tuple(value.type for value in node.outputs)
        return Use(node.does, types, outputs, self.sizes, facts, self.padding, self.training)

    def effect(self, node: Node, flow: BodyFlow, output: int) -> Effect:
        """The effect of one output of an operator's node."""
        key = (flow, node.name, output)
        if key not in self._effects:
            self._effects[key] = effect_of(self.use(node, flow), output)
        return self._effects[key]

    def _effect(self, use: Use, output: int) -> Effect:
        effect = effect_of(use, output)
        if use.training and not self.by_mode:
            self.by_mode = effect != effect_of(replace(use, training=False), output)
        return effect

    # -- one step -----------------------------------------------------------------------------------------------------

    def _applied(self, effect: Effect, arguments: Mapping[str, State]) -> State:
        """The effect of an operator upon the states of its inputs."""
        reads = self._union(self._through(hop.axes, arguments[hop.port].reads) for hop in effect.hops)
        cancelled = _cancelled(effect, arguments)
        ports = dict.fromkeys(hop.port for hop in effect.hops)
        marks = [
            effect.marks,
            *(arguments[port].marks if port in cancelled else arguments[port].all_marks for port in ports),
            *(Marks(shifts=turn.axes) for port in cancelled if (turn := arguments[port].turned)),
            *(choice.marks for choice in effect.choices if self._matters(choice, effect, arguments)),
            Marks(shown=frozenset(shown(effect.shown, _reads(arguments), self._lengths))),
        ]
        ends = self._union(
            [
                *(self._through(hop.axes, arguments[hop.port].ends) for hop in effect.hops),
                *([(shown.keys.until, (shown.beyond,))] for shown in effect.shown if shown.beyond),
            ]
        )
        return State(reads, all_marks(marks), effect.facts, effect.turned, ends)

    def _matters(self, choice: Choice, effect: Effect, arguments: Mapping[str, State]) -> bool:
        hops = {hop.port: hop.axes for hop in effect.hops}
        differing = [
            port for port, axis in choice.places if self._differs(hops[port], axis, arguments[port].reads.values())
        ]
        return len(differing) >= choice.least

    def _differs(self, hop: Axes, axis: int, reads: Iterable[Axes]) -> bool:
        """Whether what is read of the inputs through the hop depends on the place along the axis."""
        pieces = (item for axes in reads for relation in axes for item in relation)
        return any(axis in dict(item.rates) and compose(hop, (item,), self.padding) for item in pieces)

    def _substituted(self, made: State, arguments: Mapping[str, State]) -> State:
        """The state of a body's output, its inputs replaced by the arguments."""
        read = [(axes, arguments[port]) for port, axes in made.reads.items() if port in arguments]
        reads = self._union(self._through(axes, argument.reads) for axes, argument in read)
        return State(
            reads,
            all_marks([passed(made.all_marks, _reads(arguments), self._lengths), *(a.all_marks for _, a in read)]),
            made.facts,
            ends=self._union([made.ends.items(), *(self._through(axes, argument.ends) for axes, argument in read)]),
        )

    def _through(self, hop: Axes, reads: Mapping[str, Axes]) -> Iterator[tuple[str, Axes]]:
        for source, axes in reads.items():
            composed = tuple(compose(hop, relation, self.padding) for relation in axes)
            if all(composed):
                yield source, composed

    def _union(self, parts: Iterable[Iterable[tuple[str, Axes]]]) -> dict[str, Axes]:
        found: dict[str, Axes] = {}
        for part in parts:
            for source, axes in part:
                old = found.get(source)
                found[source] = axes if old is None else tuple(map(self._joined, old, axes))
        return found

    def _joined(self, left: Relation, right: Relation) -> Relation:
        return left if left == right else join((*left, *right), self.padding)

    # -- repeats ------------------------------------------------------------------------------------------------------

    def _repeated(self, repeat: Repeat, arguments: Mapping[str, State]) -> Iterator[State]:
        first = repeat.bodies[0].inputs[0].name
        given = with_defaults((i for body in repeat.bodies for i in body.inputs), arguments)
        facts = self.facts_in_turns(repeat, {port: state.facts for port, state in given.items()})
        turns = reduce(
            lambda earlier, later: self._then(later, earlier), (self._run(run, facts) for run in repeat.runs)
        )
        given = {**given, CARRIED: given[first]}
        yield replace(self._substituted(turns.carried, given), facts=facts[CARRIED])
        yield from (_stacked(self._substituted(other, given)) for other in turns.others)

    def facts_in_turns(self, repeat: Repeat, facts: Mapping[str, Facts]) -> dict[str, Facts]:
        """What is known of the inputs of every turn: of the carried one, what each turn keeps."""
        known = facts.get(repeat.bodies[0].inputs[0].name, NO_FACTS)
        after = (self.body(body, {**facts, body.inputs[0].name: known}).outputs[0] for body in repeat.bodies)
        return {**facts, CARRIED: known if all(known <= state.facts for state in after) else NO_FACTS}

    def _run(self, run: Run, facts: Mapping[str, Facts]) -> Turns:
        turns = (self._turn(body, facts) for body in run.bodies)
        return power(reduce(lambda earlier, later: self._then(later, earlier), turns), run.count, self._then)

    def _turn(self, body: Body, facts: Mapping[str, Facts]) -> Turns:
        first = body.inputs[0].name
        flow = self.body(body, {**facts, first: facts[CARRIED]})
        carried, *others = (_renamed(state, first) for state in flow.outputs)
        return Turns(carried, tuple(others))

    def _then(self, later: Turns, earlier: Turns) -> Turns:
        """`earlier`, then `later`: `(R, C) ∘ (R′, C′) = (R ∘ R′, C ∪ R ∘ C′)`."""
        others = (
            self._either(self._after(new, earlier.carried), old)
            for new, old in zip(later.others, earlier.others, strict=True)
        )
        return Turns(self._after(later.carried, earlier.carried), tuple(others))

    def _after(self, later: State, earlier: State) -> State:
        carried = later.reads.get(CARRIED)
        if carried is None:
            return later
        rest = [(source, axes) for source, axes in later.reads.items() if source != CARRIED]
        marks = passed(later.marks, {CARRIED: earlier.reads}, self._lengths) | earlier.marks
        ends = self._union([self._through(carried, earlier.ends), later.ends.items()])
        return State(self._union([self._through(carried, earlier.reads), rest]), marks, ends=ends)

    def _either(self, left: State, right: State) -> State:
        ends = self._union([left.ends.items(), right.ends.items()])
        reads = self._union([left.reads.items(), right.reads.items()])
        return State(reads, left.marks | right.marks, ends=ends)


def sizes_of(graph: Graph) -> FixedSizes:
    return FixedSizes(graph.sizes, graph.derived)


def with_defaults(inputs: Iterable[Input], arguments: Mapping[str, State]) -> dict[str, State]:
    """The arguments, and for those left out another input's or a constant."""
    given = dict(arguments)
    for source in inputs:
        if source.name not in given:
            given[source.name] = given[source.default] if isinstance(source.default, str) else State()
    return given


def _cancelled(effect: Effect, arguments: Mapping[str, State]) -> set[str]:
    """The ports whose turn is another's as well, so that it leaves distances alone."""
    alike = [pair for pair in effect.cancels if all(port in arguments for port in pair)]
    return {port for a, b in alike if arguments[a].turned == arguments[b].turned is not None for port in (a, b)}


def _reads(states: Mapping[str, State]) -> Mapping[str, Mapping[str, Axes]]:
    return {name: state.reads for name, state in states.items()}


def _renamed(state: State, first: str) -> State:
    """With the turn's first input as the carried one."""
    reads = {CARRIED if source == first else source: axes for source, axes in state.reads.items()}
    return State(reads, known_as(state.all_marks, first, CARRIED), ends=state.ends)


def _stacked(state: State) -> State:
    """With a new first axis, one slice a turn."""

    def moved(reads: Mapping[str, Axes]) -> Mapping[str, Axes]:
        return {source: tuple(_moved(relation) for relation in axes) for source, axes in reads.items()}

    return State(moved(state.reads), state.marks, ends=moved(state.ends))


def _moved(relation: Sequence[Piece]) -> Relation:
    def guard(old: Guard) -> Guard:
        return old if old.reader is None else replace(old, reader=(old.reader[0] + 1, old.reader[1]))

    return tuple(
        replace(
            item,
            rates=tuple((axis + 1, rate) for axis, rate in item.rates),
            guards=frozenset(map(guard, item.guards)),
        )
        for item in relation
    )
