"""What the passes share: fresh names, replaced readings, the way down into inner bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from graphspec.graph import Body, Call, Node, Ref, Repeat, Run


def fresh(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, with a number behind it if it is taken."""
    known, name, count = set(taken), wanted, 1
    while name in known:
        count += 1
        name = f"{wanted}{count}" if wanted.endswith("~") else f"{wanted}_{count}"
    return name


def names(body: Body) -> set[str]:
    """What is taken in the namespace of a body."""
    return {source.name for source in body.inputs} | {node.name for node in body.nodes}


def redirect(node: Node, moved: Mapping[Ref, Ref]) -> Node:
    """The node, reading other values where `moved` says so."""
    inputs = tuple((port, moved.get(ref, ref)) for port, ref in node.inputs)
    return node if inputs == node.inputs else replace(node, inputs=inputs)


def redirect_body(body: Body, moved: Mapping[Ref, Ref]) -> Body:
    """The body with all readings of some values replaced."""
    nodes = tuple(redirect(node, moved) for node in body.nodes)
    outputs = tuple((name, moved.get(ref, ref)) for name, ref in body.outputs)
    return replace(body, nodes=nodes, outputs=outputs)


def within(node: Node, change: Callable[[Body], Body]) -> Node:
    """The node with its inner bodies changed; equal bodies stay one."""
    match node.does:
        case Call(body) as call:
            return replace(node, does=replace(call, body=change(body)))
        case Repeat() as repeat:
            runs = tuple(Run(tuple(change(body) for body in run.bodies), run.count) for run in repeat.runs)
            return replace(node, does=replace(repeat, runs=runs))
        case _:
            return node
