"""Attentions whose mask can never be true: what they give is zero, which nobody means."""

from __future__ import annotations

from collections.abc import Iterator

from graphspec.analysis.flow import sizes_of
from graphspec.diagnostics import Report, Span
from graphspec.graph import Body, Graph, Node, inner_bodies
from graphspec.masks import Mask
from graphspec.operators.attention import Attend
from graphspec.operators.flow_rules import ground
from graphspec.operators.mask_flow import Keyed


def check_masks(graph: Graph, report: Report) -> None:
    """Warn of attentions that see no key, whatever the inputs hold; within a library, where its block is used."""
    for mask, place in _blind(graph, graph.body, graph.body.span, {graph.body}):
        message = f"the mask `{mask}` is never true: the attention sees no key and gives zeros"
        report.warning("blind-mask", message, place, help="a part of it excludes another")


def _blind(graph: Graph, body: Body, around: Span, seen: set[Body]) -> Iterator[tuple[Mask, Span]]:
    for node in body.nodes:
        place = node.span if node.span.file == graph.body.span.file else around
        if isinstance(node.does, Attend) and _is_blind(graph, body, node, node.does):
            yield node.does.mask, place
        for inner in inner_bodies(node):
            if inner not in seen:
                seen.add(inner)
                yield from _blind(graph, inner, place, seen)


def _is_blind(graph: Graph, body: Body, node: Node, attend: Attend) -> bool:
    sizes, key = sizes_of(graph), node.input("key")
    assert key is not None
    size = ground(body.type_of(key).sizes[-3], sizes)
    return not Keyed(0, size, lambda own: ground(own, sizes), {}).may(attend.mask)
