"""A rewrite of compiled graphs: products of rounded numbers are computed in fp32 where the processor is quicker at it.

What is kept stays rounded. Each operand is widened where it is made, and each result rounded where it is read, by the
kernels that are there anyway; weights, which are fp32, are not copied at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from compiler import features

ATEN = torch.ops.aten
PRODUCTS = {
    ATEN.mm.default,
    ATEN.addmm.default,
    ATEN.bmm.default,
    ATEN.baddbmm.default,
    ATEN._scaled_dot_product_flash_attention_for_cpu.default,
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward.default,
}
CONVERT = torch.ops.prims.convert_element_type.default
VIEWS = {ATEN.permute.default, ATEN.view.default, ATEN.reshape.default, ATEN.unsqueeze.default, ATEN.slice.Tensor}
"""What moves no number; of a tensor that was rounded just before, the tensor as it was is taken."""


def widen_products(graph: fx.Graph) -> None:
    for node in list(graph.nodes):
        if node.target in PRODUCTS and any(_may_be_widened(value) for value in _values(node)):
            _widen(graph, node)


def _values(node: fx.Node) -> tuple[Any, ...]:
    """The tensors that a node gives, without their data."""
    made = node.meta["val"]
    return tuple(made) if isinstance(made, tuple | list) else (made,)


def _may_be_widened(value: Any) -> bool:
    return isinstance(value, Tensor) and features.multiplied_in(value.dtype, value.device) != value.dtype


def _widen(graph: fx.Graph, node: fx.Node) -> None:
    with graph.inserting_before(node):
        wide: dict[fx.Node, fx.Node] = {}
        for given in node.all_input_nodes:
            if _may_be_widened(given.meta.get("val")):
                wide[given] = _widened(graph, given)
        change: Callable[[fx.Node], fx.Node] = lambda given: wide.get(given, given)  # noqa: E731
        node.args, node.kwargs = fx.map_arg(node.args, change), fx.map_arg(node.kwargs, change)
    if isinstance(node.meta["val"], Tensor):
        results = [node]
    else:
        results = [it for it in node.users if _may_be_widened(it.meta.get("val"))]
        node.meta["val"] = tuple(it.float() if _may_be_widened(it) else it for it in _values(node))
    for result in results:
        rounded = result.meta["val"].dtype
        result.meta["val"] = result.meta["val"].float()
        with graph.inserting_after(result):
            again = _converted(graph, result, rounded)
        result.replace_all_uses_with(again, delete_user_cb=lambda user, own=again: user is not own)


def _widened(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """The same numbers in fp32: as they were before they were rounded, where that is at hand."""
    if node.target is CONVERT and node.args[0].meta["val"].dtype == torch.float32:  # pyright: ignore
        return node.args[0]  # pyright: ignore[reportReturnType]
    if node.target in VIEWS and _is_rounded_before(node):
        source, *rest = node.args
        made = graph.call_function(node.target, (_widened(graph, source), *rest), node.kwargs)  # pyright: ignore
        made.meta["val"] = node.meta["val"].float()
        return made
    return _converted(graph, node, torch.float32)


def _is_rounded_before(node: fx.Node) -> bool:
    while node.target in VIEWS:
        node = node.args[0]  # pyright: ignore[reportAssignmentType]
    return node.target is CONVERT and node.args[0].meta["val"].dtype == torch.float32  # pyright: ignore


def _converted(graph: fx.Graph, node: fx.Node, kind: torch.dtype) -> fx.Node:
    made = graph.call_function(CONVERT, (node, kind))
    made.meta["val"] = node.meta["val"].to(kind)
    return made
