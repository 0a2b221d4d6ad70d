"""Blocks that are computed again in the backward pass, so that what they made need not be kept."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils import checkpoint as torch_checkpoint


def checkpoint(block: nn.Module, *inputs: Tensor | None, **named: Tensor | None) -> Any:
    """`block(*inputs, **named)`, of which only the inputs are kept (Chen et al. 2016).

    What is drawn at random is drawn alike when it is computed again.
    """
    bound = partial(block, **named) if named else block  # torch's function has names of its own
    return torch_checkpoint.checkpoint(bound, *inputs, use_reentrant=False)
