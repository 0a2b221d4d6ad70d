"""Linears computed together."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def merged_linear(x: Tensor, *linears: nn.Linear) -> tuple[Tensor, ...]:
    """What each of the linears makes of `x`, as one product: their weights are joined at every step.

    So each keeps its tensors to itself, and nothing that looks at the module sees a difference.
    """
    weight = torch.cat([linear.weight for linear in linears])
    bias = None
    if any(linear.bias is not None for linear in linears):
        bias = torch.cat([_bias(linear) for linear in linears])
    return F.linear(x, weight, bias).split([linear.out_features for linear in linears], -1)


def _bias(linear: nn.Linear) -> Tensor:
    return linear.weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias
