"""One block of a model, to be drawn alone: by the path of a node, or by the block's own name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from graphspec.diagnostics import Report, suggestion
from graphspec.graph import Body, Graph, Node, Repeat, inner_bodies
from graphspec.render.names import block_name, humanised, plain


@dataclass(frozen=True)
class Focus:
    """A body, what people call it, and those of its outputs that something reads."""

    title: str
    body: Body
    used: tuple[str, ...]


def focus_of(graph: Graph, name: str, report: Report) -> Focus | None:
    """The inside of a node such as `decoder.self_attention` (of a repeat's first turn, or of that in
    `layers.5.attention`), or of the first use of a block. Error: `unknown-focus`."""
    found = _at(graph.body, name.split(".")) or _block(graph, name)
    if found is None:
        blocks = [body.block for body in graph.bodies() if body is not graph.body]
        known = [*_paths(graph.body, ""), *blocks, *map(block_name, blocks)]
        help = suggestion(name, known, "blocks")
        report.error("unknown-focus", f"no node or block `{name}` has an inside to draw", None, help=help)
    return found


def _at(body: Body, parts: Sequence[str]) -> Focus | None:
    name, *rest = parts
    if not body.has_node(name):
        return None
    node = body.node(name)
    inside = inner_bodies(node)
    if isinstance(node.does, Repeat) and rest and rest[0].isdigit():
        inside, rest = tuple(islice(node.does.turns(), int(rest[0]), int(rest[0]) + 1)), rest[1:]
    if not inside:
        return None
    return _at(inside[0], rest) if rest else _focus(node, inside[0], body)


def _focus(node: Node, inside: Body, around: Body) -> Focus:
    """On the inside of a node: called after the node if its block is a library's, else after the block."""
    name = node.name if "." in inside.block else inside.block
    refs = [ref for other in around.nodes for _, ref in other.inputs] + [ref for _, ref in around.outputs]
    first = inside.outputs[0][0]
    used = tuple(dict.fromkeys([first, *(ref.output or first for ref in refs if ref.name == node.name)]))
    return Focus(plain(node.label) or humanised(name), inside, used)


def _block(graph: Graph, name: str) -> Focus | None:
    """The first use of a block, from the outside inwards; a library's name needs no prefix."""
    uses = [
        (node, inner, body) for body in reversed(graph.bodies()) for node in body.nodes for inner in inner_bodies(node)
    ]
    exact = (use for use in uses if use[1].block == name)
    found = next(exact, None) or next((use for use in uses if block_name(use[1].block) == name), None)
    return _focus(*found) if found and name else None


def _paths(body: Body, above: str) -> Iterator[str]:
    """The paths of all nodes that have an inside."""
    for node in body.nodes:
        for inner in inner_bodies(node)[:1]:
            yield f"{above}{node.name}"
            yield from _paths(inner, f"{above}{node.name}.")
