"""Axes of a fixed size that hold a digit of places along others: a sequence cut into blocks of four, for one."""

from __future__ import annotations

from collections.abc import Iterator

from graphspec.axes import Sizes, TensorType
from graphspec.flow import Piece
from graphspec.graph import Body, Graph, Node
from graphspec.operators import Operator
from graphspec.operators.flow_rearrange import Rearranges
from graphspec.operators.flow_rules import Use, axis_names, effect_of, ground

MOST = 16
"""The largest digit that is told apart in replays."""


def with_digits(graph: Graph, sizes: Sizes, names: frozenset[str]) -> frozenset[str]:
    """The names of axes, with those of small fixed axes that are split from them or merged into them."""
    links = [link for body in graph.bodies() for node in body.nodes for link in _links(node, body, sizes)]
    known = set(names)
    for _ in links:
        added = {name for link in links if link & known for name in link} - known
        if not added:
            break
        known |= added
    return frozenset(known)


def _links(node: Node, body: Body, sizes: Sizes) -> Iterator[frozenset[str]]:
    """For each axis that is split or merged: its name, and those of its digits."""
    if not isinstance(node.does, Operator) or not isinstance(node.does.flow, Rearranges):
        return
    inputs = {port: body.type_of(ref) for port, ref in node.inputs}
    outputs = tuple(value.type for value in node.outputs)
    for hop in effect_of(Use(node.does, inputs, outputs, sizes), 0).hops:
        for at, relation in enumerate(hop.axes):
            readers = {axis for piece in relation for axis in _readers(piece)}
            read = _names(inputs[hop.port], at, sizes)
            yield from (read | _names(outputs[0], axis, sizes) for axis in readers)


def _readers(piece: Piece) -> Iterator[int]:
    yield from (axis for axis, _ in piece.rates)
    if piece.rest:
        yield piece.rest.axis


def _names(given: TensorType, axis: int, sizes: Sizes) -> frozenset[str]:
    """What an axis goes by, unless its size is fixed and large."""
    fixed = ground(given.sizes[axis], sizes).constant
    return axis_names(given.sizes[axis], sizes) if fixed is None or 1 < fixed <= MOST else frozenset()
