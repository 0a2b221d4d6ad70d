"""What the two models learn and compute, part by part."""

from __future__ import annotations

from dataclasses import dataclass

from graphspec.analysis.cost import Costs
from graphspec.difference.bodies import Comparison
from graphspec.graph import Graph
from graphspec.render.summary import flops_text


@dataclass(frozen=True, slots=True)
class Part:
    """How many numbers a node of the model's own body learns; a part that is not there learns none."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Bill:
    """Parameters by part and in all; floating-point operations for each token, as `a + b·n` at the length `n`.

    `flops`: of the whole pass, symbolic in the run-time axes; `told`: the same in words.
    """

    parts: tuple[Part, ...]
    parameters: tuple[int, int]
    flops: tuple[str, str]
    per_token: tuple[tuple[int, int] | None, tuple[int, int] | None]
    told: tuple[str, str]

    @property
    def same_flops(self) -> bool:
        return self.flops[0] == self.flops[1]


def bill(comparison: Comparison) -> Bill:
    """The costs of both models, in the order of the later one."""
    before, after = comparison.sides.costs
    old, new = _by_node(before), _by_node(after)
    names = comparison.names
    was = {names[name]: count for name, count in old.items() if name in names}
    parts = [Part(name, was.pop(name, 0), count) for name, count in new.items()]
    parts += [Part(name, count, 0) for name, count in was.items()]
    parts += [Part(name, count, 0) for name, count in old.items() if name not in names]
    totals = before.number(before.parameters()), after.number(after.parameters())
    flops = str(comparison.sides.rename(before.known(before.flops()))), str(after.known(after.flops()))
    per_token = before.flops_per_token(), after.flops_per_token()
    return Bill(tuple(parts), totals, flops, per_token, (flops_text(before), flops_text(after)))


def _by_node(costs: Costs) -> dict[str, int]:
    graph: Graph = costs.graph
    counts = {node.name: costs.number(costs.node_parameters(node, graph.body)) for node in graph.body.nodes}
    return {name: count for name, count in counts.items() if count}
