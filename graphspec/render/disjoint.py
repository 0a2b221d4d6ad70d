"""Names that canonical text can bear: within a block, none may be that of an input of the model.

In a spec a block sees the inputs of its file. A block of a library does not, and may use their names for its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphspec.graph import WEIGHT, Body, Call, Graph, Input, Mixture, Node, Ref, Repeat, Run, inner_bodies
from graphspec.operators import Operator

Seen = Mapping[Body, frozenset[str]]


def seen_inputs(graph: Graph) -> Seen:
    """For each body, the inputs of the model that reach it under their own names, at every place where it stands."""
    whole = frozenset(source.name for source in graph.body.inputs)
    found = {graph.body: whole}
    for body in reversed(graph.bodies()):  # those around a body come first
        for node in body.nodes:
            for inner in inner_bodies(node):
                passed = frozenset(port for port, ref in node.inputs if ref == Ref(port, "") and port in found[body])
                own = {inner.inputs[0].name} if isinstance(node.does, Repeat) else set[str]()
                own |= {WEIGHT} if isinstance(node.does, Mixture) else set[str]()
                found[inner] = found.get(inner, whole) & passed - own
    return found


def disjoint(graph: Graph) -> Graph:
    """The same graph, with ports and nodes of blocks renamed where they bear the name of an input of the model."""
    seen, taken = seen_inputs(graph), _all_names(graph)
    inputs = frozenset(source.name for source in graph.body.inputs)
    made: dict[Body, Body] = {}
    for body in graph.bodies():
        own = [source.name for source in body.inputs] + [node.name for node in body.nodes]
        clashes = [name for name in own if name in inputs - seen[body] and body is not graph.body]
        made[body] = _renamed(body, {name: _fresh(name, taken) for name in clashes}, made)
    return replace(graph, body=made[graph.body])


def _all_names(graph: Graph) -> set[str]:
    taken = {setting.name for setting in graph.settings} | {axis.name for axis in graph.axes}
    for body in graph.bodies():
        taken |= {source.name for source in body.inputs} | {node.name for node in body.nodes}
    return taken


def _fresh(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    taken.add(f"{name}_{number}")
    return f"{name}_{number}"


def _renamed(body: Body, names: Mapping[str, str], made: Mapping[Body, Body]) -> Body:
    """A body under new names of its own, and with the bodies within it as they were made."""

    def ref(old: Ref) -> Ref:
        return replace(old, name=_new(old.name, names))

    inputs = tuple(_input(source, names) for source in body.inputs)
    nodes = tuple(_node(node, names, made) for node in body.nodes)
    nodes = tuple(replace(node, inputs=tuple((port, ref(old)) for port, old in node.inputs)) for node in nodes)
    return replace(body, inputs=inputs, nodes=nodes, outputs=tuple((name, ref(old)) for name, old in body.outputs))


def _new(name: str, names: Mapping[str, str]) -> str:
    """Parts of a node (`mid~1`) follow it."""
    base, mark, part = name.partition("~")
    return f"{names.get(base, base)}{mark}{part}"


def _input(source: Input, names: Mapping[str, str]) -> Input:
    default = names.get(source.default, source.default) if isinstance(source.default, str) else source.default
    return replace(source, name=_new(source.name, names), default=default)


def _node(node: Node, names: Mapping[str, str], made: Mapping[Body, Body]) -> Node:
    pairs = [pair for inner in inner_bodies(node) for pair in zip(inner.inputs, made[inner].inputs, strict=True)]
    ports = {old.name: new.name for old, new in pairs}
    inputs = tuple((ports.get(port, port), ref) for port, ref in node.inputs)
    tied = tuple(replace(p, tied=tuple(_new(part, names) for part in p.tied[:1]) + p.tied[1:]) for p in node.parameters)
    return replace(node, name=_new(node.name, names), does=_does(node, made), inputs=inputs, parameters=tied)


def _does(node: Node, made: Mapping[Body, Body]) -> Operator | Call | Repeat:
    match node.does:
        case Call(body) as call:
            return replace(call, body=made[body])
        case Repeat() as repeat:
            return replace(
                repeat, runs=tuple(Run(tuple(made[body] for body in run.bodies), run.count) for run in repeat.runs)
            )
        case operator:
            return operator
