"""The receptive field of an output: what it may read of an input, how that grows from node to node, and exactly so at
a small size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphspec.analysis.flow import FlowAnalysis, State
from graphspec.analysis.matrices import Matrices, Unfit, number_of
from graphspec.analysis.replay import Replay, Setting
from graphspec.analysis.words import entry, letters, sentences, without_parts
from graphspec.axes import Dim, TensorType, dim
from graphspec.diagnostics import Report, suggestion
from graphspec.flow import Bound, Interval, Piece, Relation
from graphspec.graph import Body, Graph, Input, Node, Ref, Repeat, Run
from graphspec.operators.flow_rules import axis_names, ground
from graphspec.operators.told import Told

LENGTH, LONGEST, OTHER_LENGTH = 12, 32, 2
"""Of the followed axis in the exact table: usually, at most unless asked for; and of the others."""

SAMPLES, MOST_RUNS, MOST_PLACES = 4, 6, 512


@dataclass(frozen=True)
class Stage:
    """What the value of one node reads. `after`: after how many turns of a repeat; in closed form, with the letter
    `k` standing for any number of them; empty where the node is done."""

    node: str
    relation: Relation
    index: tuple[str, ...]
    after: str = ""


@dataclass(frozen=True)
class Table:
    """The exact reach at small sizes: for each position of the output a row, `#` where a position of the input surely
    is read, `?` where it may be, `.` where it is not."""

    rows: tuple[str, ...]
    lengths: Mapping[str, int]


@dataclass(frozen=True)
class Reach:
    """What an output may read of an input along one of the input's axes.

    `place` is the output's axis that corresponds, if it has one; `counts`: whether the number of entries counts too.
    """

    output: str
    input: str
    axis: int
    place: int | None
    size: Dim
    kind: TensorType
    relation: Relation
    index: tuple[str, ...]
    counts: bool
    stages: tuple[Stage, ...]
    _table: Callable[[Mapping[str, int]], Table | None] = field(repr=False, compare=False)

    @property
    def reader(self) -> str:
        """`logits[t]`: the output with the letters of the axes along which it matters where it is."""
        used = {axis for item in without_parts(self.relation) for axis, _ in item.rates}
        return entry(self.output, ", ".join(self.index[at] for at in sorted(used)))

    def __str__(self) -> str:
        """The answer in a sentence."""
        first, *more = sentences(self.relation, self.input, self.size, self.index)
        text = " and ".join([f"`{self.reader}` reads {first}", *more])
        name = self.kind.axes[self.axis] if self.kind.axes else "1"
        return text + (f", and depends on the length of `{name}`" if self.counts else "")

    def table(self, **lengths: int) -> Table | None:
        """The exact reach at given lengths of run-time axes, others small; None where the model makes no sense."""
        return self._table(lengths)


def reach_of(graph: Graph, output: str | None, source: str | None, axis: str | None, report: Report) -> Reach | None:
    """The reach of an output into an input. Errors: `unknown-name`, `reach-argument`."""
    asked = _Question(graph, report)
    made, given = asked.output(output), asked.input(source)
    along = asked.axis(made[1], given, axis) if made and given else None
    return None if made is None or given is None or along is None else _Answer(graph, *made, given, along).reach()


# -- what is asked ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Question:
    """Names as given, looked up in the graph."""

    graph: Graph
    report: Report

    def output(self, name: str | None) -> tuple[str, Ref] | None:
        body = self.graph.body
        nodes = {node.name: Ref(node.name, node.outputs[0].name) for node in body.nodes if not node.anonymous}
        found = self._one(name, dict(body.outputs), nodes, "output")
        return None if found is None else (found, dict(body.outputs).get(found) or nodes[found])

    def input(self, name: str | None) -> Input | None:
        inputs = {source.name: source for source in self.graph.body.inputs}
        data = {name: source for name, source in inputs.items() if source.type.dtype != "bool"}
        found = self._one(name, data if len(data) == 1 else inputs, inputs, "input")
        return None if found is None else inputs[found]

    def _one(self, name: str | None, usual: Mapping[str, object], more: Mapping[str, object], kind: str) -> str | None:
        """The one that is named, or the only one."""
        if name is not None and (name in usual or name in more):
            return name
        if name is None and len(usual) == 1:
            return next(iter(usual))
        if name is None:
            help = f"say which: {', '.join(f'`{known}`' for known in usual)}"
            self.report.error("reach-argument", f"the model has several {kind}s", None, help=help)
            return None
        help = suggestion(name, {**usual, **more}, f"{kind}s")
        self.report.error("unknown-name", f"there is no {kind} `{name}`", None, help=help)
        return None

    def axis(self, ref: Ref, source: Input, name: str | None) -> int | None:
        """The input's axis that is followed: the one named, its only position, or the only one that is the output's."""
        axes = source.type.axes
        if name is not None:
            named = [at for at, axis in enumerate(axes) if str(axis) == name or axis.size == Dim.symbol(name)]
            if not named:
                help = suggestion(name, map(str, axes), "axes")
                message = f"`{source.name}` (`{source.type}`) has no axis `{name}`"
                self.report.error("unknown-name", message, None, help=help)
            return named[0] if named else None
        found = [at for at, axis in enumerate(axes) if self.graph.role(axis.size) == "position"]
        own = self.graph.body.type_of(ref).sizes
        shared = [at for at in found if axes[at].size in own]
        found = shared if len(shared) == 1 else found or list(range(len(axes)))[:1]
        if len(found) > 1:
            help = f"say which: {', '.join(f'`{axes[at]}`' for at in found)}"
            self.report.error("reach-argument", f"`{source.name}` has several position axes", None, help=help)
            return None
        return found[0] if found else 0


# -- the answer -------------------------------------------------------------------------------------------------------


class _Answer:
    """Finds out what one output reads of one input along one axis."""

    def __init__(self, graph: Graph, output: str, ref: Ref, source: Input, axis: int) -> None:
        self.graph, self.output, self.ref, self.source, self.axis = graph, output, ref, source, axis
        self.analysis = FlowAnalysis(graph)
        self.flow = self.analysis.whole()
        self.size = ground(source.type.sizes[axis], self.analysis.sizes) if source.type.axes else dim(1)

    def reach(self) -> Reach:
        kind, state = self.type_of(self.ref), self.flow.state(self.ref)
        names = axis_names(self.size, self.analysis.sizes)
        return Reach(
            self.output,
            self.source.name,
            self.axis,
            self.place,
            self.size,
            self.source.type,
            self.relation(state),
            letters(kind),
            state.all_marks.uses_length(names),
            tuple(self.stages()),
            self.table,
        )

    def type_of(self, ref: Ref) -> TensorType:
        return self.graph.body.type_of(ref)

    def relation(self, state: State) -> Relation:
        reads = state.reads.get(self.source.name)
        return reads[self.axis] if reads else ()

    @property
    def place(self) -> int | None:
        """The output's axis that corresponds: the same, else one that is made from the same run-time axes."""
        if not self.source.type.axes:
            return None
        sizes, own = self.analysis.sizes, self.type_of(self.ref).axes
        same = [at for at, axis in enumerate(own) if not axis.primed and sizes.same(axis.size, self.size)]
        related = [at for at, axis in enumerate(own) if ground(axis.size, sizes).symbols & self.size.symbols]
        return next(iter(same if self.size.symbols else []), next(iter(related), next(iter(same), None)))

    # -- from node to node --------------------------------------------------------------------------------------------

    def stages(self) -> Iterator[Stage]:
        body, needed = self.graph.body, _ancestors(self.graph.body, self.ref)
        for node in body.nodes:
            if node.anonymous or node.name not in needed:
                continue
            ref = self.ref if node.name == self.ref.name else Ref(node.name, node.outputs[0].name)
            relation = self.relation(self.flow.state(ref))
            if relation:
                done = Stage(node.name, relation, letters(self.type_of(ref)))
                turned = isinstance(node.does, Repeat) and ref.output in ("", node.outputs[0].name) and node.does.runs
                within = list(self.turns(node, node.does)) if isinstance(node.does, Repeat) and turned else []
                yield from within
                if not within or self.words(within[-1]) != self.words(done):
                    yield done

    def words(self, stage: Stage) -> list[str]:
        return list(sentences(stage.relation, self.source.name, self.size, stage.index))

    def turns(self, node: Node, repeat: Repeat) -> Iterator[Stage]:
        """What is read after some turns: by a law where the turns are alike, else after each run of them."""
        if len(repeat.runs) == 1:
            yield from self.law(node, repeat, len(repeat.runs[0].bodies))
            return
        done, before = 0, list[str]()
        for run in repeat.runs[:MOST_RUNS]:
            done += run.count * len(run.bodies)
            stage = self.after(node, repeat, done)
            if self.words(stage) != before:
                yield stage
            before = self.words(stage)

    def law(self, node: Node, repeat: Repeat, period: int) -> Iterator[Stage]:
        """`t − 4·k … t` after `k` turns; after `k` periods, where the turns follow a pattern."""
        run = replace(repeat, runs=(Run(repeat.runs[0].bodies, max(SAMPLES, repeat.runs[0].count)),))
        counts = [*range(1, SAMPLES + 1), max(SAMPLES, repeat.runs[0].count)]
        samples = [self.after(node, run, count * period).relation for count in counts]
        index = letters(node.type)
        taken = {*index, *(axis.name for axis in self.graph.axes)}
        symbol = next(name for name in ("k", "n", "turns") if name not in taken)
        closed = _closed(samples, counts, symbol)
        times = symbol if period == 1 else f"{period}·{symbol}"
        if closed is not None:
            yield Stage(node.name, closed, index, times)
        else:
            for count in dict.fromkeys((1, min(2, repeat.runs[0].count))):
                yield self.after(node, repeat, count * period)

    def after(self, node: Node, repeat: Repeat, count: int) -> Stage:
        shortened = replace(node, does=replace(repeat, times=dim(count), runs=tuple(_first(repeat.runs, count))))
        state = self.analysis.states(shortened, self.flow)[0]
        return Stage(node.name, self.relation(state), letters(node.type), str(count))

    # -- exactly ------------------------------------------------------------------------------------------------------

    def table(self, asked: Mapping[str, int]) -> Table | None:
        """At the lengths asked for, else at the first that make sense."""
        names, free = axis_names(self.size, self.analysis.sizes), [a.name for a in self.graph.axes if a.size is None]
        usual = self.length()
        for length in (usual, usual + 4, 8, 9, 16, 13, 15):
            lengths = {name: length if name in names else OTHER_LENGTH for name in free} | dict(asked)
            rows = self.rows(lengths)
            if rows is not None:
                return Table(rows, {name: lengths[name] for name in free if name in names or name in asked})
            if names & asked.keys():
                return None
        return None

    def length(self) -> int:
        """Long enough to show the bounds, if they are short."""
        bounds = [b for p in self.relation(self.flow.state(self.ref)) for b in _bounds(p.relative, p.absolute)]
        wanted = [abs(number) + 4 for bound in bounds if (number := bound.constant) is not None]
        return max([LENGTH, *(length for length in wanted if length <= LONGEST)])

    def rows(self, lengths: Mapping[str, int]) -> tuple[str, ...] | None:
        try:
            sure, may = self.either(lengths, exact=True), self.either(lengths, exact=False) & self.bound(lengths)
        except Unfit:
            return None
        return tuple(
            "".join("#" if yes else "?" if maybe else "." for yes, maybe in zip(*row, strict=True))
            for row in zip(sure.tolist(), may.tolist(), strict=True)
        )

    def bound(self, lengths: Mapping[str, int]) -> Any:
        """What the relation lets be read."""
        sizes, rows = self.analysis.sizes, () if self.place is None else (self.place,)
        places = number_of(self.size, sizes, lengths)
        at_lengths = Matrices(self.type_of(self.ref), rows, sizes, lengths, Told(data=True, exact=False))
        return at_lengths.relation(self.relation(self.flow.state(self.ref)), None, places).reshape(-1, places)

    def either(self, lengths: Mapping[str, int], exact: bool) -> Any:
        """What is read when tensors that masks read are true everywhere, or false."""
        return self.matrix(lengths, exact, data=True) | self.matrix(lengths, exact, data=False)

    def matrix(self, lengths: Mapping[str, int], exact: bool, data: bool) -> Any:
        """The output's positions by the input's; a single row where the output has no axis that corresponds."""
        replay = Replay(self.analysis, Setting(self.source.name, self.axis, lengths, exact, data, narrow=not exact))
        reads = replay.frame.value(self.ref).reads[..., :-1]
        followed = replay.followed(self.type_of(self.ref))
        if max(reads.shape) > MOST_PLACES or not reads.shape[-1]:
            raise Unfit
        others = tuple(at for at, axis in enumerate(followed) if axis != self.place)
        return reads.any(axis=others).reshape(-1, reads.shape[-1])


def _ancestors(body: Body, ref: Ref) -> set[str]:
    """The nodes that a value is made from, its own among them."""
    found, waiting = set[str](), [ref.name]
    while waiting:
        name = waiting.pop()
        if name not in found and body.has_node(name):
            found.add(name)
            waiting += [read.name for _, read in body.node(name).inputs]
    return found


def _first(runs: Sequence[Run], count: int) -> Iterator[Run]:
    """The first `count` turns."""
    for run in runs:
        whole = min(run.count, count // len(run.bodies))
        if whole:
            yield Run(run.bodies, whole)
        count -= whole * len(run.bodies)
        if whole < run.count:
            if count:
                yield Run(run.bodies[:count], 1)
            return


# -- laws -------------------------------------------------------------------------------------------------------------


def _closed(samples: Sequence[Relation], counts: Sequence[int], symbol: str) -> Relation | None:
    """One relation for all samples, its bounds growing evenly with `symbol`; None if they do not."""
    if len({tuple((item.key, item.rates) for item in sample) for sample in samples}) > 1:
        return None
    pieces = [_closed_piece(parts, counts, symbol) for parts in zip(*samples, strict=True)]
    return tuple(item for item in pieces if item) if all(pieces) else None


def _closed_piece(parts: Sequence[Piece], counts: Sequence[int], symbol: str) -> Piece | None:
    relative = _closed_interval([part.relative for part in parts], counts, symbol)
    absolute = _closed_interval([part.absolute for part in parts], counts, symbol)
    return Piece(parts[0].rates, relative, absolute, control=parts[0].control) if relative and absolute else None


def _closed_interval(intervals: Sequence[Interval], counts: Sequence[int], symbol: str) -> Interval | None:
    low = _closed_bound([interval.low for interval in intervals], counts, symbol)
    high = _closed_bound([interval.high for interval in intervals], counts, symbol)
    return None if _UNEVEN in (low, high) else Interval(low, high)


_UNEVEN = Dim.symbol("no law")


def _closed_bound(bounds: Sequence[Bound], counts: Sequence[int], symbol: str) -> Bound:
    known = [bound for bound in bounds if bound is not None]
    if not known:
        return None
    if len(known) < len(bounds):
        return _UNEVEN
    step = known[1] - known[0]
    start = known[0] - step * counts[0]
    even = all(bound == start + step * count for bound, count in zip(known, counts, strict=True))
    return start + step * Dim.symbol(symbol) if even else _UNEVEN


def _bounds(*intervals: Interval) -> Iterator[Dim]:
    for interval in intervals:
        yield from (bound for bound in (interval.low, interval.high) if bound is not None)
