"""A backend of torch.compile that shows the graphs which a rewrite gets and leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, fx


def backend(rewrite: Callable[[fx.Graph], None], found: list[fx.Graph]) -> Any:
    """It rewrites the forward and the backward graph, keeps both and runs them as they are."""
    from functorch.compile import make_boxed_func
    from torch._dynamo.backends.common import aot_autograd
    from torch._inductor.decomposition import select_decomp_table

    def rewritten(module: fx.GraphModule, inputs: list[Tensor]) -> Any:
        rewrite(module.graph)
        module.graph.lint()
        module.recompile()
        found.append(module.graph)
        return make_boxed_func(module.forward)

    return aot_autograd(fw_compiler=rewritten, bw_compiler=rewritten, decompositions=select_decomp_table())
