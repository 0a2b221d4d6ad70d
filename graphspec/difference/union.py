"""Both models as one graph to draw, each pair of bodies merged once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphspec.difference.bodies import BodyDifference, Inside, Pair
from graphspec.difference.merge import Merge, compared
from graphspec.graph import Body, Call, Node, Repeat, Run
from graphspec.render.compared import Change, Compared


def united(difference: BodyDifference) -> Body:
    """The union of two bodies; each pair within it is made once."""
    lost = frozenset(source.name for source in difference.before.inputs if source.name not in difference.names)
    return _Unions().of(difference, lost)


class _Unions:
    """The merged bodies of two models."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, frozenset[str]], Body] = {}
        self.marked: dict[tuple[Body, Change], Body] = {}

    def of(self, difference: BodyDifference, fed: frozenset[str]) -> Body:
        """The union of two bodies; `fed` are the inputs that are no more and that what is around it still feeds."""
        if not difference.differs:
            return difference.after
        key = id(difference), fed
        if key not in self.known:
            self.known[key] = Merge(self, difference, fed).body()
        return self.known[key]

    def whole(self, body: Body, change: Change) -> Body:
        """A body that came or went as a whole."""
        if (body, change) not in self.marked:
            nodes = tuple(self.alone(node, change) for node in body.nodes)
            self.marked[body, change] = replace(body, nodes=nodes)
        return self.marked[body, change]

    def alone(self, node: Node, change: Change) -> Compared:
        """A node that came or went, with all that is in it."""
        match node.does:
            case Call(body) as call:
                does = replace(call, body=self.whole(body, change))
            case Repeat(runs=runs) as repeat:
                bodies = (Run(tuple(self.whole(body, change) for body in run.bodies), run.count) for run in runs)
                does = replace(repeat, runs=tuple(bodies))
            case operator:
                does = operator
        return compared(replace(node, does=does), change)

    def of_pair(self, pair: Pair, fed: frozenset[str] = frozenset()) -> Node:
        """A later node with the bodies within it merged with the earlier ones."""
        node = pair.after.node
        if pair.replaced:
            return self.alone(node, "added")
        match node.does:
            case Repeat() as repeat if pair.inside:
                return replace(node, does=replace(repeat, runs=tuple(self.runs(repeat, pair.inside, fed))))
            case Call() as call if pair.inside:
                return replace(node, does=replace(call, body=self.of(pair.inside[0].difference, fed)))
            case _:
                return node

    def runs(self, repeat: Repeat, inside: tuple[Inside, ...], fed: frozenset[str]) -> Iterator[Run]:
        """The turns of a repeat, those that only it has like those that both have."""
        at = {index: self.of(each.difference, fed) for each in inside for index in each.indices}
        like = {each.difference.after: self.of(each.difference, fed) for each in reversed(inside)}
        start = 0
        for run in repeat.runs:
            size = len(run.bodies)
            turns = [
                at.get(start + turn)
                or like.get(run.bodies[turn % size])
                or self.whole(run.bodies[turn % size], "added")
                for turn in range(size * run.count)
            ]
            start += len(turns)
            if turns[:size] * run.count == turns:
                yield Run(tuple(turns[:size]), run.count)
            else:
                yield from _in_a_row(turns)


def _in_a_row(turns: list[Body]) -> Iterator[Run]:
    start = 0
    for at in range(1, len(turns) + 1):
        if at == len(turns) or turns[at] != turns[start]:
            yield Run((turns[start],), at - start)
            start = at
