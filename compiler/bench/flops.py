"""How many operations a training step's matrix products are."""

from __future__ import annotations

from collections.abc import Mapping

from graphspec.analysis.cost import Costs
from graphspec.axes import Dim, dim
from graphspec.graph import Body, Graph, Node
from graphspec.operators import Operator

BACKWARD = 2
"""A product is differentiated with respect to both factors."""

FAMILIES = ("linear", "attention", "convolution")


class Products(Costs):
    """The costs of the operators that multiply matrices; all else is free."""

    def node_flops(self, node: Node, body: Body) -> Dim:
        if isinstance(node.does, Operator) and node.does.family not in FAMILIES:
            return dim(0)
        return super().node_flops(node, body)


def step_flops(graph: Graph, at: Mapping[str, int]) -> int | None:
    """Forward and backward, every query counted against every key; None if the sizes do not say."""
    found = Products(graph)
    forward = found.at(found.flops(), at)
    return None if forward is None else (1 + BACKWARD) * forward
