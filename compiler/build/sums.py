"""A rewrite of compiled graphs: rows are added where their sum is wanted, not to a table of zeros that is added to it.

The table of an embedding that is the projection, too, has two gradients, of which one is zero but for the rows that
were looked up. Adding those rows to the other gradient saves the memory of a table, and going through it twice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

ATEN = torch.ops.aten
SCATTERS = {ATEN.index_put.default, ATEN._unsafe_masked_index_put_accumulate.default}
EXACT = {torch.float32, torch.float64}
"""Types in which a sum does not depend on its order, to rounding: the next bit of a bf16 number is a 256th of it."""


def scatter_into_sums(graph: fx.Graph) -> None:
    for node in list(graph.nodes):
        if node.target is ATEN.add.Tensor and not node.kwargs and len(node.args) == 2:
            first, second = node.args
            for scattered, other in ((second, first), (first, second)):
                if _adds_to_zeros(scattered) and _may_take(other, scattered):
                    _scatter_into(graph, node, scattered, other)
                    break


def _adds_to_zeros(node: Any) -> bool:
    """Whether these are rows added to zeros, which nothing but the sum reads."""
    if not isinstance(node, fx.Node) or node.target not in SCATTERS or len(node.users) > 1:
        return False
    if node.target is ATEN.index_put.default and node.args[3:] != (True,):
        return False
    to: Any = node.args[0]
    return to.target is ATEN.full.default and to.args[1] == 0


def _may_take(other: Any, scattered: fx.Node) -> bool:
    if not isinstance(other, fx.Node) or len(other.users) > 1:
        return False
    to, rows = other.meta["val"], scattered.meta["val"]
    return to.dtype == rows.dtype and to.dtype in EXACT and to.shape == rows.shape


def _scatter_into(graph: fx.Graph, total: fx.Node, scattered: fx.Node, other: fx.Node) -> None:
    with graph.inserting_before(total):
        made = graph.call_function(scattered.target, (other, *scattered.args[1:]))  # pyright: ignore
    made.meta["val"] = total.meta["val"]
    total.replace_all_uses_with(made)
    graph.erase_node(total)
    graph.erase_node(scattered)
