"""The answer to a question, by two ways that share no code: relations prove, replays at small sizes refute.

Where neither does, the node is named that stopped the proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from graphspec.analysis.contracts.culprit import culprit
from graphspec.analysis.contracts.questions import Answer, Judge, Question
from graphspec.analysis.flow import State
from graphspec.analysis.replay import Setting
from graphspec.flow import Marks, Padding, Relation
from graphspec.graph import Node, Ref


def decide(judge: Judge, question: Question) -> Answer:
    """Proved if the bounds allow no more, with padding anywhere or where it is said to stand."""
    assumed = [Proof(judge, question, at) for at in dict.fromkeys((None, question.held and question.held.padding))]
    if any(proof.succeeds for proof in assumed):
        return Answer("proved")
    found = judge.refute(question) or question.otherwise()
    return found or Answer("unknown", assumed[-1].obstacle)


@dataclass(frozen=True)
class Proof:
    """The attempt to prove a property, with `padding` taken to stand on one side."""

    judge: Judge
    question: Question
    padding: Padding

    @property
    def succeeds(self) -> bool:
        return not (self.exceeds or self.counts or self.mixed_rows or self.problem)

    @cached_property
    def state(self) -> State:
        return self.judge.state(self.question.ref, self.padding)

    @property
    def names(self) -> frozenset[str]:
        """What the followed axis goes by in marks."""
        return self.judge.analysis().names(self.judge.type_of(self.question.source), self.question.axis)

    @property
    def exceeds(self) -> bool:
        """Whether the bounds allow what the property does not."""
        return not self.allows(self.reads(self.state))

    def reads(self, state: State) -> Relation:
        reads = state.reads.get(self.question.source)
        return reads[self.question.axis] if reads else ()

    def allows(self, relation: Relation) -> bool:
        return all(self.question.allows(item, self.padding) for item in relation)

    @property
    def counts(self) -> bool:
        """Whether the number of entries may count: as a number, or as a mask shows where the axis ends."""
        return self.question.length and (self.uses_length(self.state.all_marks) or self.counts_keys)

    def uses_length(self, marks: Marks) -> bool:
        return marks.uses_length(self.names, self.question.held.tensor if self.question.held else "")

    @property
    def counts_keys(self) -> bool:
        """Whether a mask shows where the axis ends, other than by what is read there."""
        held, source = self.question.held, (self.question.source, self.question.axis)
        before, masked_by = held is not None and held.padding != "right", held.tensor if held else ""
        return self.state.all_marks.counts_keys(self.names, source, masked_by, before, self.state.ends)

    @property
    def mixed_rows(self) -> frozenset[str]:
        """The axes along which rows of the tensor that is held are mixed."""
        held = self.question.held
        return self.state.all_marks.mixed & held.rows if held and self.reads(self.state) else frozenset()

    @cached_property
    def problem(self) -> str:
        return self.question.problem()

    # -- why it fails -------------------------------------------------------------------------------------------------

    @property
    def obstacle(self) -> str:
        """What stopped the proof, where no refutation was found either."""
        if self.exceeds or self.counts:
            return self.doubt or (self.excess if self.exceeds else self.count)
        if not self.mixed_rows:
            return self.problem
        assert self.question.held is not None
        where = self.by(lambda marks: bool(marks.mixed & self.mixed_rows))
        return f"rows of `{self.question.held.tensor}` are mixed along `{min(self.mixed_rows)}`{where}"

    @property
    def doubt(self) -> str:
        """The first hop of a possible path that may not be one."""
        for lengths in self.judge.lengths(self.question):
            setting = Setting(self.question.source, self.question.axis, lengths, exact=False)
            found = self.judge.witness(self.question, setting)
            doubtful = next((hop for hop in found.path if not hop.certain), None) if found else None
            if doubtful:
                return f"the flow of `{doubtful.does}` at `{doubtful.node}` is not known exactly"
            if found and found.path:
                if found.is_length:
                    return f"whether {found.said} is not known at `{found.path[-1].node}`"
                told = [hop for hop in found.path if hop.why] or found.path
                hop = next((hop for hop in told if hop.moves), told[0])
                what = "what the mask shows" if hop.does == "attend" else "what is zero"
                return f"whether {found.said} depends on {what} at `{hop.node}`"
        return ""

    @property
    def excess(self) -> str:
        """The first node of whose bound more is left than is allowed."""
        flow = self.judge.analysis(self.padding).whole()
        for node in self.judge.graph.body.nodes:
            if self.is_like(node) and not self.allows(self.reads(flow.state(Ref(node.name, "")))):
                return f"the bounds at `{node.name}` do not suffice, and no counterexample was found at small sizes"
        return "the bounds do not suffice, and no counterexample was found at small sizes"

    def is_like(self, node: Node) -> bool:
        """Whether what is allowed of the output can be asked of a node: it has the same axis, or lacks it as well."""
        place, made = self.question.place, self.judge.graph.body.type_of(self.question.ref)
        if place is None:
            names = self.judge.analysis().names
            return not any(names(node.type, axis) & self.names for axis in range(len(node.type.axes)))
        return node.type.axes[place : place + 1] == made.axes[place : place + 1]

    @property
    def count(self) -> str:
        axis = self.judge.type_of(self.question.source).axes[self.question.axis]
        where = self.by(self.uses_length) or self.by(lambda marks: any(key.axis in self.names for key in marks.shown))
        return f"the length of `{axis}` may count{where}, and no counterexample was found at small sizes"

    def by(self, guilty: Callable[[Marks], bool]) -> str:
        found = culprit(self.judge.analysis(self.padding), self.question.ref, guilty)
        return f" at {found}" if found else ""
