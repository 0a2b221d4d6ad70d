"""What torch.compile does to a graph of ours besides its own passes, forward and backward, before it is lowered."""

from __future__ import annotations

from typing import Any

from torch import fx
from torch._inductor.custom_graph_pass import CustomGraphPass, get_hash_for_files

from compiler import features
from compiler.build import attentions, products, sums

STEPS = (products.widen_products, attentions.attend_in_blocks, sums.scatter_into_sums)
"""In this order: our attention takes what was widened."""


class Rewrites(CustomGraphPass):
    def __call__(self, graph: fx.Graph) -> None:
        for step in STEPS:
            step(graph)

    def uuid(self) -> Any:
        """What kernels are kept by: other rewrites, other kernels."""
        return get_hash_for_files((__file__, attentions.__file__, products.__file__, sums.__file__, features.__file__))
