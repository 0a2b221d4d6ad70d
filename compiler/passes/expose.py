"""Make values inside a model its outputs.

A turn of a repeat may give a value that the others do not: its body has an output `PATH@`, and the repeat one for each
turn that is asked for, `PATH@TURN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from graphspec.axes import TensorType
from graphspec.diagnostics import nearest
from graphspec.graph import Body, Call, Graph, Mixture, Node, Ref, Repeat, Run, Value

Parts = tuple[str, ...]


class UnknownValue(KeyError):
    """There is no value of this name; says which one is near."""

    def __str__(self) -> str:
        return str(self.args[0])


def expose(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph with the named values as its outputs. Raises `UnknownValue`.

    Before: layers = repeat(layer); logits = linear(layers) → logits
    After:  layers, attention = repeat(layer with its attention as second output) → attention
    """
    body = graph.body
    refs: list[tuple[str, Ref]] = []
    for at, name in enumerate(names):
        body, ref = _expose(body, tuple(name.split(".")), ())
        refs.append((f"value_{at}", ref))
    return replace(graph, body=replace(body, outputs=tuple(refs)))


def turn_output(name: str) -> tuple[str, int | None]:
    """What a turn calls an output of a repeat, and the turn if only one is asked for."""
    path, at, turn = name.partition("@")
    return (f"{path}@", int(turn)) if at and turn else (name, None)


def _expose(body: Body, path: Parts, before: Parts) -> tuple[Body, Ref]:
    """The body with the value at `path` computed in it, and where it is."""
    first, rest = path[0], path[1:]
    if any(source.name == first for source in body.inputs) and not rest:
        return body, Ref(first, "")
    if not body.has_node(first) or body.node(first).anonymous:
        known = [node.name for node in body.nodes if not node.anonymous]
        raise _unknown(path, before, (*known, *(source.name for source in body.inputs)))
    node, output = _within(body.node(first), rest, (*before, first))
    nodes = tuple(node if other.name == first else other for other in body.nodes)
    return replace(body, nodes=nodes), Ref(first, output)


def _within(node: Node, rest: Parts, before: Parts) -> tuple[Node, str]:
    """The node with the value at `rest` among its outputs, and the name of that output."""
    outputs = [value.name for value in node.outputs]
    match node.does:
        case _ if not rest:
            return node, ""
        case Repeat() if rest[0] in outputs and len(rest) == 1:
            return node, "" if rest[0] == outputs[0] else rest[0]
        case Repeat() as repeat:
            return _in_turn(node, repeat, rest, before)
        case Mixture():  # an expert sees only what chose it, so that its values have no place in the model
            raise _unknown(rest, before, outputs)
        case Call(body) if body.has_node(rest[0]) or rest[0] not in outputs:
            inner, ref = _expose(body, rest, before)
            name = ".".join(rest)
            body = _with_output(inner, name, ref)
            return _with_value(replace(node, does=Call(body)), name, inner.type_of(ref)), name
        case _ if rest[0] in outputs and len(rest) == 1:
            return node, "" if rest[0] == outputs[0] else rest[0]
        case _:
            raise _unknown(rest, before, outputs)


def _in_turn(node: Node, repeat: Repeat, rest: Parts, before: Parts) -> tuple[Node, str]:
    """The repeat with a value of one of its turns among its outputs."""
    if not rest[0].isdigit() or int(rest[0]) >= repeat.count:
        raise _unknown(rest, before, map(str, range(repeat.count)))
    turn, inside = int(rest[0]), rest[1:]
    turns = list(repeat.turns())
    inner, ref = turns[turn], turns[turn].outputs[0][1]
    if inside:
        known = dict(turns[turn].outputs)
        if len(inside) == 1 and inside[0] in known and not inner.has_node(inside[0]):
            ref = known[inside[0]]
        else:
            inner, ref = _expose(inner, inside, (*before, rest[0]))
    path = ".".join(inside)
    tapped = _with_output(inner, f"{path}@", ref)
    turns = [tapped] * len(turns) if repeat.shared else [*turns[:turn], tapped, *turns[turn + 1 :]]
    name = f"{path}@{turn}"
    return _with_value(replace(node, does=replace(repeat, runs=_runs(turns))), name, inner.type_of(ref)), name


def _runs(turns: Iterable[Body]) -> tuple[Run, ...]:
    """Turns as runs of equal bodies."""
    runs: list[Run] = []
    for body in turns:
        if runs and runs[-1].bodies == (body,):
            runs[-1] = Run((body,), runs[-1].count + 1)
        else:
            runs.append(Run((body,), 1))
    return tuple(runs)


def _with_output(body: Body, name: str, ref: Ref) -> Body:
    kept = tuple((other, old) for other, old in body.outputs if other != name)
    return replace(body, outputs=(*kept, (name, ref)))


def _with_value(node: Node, name: str, kind: TensorType) -> Node:
    if any(value.name == name for value in node.outputs):
        return node
    return replace(node, outputs=(*node.outputs, Value(name, kind)))


def _unknown(path: Parts, before: Parts, known: Iterable[str]) -> UnknownValue:
    names = list(known)
    near = nearest(path[0], names)
    full = ".".join((*before, *path))
    if near is not None:
        return UnknownValue(f"there is no value `{full}`; did you mean `{'.'.join((*before, near, *path[1:]))}`?")
    place = f"in `{'.'.join(before)}`" if before else "in the model"
    return UnknownValue(
        f"there is no value `{full}`; {place} there are {', '.join(f'`{name}`' for name in names[:12])}"
    )
