"""Where NaN is a sound probe: where no product, weighted sum or maximum stands that could spread or hide it."""

from __future__ import annotations

from graphspec.graph import Graph, inner_bodies
from graphspec.operators.linear import Embedding, Linear
from graphspec.operators.norm import LayerNorm, RMSNorm
from graphspec.operators.pointwise import Dropout, Pointwise
from graphspec.operators.shape import Concat, Select, Shift, Slice

LOCAL = (Embedding, Linear, LayerNorm, RMSNorm, Dropout, Pointwise, Concat, Select, Shift, Slice)


def shows_everything(graph: Graph) -> bool:
    """Whether each position is computed apart, so that NaN stays where it is read; attention multiplies by zero."""
    nodes = (node for body in graph.bodies() for node in body.nodes if not inner_bodies(node))
    return all(isinstance(node.does, LOCAL) for node in nodes)
