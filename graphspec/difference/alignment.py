"""Which bodies of two nodes stand at one place, and the later names of what an earlier body reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphspec.difference.symbols import Names
from graphspec.graph import Body, Call, Mixture, Node, Ref, Repeat, inner_bodies

Aligned = tuple[Body, Body, tuple[int, ...], int]
"""Two bodies, at which indices both stand, and how many indices both nodes have; none where nothing is numbered."""


def named(name: str, names: Names) -> str:
    """The later name of a node; parts follow their node."""
    whole, mark, part = name.partition("~")
    return f"{names.get(whole, whole)}{mark}{part}"


def translated(ref: Ref, names: Names) -> Ref:
    return replace(ref, name=named(ref.name, names))


def matched_nodes(before: Body, after: Body, names: Names) -> Iterator[tuple[Node, Node]]:
    for node in before.nodes:
        if not node.anonymous and after.has_node(names.get(node.name, "")):
            yield node, after.node(names[node.name])


def aligned(before: Node, after: Node) -> Iterator[Aligned]:
    """The bodies of two nodes that stand at one index, with these indices and the number of those that both have."""
    match before.does, after.does:
        case Repeat() as old, Repeat() as new if old.runs and new.runs:
            if old.shared or new.shared:
                yield old.bodies[0], new.bodies[0], (), 0
            else:
                yield from _turns(old, new)
        case (Mixture() as old, Mixture() as new):
            both = min(old.count, new.count)
            yield old.body, new.body, tuple(range(both)), both
        case (Call() | Repeat(), Call() | Repeat()):
            for a in inner_bodies(before)[:1]:
                yield from ((a, b, (), 0) for b in inner_bodies(after)[:1])
        case _:
            pass


def _turns(before: Repeat, after: Repeat) -> Iterator[Aligned]:
    both = min(before.count, after.count)
    found: dict[tuple[Body, Body], list[int]] = {}
    for index, pair in enumerate(zip(before.turns(), after.turns(), strict=False)):
        found.setdefault(pair, []).append(index)
    for (old, new), indices in found.items():
        yield old, new, tuple(indices), both
