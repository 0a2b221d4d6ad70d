"""The facts about the nodes of a body: what they do and give, cost and read, and where they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphspec.analysis.cost import Costs, amount
from graphspec.axes import Dim, dim
from graphspec.diagnostics import File, Span
from graphspec.graph import Body, Graph, Node
from graphspec.page.data import NodeData, Place, SourceFile
from graphspec.page.reads import Reads
from graphspec.render.listing import describe


@dataclass
class Sources:
    """The files that something on the page points into, numbered as they come."""

    files: dict[str, File] = field(default_factory=dict[str, File])

    def place(self, span: Span | None) -> Place | None:
        if span is None or not span.file.text:
            return None
        self.files.setdefault(span.file.name, span.file)
        number = list(self.files).index(span.file.name)
        end = span.end_column if span.end_line == span.line else len(span.file.line(span.line)) + 1
        return number, span.line, span.column, max(end, span.column + 1)

    def data(self) -> list[SourceFile]:
        return [{"name": file.name, "text": file.text} for file in self.files.values()]


class Nodes:
    """Tells the facts about nodes of one graph."""

    def __init__(self, graph: Graph, sources: Sources) -> None:
        self.graph, self.sources = graph, sources
        self.costs, self.reads = Costs(graph), Reads(graph)
        self.said: dict[Dim, str] = {}

    def of(self, body: Body) -> dict[str, NodeData]:
        """The nodes of a body by their names; parts of expressions count with the rest of it."""
        return dict(self._nodes(body))

    def _nodes(self, body: Body) -> Iterator[tuple[str, NodeData]]:
        for source in body.inputs:
            at = self.sources.place(source.span) if body is self.graph.body else None
            yield source.name, _input(str(source.type), at)
        for node in body.nodes:
            if not node.anonymous:
                yield node.name, self._node(node, body)

    def _node(self, node: Node, body: Body) -> NodeData:
        parts = [part for part in body.nodes if part.name.startswith(f"{node.name}~")]
        flops = sum((self.costs.node_flops(part, body) for part in [*parts, node]), start=dim(0))
        return {
            "does": describe(node, body),
            "type": str(node.type),
            "parameters": self.costs.number(self.costs.node_parameters(node, body)),
            "flops": self._operations(flops),
            "reads": self.reads.of(node, body),
            "at": self.sources.place(node.span),
        }

    def _operations(self, flops: Dim) -> str:
        if flops not in self.said:
            named = self.costs.named(flops)
            self.said[flops] = amount(named) if named.terms else ""
        return self.said[flops]


def _input(kind: str, at: Place | None) -> NodeData:
    return {"does": "input", "type": kind, "parameters": 0, "flops": "", "reads": [], "at": at}
