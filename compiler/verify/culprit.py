"""Which node a value first differs at, looked for from the inputs on and into blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.verify.laws import Law
from compiler.verify.scene import Probe, status_of
from compiler.verify.subject import FAILS, Subject
from graphspec.analysis.flow import sizes_of
from graphspec.axes import TensorType
from graphspec.graph import Body, Call, Contract, Graph, Node, Repeat


@dataclass(frozen=True)
class Culprit:
    """A node, what it does, and where it stands."""

    path: str
    does: str
    place: str

    def __str__(self) -> str:
        return f"`{self.path}` ({self.does}), {self.place}"


@dataclass(frozen=True)
class Search:
    """Looks for the first node whose value moves where it must not."""

    subject: Subject
    contract: Contract
    probe: Probe
    law: Law
    tolerance: float
    drops: bool

    @property
    def graph(self) -> Graph:
        return self.subject.lowering.model.graph

    def find(self, output: str) -> Culprit | None:
        """None where nothing moves while values are looked at: that changes what is computed."""
        ref = dict(self.graph.body.outputs).get(output)
        wanted = set(_ancestors(self.graph.body, ref.name if ref else output))
        return self._within(self.graph.body, "", wanted)

    def _within(self, body: Body, prefix: str, wanted: set[str] | None = None) -> Culprit | None:
        nodes = [node for node in body.nodes if not node.anonymous and (wanted is None or node.name in wanted)]
        moved = self._moving({f"{prefix}{node.name}": node.type for node in nodes})
        for node in nodes:
            path = f"{prefix}{node.name}"
            if path in moved and (prefix or self._should_stay(node)):
                return self._inside(node, path) or Culprit(path, _what(node), str(node.span))
        return None

    def _inside(self, node: Node, path: str) -> Culprit | None:
        match node.does:
            case Call(body):
                return self._within(body, f"{path}.")
            case Repeat() as repeat:
                turns = list(repeat.turns())
                moved = self._moving({f"{path}.{turn}": node.type for turn in range(len(turns))})
                turn = next((turn for turn in range(len(turns)) if f"{path}.{turn}" in moved), None)
                return None if turn is None else self._within(turns[turn], f"{path}.{turn}.")
            case _:
                return None

    def _moving(self, types: dict[str, TensorType]) -> set[str]:
        """Of these values, those that move."""
        try:
            runs = [
                self.subject.values(tuple(types), inputs, drops=self.drops)
                for inputs in (self.probe.before, self.probe.after)
            ]
        except (*FAILS, KeyError, AssertionError):
            return set()
        before, after = runs
        sizes = sizes_of(self.graph)
        moves = {name: self.law.compare(given, before[name], after[name], sizes) for name, given in types.items()}
        return {name for name, move in moves.items() if move and move.exceeds(self.tolerance)}

    def _should_stay(self, node: Node) -> bool:
        """Not where the contract is known not to hold of this node: what follows it makes up for that."""
        return status_of(self.graph, self.contract, "output", node.name) != "refuted"


def _ancestors(body: Body, name: str) -> Iterator[str]:
    """The nodes that a value is made from, itself included; of parts of expressions those that they belong to."""
    waiting, seen = [name], set[str]()
    while waiting:
        current = waiting.pop()
        if current in seen or not body.has_node(current):
            continue
        seen.add(current)
        yield current
        yield current.partition("~")[0]
        waiting += [ref.name for _, ref in body.node(current).inputs]


def _what(node: Node) -> str:
    match node.does:
        case Call(body):
            return body.block
        case Repeat() as repeat:
            return " ".join(body.block for body in repeat.bodies)
        case operator:
            return str(getattr(operator, "function", operator.op))


def outputs_of(graph: Graph, contract: Contract) -> Sequence[tuple[str, TensorType]]:
    """The values that a contract is about, with their types."""
    named = contract.get("output")
    known = {node.name: node.type for node in graph.body.nodes}
    known |= {name: graph.body.type_of(ref) for name, ref in graph.body.outputs}
    return [(str(named), known[str(named)])] if named else [(n, known[n]) for n, _ in graph.body.outputs]
