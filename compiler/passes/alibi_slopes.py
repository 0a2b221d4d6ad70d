"""Scores that fall with the distance, as slopes alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from compiler.passes.internal import AlibiSlopes, Attention
from compiler.passes.rewrite import within
from compiler.target import Target
from graphspec.graph import Body, Call, Graph, Input, Mixture, Node, Repeat, Value, inner_bodies
from graphspec.operators.position import Alibi


def alibi_slopes(graph: Graph, target: Target) -> Graph:
    """Hand over the slopes of ALiBi, where all that reads the scores is FlexAttention, which makes them itself.

    Before: scores = alibi(); attention[flex](q, k, v, bias=scores)
    After:  scores = alibi_slopes(); attention[flex](q, k, v, slopes=scores)

    So nobody holds a score for each pair of positions.
    """
    sizes = graph.known_sizes

    @cache
    def made(body: Body, falling: frozenset[str]) -> Body:
        """The body, of which some inputs are slopes."""
        scores = {node.name for node in body.nodes if isinstance(node.does, Alibi)}
        found = falling | {name for name in scores if _is_for_flex_alone(body, name)}
        nodes = tuple(changed(node, found) for node in body.nodes)
        inputs = tuple(_of_heads(source) if source.name in falling else source for source in body.inputs)
        return replace(body, inputs=inputs, nodes=nodes)

    def changed(node: Node, falling: frozenset[str]) -> Node:
        ports = frozenset(port for port, ref in node.inputs if ref.name in falling)
        match node.does:
            case Alibi(heads=heads) if node.name in falling:
                does = AlibiSlopes(heads=heads)
                return replace(
                    node, does=does, outputs=tuple(Value(name, kind) for name, kind in does.infer({}, sizes))
                )
            case Attention() if "bias" in ports:
                inputs = tuple(("slopes" if port == "bias" else port, ref) for port, ref in node.inputs)
                return replace(node, inputs=inputs)
            case _:
                return within(node, lambda inner: made(inner, ports))

    return replace(graph, body=made(graph.body, frozenset()))


def _of_heads(scores: Input) -> Input:
    """An input of scores as one of slopes, one for each head."""
    return replace(scores, type=replace(scores.type, axes=scores.type.axes[:1]))


def _is_for_flex_alone(body: Body, name: str) -> bool:
    """Whether a value of a body is read as the bias of FlexAttention and in no other way, blocks within included."""
    if any(ref.name == name for _, ref in body.outputs):
        return False
    readings = [(node, port) for node in body.nodes for port, ref in node.inputs if ref.name == name]
    return all(_reads_for_flex(node, port) for node, port in readings)


def _reads_for_flex(node: Node, port: str) -> bool:
    match node.does:
        case Attention() as attention:
            return port == "bias" and attention.choice.kernel == "flex"
        case Mixture():
            return False
        case Repeat() if port == node.inputs[0][0]:
            return False
        case Call() | Repeat():
            return all(_is_for_flex_alone(inner, port) for inner in inner_bodies(node))
        case _:
            return False
