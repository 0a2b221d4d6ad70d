"""Places by number alone: rows that are learned or computed for each place, by which a reader shows where it stands.

What reads nothing that it must not may still tell its place by such rows. They are followed like an input: an output
that surely reads a row which its counterpart surely does not is another function of the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphspec.analysis.contracts.held import held
from graphspec.analysis.contracts.questions import Answer, Judge, Question, Witness
from graphspec.analysis.matrices import Unfit
from graphspec.analysis.paths import Hop, Trail
from graphspec.analysis.replay import Replay, Setting
from graphspec.axes import Dim
from graphspec.graph import Node
from graphspec.operators import Operator


def displaced(judge: Judge, question: Question) -> Answer | None:
    """A row that is read, but would not be without what stands before the last run of what a question holds fixed."""
    assert question.held is not None
    alone = "without the padding before it" if question.held.padding == "left" else "if it stood alone"
    for rows in _rows(judge, question):
        for lengths in rows.judge.lengths(rows.question):
            found = rows.moved(lengths)
            if found:
                return Answer("refuted", f"{found.said}, but would not {alone}", rows.path(found))
    return None


def unlike(judge: Judge, question: Question) -> Answer | None:
    """A row that is read in one place, and surely not in another: where all places hold the same, these differ."""
    for rows in _rows(judge, question):
        for lengths in rows.judge.lengths(rows.question):
            found = rows.uneven(lengths)
            if found:
                return Answer("refuted", f"{found[0].said}, but at {found[1]} does not", rows.path(found[0]))
    return None


def _rows(judge: Judge, question: Question) -> Iterator[_Rows]:
    """The nodes of the model's own body that tell places along the axis of a question apart, and read nothing."""
    analysis, size = judge.analysis(), judge.type_of(question.source).sizes[question.axis]
    names = analysis.names(judge.type_of(question.source), question.axis)
    if len(names) != 1 or size != Dim.symbol(*names):
        return
    for node in judge.graph.body.nodes:
        axis = next((at for at, own in enumerate(node.type.sizes) if own == size), None)
        if axis is None or node.inputs or not isinstance(node.does, Operator) or node.name == question.ref.name:
            continue
        if analysis.effect(node, analysis.whole(), 0).marks.absolutes & names:
            yield _Rows.of(judge, question, node, axis, *names)


@dataclass(frozen=True)
class _Rows:
    """A question asked of the rows of a node, which is an input of the graph that is judged, along the axis `name`."""

    judge: Judge
    question: Question
    node: Node
    name: str

    @staticmethod
    def of(judge: Judge, question: Question, node: Node, axis: int, name: str) -> _Rows:
        asked = replace(question, source=node.name, axis=axis)
        return _Rows(Judge(held(judge.graph, node.name), judge.mode), asked, node, name)

    def path(self, found: Witness) -> tuple[Hop, ...]:
        """The hops to the row, with the node that makes it."""
        trail, place = Trail(((self.node.name, None),), leaps=False), (found.column,)
        assert isinstance(self.node.does, Operator)
        return (*found.path, Hop(self.node.name, self.node.does.op, place, place, self.node.span, trails=(trail,)))

    def moved(self, lengths: Mapping[str, int]) -> Witness | None:
        """A row that a reader in the last run of what is held reads, but not where that run is all there is."""
        import numpy as np

        assert self.question.held is not None
        tensor, values = self.question.held.tensor, self.question.held.values(lengths[self.name])
        start = int(np.argmax(values == values[-1]))
        whole = self.replay(lengths, (tensor, values), exact=True)
        part = self.replay({**lengths, self.name: len(values) - start}, (tensor, values[start:]), exact=False)
        if whole is None or part is None:
            return None
        pairs, alone = self.reads(whole).copy(), self.reads(part)
        later = pairs if self.question.place is None else pairs[start:]
        later[..., : alone.shape[-1]] &= ~alone
        pairs[:start] &= self.question.place is None
        return self.first(whole, pairs)

    def uneven(self, lengths: Mapping[str, int]) -> tuple[Witness, int] | None:
        """A row that one reader reads, and the reader that does not."""
        sure, may = (self.replay(lengths, None, exact) for exact in (True, False))
        if sure is None or may is None:
            return None
        unread = ~self.reads(may)
        found = self.first(sure, self.reads(sure) & unread.any(axis=0))
        return (found, int(unread[:, found.column].argmax())) if found else None

    def replay(self, lengths: Mapping[str, int], fixed: tuple[str, Any] | None, exact: bool) -> Replay | None:
        setting = Setting(self.question.source, self.question.axis, lengths, exact, held=fixed)
        try:
            replay = Replay(self.judge.analysis(), setting)
        except Unfit:
            return None
        followed = replay.followed(self.judge.graph.body.type_of(self.question.ref))
        return replay if followed == ([] if self.question.place is None else [self.question.place]) else None

    def reads(self, replay: Replay) -> Any:
        return replay.frame.value(self.question.ref).reads[..., :-1]

    def first(self, replay: Replay, pairs: Any) -> Witness | None:
        found = min(replay.np.argwhere(pairs).tolist(), default=None)
        return Witness(self.question, replay, tuple(found[:-1]), found[-1]) if found else None
