"""What comes out of an example of the reference: types, learned numbers, operations."""

from __future__ import annotations

from collections.abc import Iterator

from graphspec.analysis.cost import Costs
from graphspec.diagnostics import Report
from graphspec.document import lay_out
from graphspec.elaborate import elaborate
from graphspec.graph import Body, Call, Graph, Node, Repeat
from graphspec.libraries import own_library
from graphspec.render.examples import spec_text
from graphspec.source import parse


def example_graph(body: str) -> Graph:
    """The graph of an example's inputs and nodes. Raises `SpecError`."""
    report = Report()
    source = parse(spec_text(body), "example.yaml", report)
    document = lay_out(source, report) if source else None
    graph = elaborate(own_library(document, None, report), {}, report) if document else None
    report.check()
    assert graph is not None
    return graph


def outcome(body: str) -> Iterator[str]:
    """For every node of an example its type, and what it costs."""
    graph = example_graph(body)
    costs = Costs(graph)
    for node in graph.body.nodes:
        if not node.anonymous:
            yield _outcome(node, graph.body, costs)


def _outcome(node: Node, body: Body, costs: Costs) -> str:
    types = [f"{value.name} {value.type}" if len(node.outputs) > 1 else str(value.type) for value in node.outputs]
    learned, flops = costs.node_parameters(node, body), costs.node_flops(node, body)
    found = [", ".join(types)]
    if costs.number(learned):
        found.append(f"{costs.number(learned):,} parameters")
    if costs.known(flops).symbols:
        found.append(f"FLOPs {costs.known(flops) if isinstance(node.does, Call | Repeat) else flops}")
    return f"{node.name}: {'; '.join(found)}"
