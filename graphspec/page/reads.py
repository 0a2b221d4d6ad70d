"""What the value of each node reads of its body's inputs, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from graphspec.analysis.flow import CARRIED, BodyFlow, FlowAnalysis, State, with_defaults
from graphspec.analysis.words import letters, sentences
from graphspec.flow import Facts
from graphspec.graph import Body, Call, Graph, Input, Mixture, Node, Ref, Repeat
from graphspec.operators.flow_rules import ground


class Reads:
    """The flow of each distinct body, at the first place where it stands."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.analysis = FlowAnalysis(graph)

    @cached_property
    def flows(self) -> Mapping[Body, BodyFlow]:
        found: dict[Body, BodyFlow] = {}
        self._walk(self.analysis.whole(), found)
        return found

    def of(self, node: Node, body: Body) -> list[str]:
        """A phrase for each input and position axis: `tokens[0 … t]`. Truth values are left out: they steer."""
        flow = self.flows.get(body)
        if flow is None:
            return []
        state = flow.state(Ref(node.name, node.outputs[0].name))
        index = letters(node.type)
        data = (source for source in body.inputs if source.type.dtype != "bool")
        return list(dict.fromkeys(phrase for source in data for phrase in self._phrases(source, state, index)))

    def _phrases(self, source: Input, state: State, index: tuple[str, ...]) -> Iterator[str]:
        reads = state.reads.get(source.name)
        if not reads:
            return
        positions = [at for at, axis in enumerate(source.type.axes) if self.graph.role(axis.size) == "position"]
        if not positions:
            yield f"`{source.name}`"
        for at in positions:
            size = ground(source.type.sizes[at], self.analysis.sizes)
            yield " and ".join(sentences(reads[at], source.name, size, index))

    # -- bodies within bodies -----------------------------------------------------------------------------------------

    def _walk(self, flow: BodyFlow, found: dict[Body, BodyFlow]) -> None:
        found.setdefault(flow.body, flow)
        for node in flow.body.nodes:
            for inner, facts in self._within(node, flow):
                if inner not in found:
                    self._walk(self.analysis.body(inner, facts), found)

    def _within(self, node: Node, flow: BodyFlow) -> Iterator[tuple[Body, Mapping[str, Facts]]]:
        """The bodies within a node, with what is known of their inputs there."""
        given = {port: flow.state(ref) for port, ref in node.inputs}
        match node.does:
            case Mixture(inner):
                yield inner, {}
            case Call(inner):
                yield inner, _facts(with_defaults(inner.inputs, given))
            case Repeat(runs=()):
                pass
            case Repeat() as repeat:
                inputs = (source for body in repeat.bodies for source in body.inputs)
                facts = self.analysis.facts_in_turns(repeat, _facts(with_defaults(inputs, given)))
                for body in repeat.bodies:
                    yield body, {**facts, body.inputs[0].name: facts[CARRIED]}
            case _:
                pass


def _facts(given: Mapping[str, State]) -> dict[str, Facts]:
    return {port: state.facts for port, state in given.items()}
