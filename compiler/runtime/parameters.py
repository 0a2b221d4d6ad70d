"""Learned tensors without a computation of their own."""

from __future__ import annotations

import torch
from torch import nn


class Parameters(nn.Module):
    """Named learned tensors, for a node whose computation is a plain function: a tied linear's own bias, for one."""

    def __init__(self, **shapes: int | tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={tuple(tensor.shape)}" for name, tensor in self.named_parameters())
