"""What contracts come down to: whether an output reads more of an input's axis than it may; the flows and the replays
by which that is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from graphspec.analysis.flow import FlowAnalysis, State
from graphspec.analysis.paths import Hop, PathSearch
from graphspec.analysis.replay import Replay, Setting, Unfit, number_of
from graphspec.analysis.sure import SureFlow
from graphspec.analysis.words import entry, letter, offset
from graphspec.axes import Axis, Dim, TensorType
from graphspec.flow import Interval, Padding, Piece, Relation
from graphspec.graph import Graph, Ref

Status = Literal["proved", "refuted", "unknown"]
Mode = Literal["training", "evaluation"]
MODES: tuple[Mode, ...] = ("training", "evaluation")

LENGTHS = (6, 9)
"""Of the followed axis in replays; then as long as bounds of the relation ask for."""

LONGEST = 384
OTHER_LENGTH = 2

Breaks = Callable[[Any, Any, Any], Any]
"""Which pairs of indices (the output's, or None; the input's) break a property, given a tensor that is held."""


@dataclass(frozen=True)
class Held:
    """A tensor that a contract holds fixed: what is real, or which document each place belongs to.

    `values` makes it for a given length; `breaks` judges pairs by them. `padding`: where padding may be taken to stand;
    `rows`: the names of the tensor's other axes.
    """

    tensor: str
    values: Callable[[int], Any]
    breaks: Breaks
    padding: Padding = None
    rows: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """May `output` read of `source`, along its axis `axis`, only what is allowed?

    `place` is the output's axis that corresponds, if it has one. `allows` judges a piece of the relation, `breaks`
    pairs of indices. `length`: whether the number of entries may not count either; `problem` says what else stands
    against a proof; `distance` is one that a counterexample may need; `otherwise` refutes where no such pair is found.
    """

    output: str
    ref: Ref
    place: int | None
    source: str
    axis: int
    allows: Callable[[Piece, Padding], bool]
    breaks: Breaks
    length: bool = True
    held: Held | None = None
    problem: Callable[[], str] = field(default=lambda: "")
    distance: int = 0
    otherwise: Callable[[], Answer | None] = field(default=lambda: None)


@dataclass(frozen=True)
class Answer:
    """The outcome, and for a refutation what is read from where, by which path."""

    status: Status
    said: str = ""
    path: tuple[Hop, ...] = ()


Case = Callable[[], Answer]
"""A part of a contract, to be decided."""


class Judge:
    """What is known of one graph, in training or in evaluation."""

    def __init__(self, graph: Graph, mode: Mode = "training") -> None:
        self.graph = graph
        self.mode: Mode = mode
        self._analyses: dict[Padding, FlowAnalysis] = {}
        self._others: dict[Mode, Judge] = {mode: self}
        self._sure: SureFlow | None = None

    def in_mode(self, mode: Mode) -> Judge:
        if mode not in self._others:
            self._others[mode] = Judge(self.graph, mode)
        return self._others[mode]

    @property
    def by_mode(self) -> bool:
        """Whether anything that was looked at so far is otherwise in the other mode."""
        return any(analysis.by_mode for analysis in (*self._analyses.values(), self._sure) if analysis)

    def analysis(self, padding: Padding = None) -> FlowAnalysis:
        if padding not in self._analyses:
            self._analyses[padding] = FlowAnalysis(self.graph, padding, self.mode == "training")
        return self._analyses[padding]

    @property
    def sure(self) -> SureFlow:
        """The flow of what surely is read."""
        self._sure = self._sure or SureFlow(self.graph, None, self.mode == "training")
        return self._sure

    def surely(self, question: Question) -> Relation:
        """What surely is read of the axis that a question is about, at all lengths."""
        reads = self.sure.whole().state(question.ref).reads.get(question.source, ())
        return reads[question.axis] if reads else ()

    def state(self, ref: Ref, padding: Padding = None) -> State:
        return self.analysis(padding).whole().state(ref)

    def type_of(self, source: str) -> TensorType:
        return next(given.type for given in self.graph.body.inputs if given.name == source)

    # -- replays ------------------------------------------------------------------------------------------------------

    def refute(self, question: Question) -> Answer | None:
        """A pair that breaks the property, found at small sizes."""
        for lengths in self.lengths(question):
            for data in (True, False):
                found = self.witness(question, Setting(question.source, question.axis, lengths, data=data))
                if found:
                    return Answer("refuted", found.said, found.path)
        return None

    def witness(self, question: Question, setting: Setting) -> Witness | None:
        """A pair that breaks the property at these sizes, with its path."""
        replay = self.replay(question, setting)
        return Witness.find(question, replay) if replay else None

    def replay(self, question: Question, setting: Setting) -> Replay | None:
        """The model run at these sizes, unless they do not fit it or are too much."""
        try:
            return Replay(self.analysis(), replace(setting, held=self._held(question, setting.lengths)))
        except Unfit:
            return None

    def _held(self, question: Question, lengths: Mapping[str, int]) -> tuple[str, Any] | None:
        if question.held is None:
            return None
        size = self.type_of(question.source).sizes[question.axis]
        return question.held.tensor, question.held.values(number_of(size, self.analysis().sizes, lengths))

    def lengths(self, question: Question) -> Iterator[Mapping[str, int]]:
        """The sizes to try, for each run-time axis."""
        analysis, graph = self.analysis(), self.graph
        followed = analysis.names(self.type_of(question.source), question.axis)
        free = {axis.name for axis in graph.axes if axis.size is None}
        for length in sorted({*LENGTHS, *self._asked_for(question)}):
            yield {name: length if name in followed else OTHER_LENGTH for name in free}
            if not free & followed:
                return

    def _asked_for(self, question: Question) -> Iterator[int]:
        """Lengths at which the bounds of the relation are reached."""
        reads = self.state(question.ref).reads.get(question.source, ((),) * (question.axis + 1))
        if max(LENGTHS) - 4 < question.distance <= LONGEST:
            yield question.distance + 4
        for item in reads[question.axis]:
            for bound in _bounds(item.relative, item.absolute):
                number = bound.constant
                if number is not None and max(LENGTHS) - 4 < abs(number) <= LONGEST:
                    yield abs(number) + 4


def _bounds(*intervals: Interval) -> Iterator[Dim]:
    for interval in intervals:
        yield from (bound for bound in (interval.low, interval.high) if bound is not None)


@dataclass(frozen=True)
class Witness:
    """A pair of entries that breaks a property in a replay; `pairs` are all that do."""

    question: Question
    replay: Replay
    place: tuple[int, ...]
    column: int
    pairs: Any = field(default=None, compare=False, repr=False)

    @staticmethod
    def find(question: Question, replay: Replay) -> Witness | None:
        np = replay.np
        reads = replay.frame.value(question.ref).reads
        broken = np.zeros_like(reads)
        reader, entries = _reader(question, replay, reads), np.arange(replay.count)
        held = replay.setting.held[1] if replay.setting.held else None
        broken[..., :-1] = question.breaks(reader, entries, held)
        broken[..., -1] = question.length and (question.held is None or question.held.padding != "left")
        pairs = broken & reads
        found = np.argwhere(pairs)
        if not len(found):
            return None
        *place, column = min(found.tolist(), key=lambda entry: (entry[-1] == replay.count, sum(entry)))
        return Witness(question, replay, tuple(place), column, pairs)

    @property
    def is_length(self) -> bool:
        """Whether what is used is the number of entries."""
        return self.column == self.replay.count

    @cached_property
    def path(self) -> tuple[Hop, ...]:
        named = (letter(self.axis), self.column - self.distance) if self.distance is not None else ("", 0)
        return PathSearch(self.replay, self.column, *named).find(self.question.ref, self.place)

    @property
    def axis(self) -> Axis:
        return self.replay.analysis.graph.body.type_of(Ref(self.question.source, "")).axes[self.question.axis]

    @cached_property
    def distance(self) -> int | None:
        """How far from its reader the entry lies, if every reader breaks the property by one so far away."""
        question, body = self.question, self.replay.analysis.graph.body
        made = body.type_of(question.ref)
        followed = self.replay.followed(made)
        if question.held or self.pairs is None or self.column == self.replay.count or question.place not in followed:
            return None
        own = followed.index(question.place)
        others = tuple(at for at in range(len(followed)) if at != own)
        pairs, distance = self.pairs[..., :-1].any(axis=others), self.column - self.place[own]
        same = made.axes[question.place].size == self.axis.size and len(pairs) > abs(distance) + 1
        return distance if same and bool(pairs.diagonal(distance).all()) else None

    @property
    def said(self) -> str:
        return self.says("reads")

    def says(self, verb: str) -> str:
        question, axis = self.question, self.axis
        if self.is_length:
            return f"`{question.output}` depends on the length of `{axis}`"
        if self.distance is not None:
            read = entry(question.source, offset(letter(axis), self.distance))
            return f"`{entry(question.output, letter(axis))}` {verb} `{read}`"
        followed = self.replay.followed(self.replay.analysis.graph.body.type_of(question.ref))
        own = f" at `{axis}` = {self.place[followed.index(question.place)]}" if question.place in followed else ""
        return f"`{question.output}`{own} {verb} `{question.source}` at `{axis}` = {self.column}"


def _reader(question: Question, replay: Replay, reads: Any) -> Any:
    """The indices along the output's corresponding axis, in the shape of what it reads."""
    followed = replay.followed(replay.analysis.graph.body.type_of(question.ref))
    if question.place is None or question.place not in followed:
        return None
    shape = [1] * reads.ndim
    shape[followed.index(question.place)] = -1
    return replay.np.arange(reads.shape[followed.index(question.place)]).reshape(shape)
