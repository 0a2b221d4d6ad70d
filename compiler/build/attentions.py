"""A rewrite of compiled graphs: attention in fp32 on a CPU is computed by our kernel, where that is the quicker one.

Before: out, logsumexp = aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, …)
After:  out, logsumexp = graphspec.cpu_attention(query, key, value, …), and its gradients likewise
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from compiler.runtime import cpu_attention

ATEN, OWN = torch.ops.aten, torch.ops.graphspec
INSTEAD: dict[Any, Any] = {
    ATEN._scaled_dot_product_flash_attention_for_cpu.default: OWN.cpu_attention.default,
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward.default: OWN.cpu_attention_backward.default,
}
"""Ours have the arguments of torch's, by name, but for dropout."""


def attend_in_blocks(graph: fx.Graph) -> None:
    if not cpu_attention.is_there():
        return
    for node in list(graph.nodes):
        if node.target in INSTEAD:
            given = _arguments(node)
            if _fits(given):
                _replace(graph, node, INSTEAD[node.target], given)


def _arguments(node: fx.Node) -> dict[str, Any]:
    declared = node.target._schema.arguments  # pyright: ignore
    given = dict(zip((it.name for it in declared), node.args, strict=False))
    return {it.name: it.default_value for it in declared} | given | node.kwargs


def _fits(given: dict[str, Any]) -> bool:
    """What only running tells, the operator decides by itself; here it would be a call more."""
    kinds = {it.meta["val"].dtype for it in given.values() if isinstance(it, fx.Node)}
    queries, width = given["query"].meta["val"].shape[-2:]
    few = isinstance(queries, int) and queries < cpu_attention.FEWEST
    return given["dropout_p"] == 0 and kinds == {torch.float32} and width % cpu_attention.STEP == 0 and not few


def _replace(graph: fx.Graph, node: fx.Node, target: Any, given: dict[str, Any]) -> None:
    with graph.inserting_before(node):
        made = graph.call_function(target, tuple(given[it.name] for it in target._schema.arguments))
    made.meta.update(node.meta)
    node.replace_all_uses_with(made)
    graph.erase_node(node)
