"""Drop what nobody reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from compiler.passes.expose import turn_output
from compiler.passes.rewrite import within
from compiler.target import Target
from graphspec.graph import WEIGHT, Body, Graph, Mixture, Node, Repeat, inner_bodies


def drop_unread(graph: Graph, target: Target) -> Graph:
    """Drop nodes, second outputs and inner inputs that nobody reads; but what learns stays, for its tensors.

    Before: out, weights = attention(x); y = x + out
    After:  out = attention(x); y = x + out
    """

    @cache
    def has_learning(body: Body) -> bool:
        return any(map(learns, body.nodes))

    def learns(node: Node) -> bool:
        return bool(node.parameters or node.buffers) or any(map(has_learning, inner_bodies(node)))

    @cache
    def dropped(body: Body, wanted: frozenset[str]) -> Body:
        outputs = tuple((name, ref) for name, ref in body.outputs if name in wanted)
        read: dict[str, set[str]] = {}
        for _, ref in outputs:
            read.setdefault(ref.name, set()).add(ref.output)
        kept: list[Node] = []
        for node in reversed(body.nodes):
            if node.name in read or learns(node):
                kept.append(slim(node, read.get(node.name, ())))
                for _, ref in kept[-1].inputs:
                    read.setdefault(ref.name, set()).add(ref.output)
        inputs = body.inputs if body is graph.body else tuple(i for i in body.inputs if i.name in read)
        return replace(body, inputs=inputs, nodes=tuple(reversed(kept)), outputs=outputs)

    def slim(node: Node, read: Iterable[str]) -> Node:
        """The node with its first output and those that are read; a repeat keeps what it carries."""
        outputs = tuple(v for at, v in enumerate(node.outputs) if at == 0 or v.name in read)
        bodies = inner_bodies(node)
        if not bodies:
            return replace(node, outputs=outputs)
        wanted = frozenset(turn_output(value.name)[0] for value in outputs)
        carried = bodies[0].inputs[:1] if isinstance(node.does, Repeat) else ()
        inner = within(node, lambda body: _with_inputs(dropped(body, wanted), body, carried))
        needed = {source.name for body in inner_bodies(inner) for source in body.inputs}
        needed |= {WEIGHT} if isinstance(node.does, Mixture) else set()
        inputs = tuple((port, ref) for port, ref in node.inputs if port in needed)
        return replace(inner, inputs=inputs, outputs=outputs)

    return replace(graph, body=dropped(graph.body, frozenset(name for name, _ in graph.body.outputs)))


def _with_inputs(slim: Body, full: Body, carried: Iterable[object]) -> Body:
    """The body with the input that a repeat carries, even if it is not read."""
    kept = {source.name for source in slim.inputs}
    inputs = tuple(source for source in full.inputs if source.name in kept or source in carried)
    return replace(slim, inputs=inputs)
