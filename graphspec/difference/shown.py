"""What a diagram shows of one body: which of its units, and under which titles."""

from __future__ import annotations

from collections.abc import Iterator

from graphspec.difference.units import base
from graphspec.graph import Body, Node, Repeat, inner_bodies
from graphspec.render.steps import flow_of
from graphspec.render.view import view


def drawn(body: Body) -> dict[str, str]:
    """The units of a body that a diagram shows, and what stands in their boxes; nothing in what may be open."""
    steps = flow_of(body, lambda node: False, {}).steps
    return {base(step.name): "" if _may_open(step.node) else step.title for step in steps}


def _may_open(node: Node) -> bool:
    return isinstance(node.does, Repeat) or any(inner_bodies(inner) for inner in _inside(node))


def _inside(node: Node) -> Iterator[Node]:
    return (inner for body in inner_bodies(node) for inner in body.nodes)


def live(body: Body) -> set[str]:
    """The units that a diagram of the body shows: those from which data reach an output."""
    reads, found = view(body).reads, set[str]()
    waiting = [ref.name for _, ref in body.outputs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [ref.name for _, ref in reads.get(name, ())]
    return {base(name) for name in found}
