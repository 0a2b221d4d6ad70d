"""Positions as rows to add and as turns: angles in fp32, products in what they and the features promote to."""

from __future__ import annotations

import torch
from torch import Tensor

from compiler.runtime.scaling import Scaling, plain_rates


def sinusoidal_position(
    length: int,
    dim: int,
    theta: float = 10000,
    layout: str = "interleaved",
    device: torch.device | None = None,
) -> Tensor:
    """Rows `[length, dim]` of sines and cosines (Vaswani et al. 2017, section 3.5)."""
    angles = _angles(length, plain_rates(theta, dim, device))
    sines, cosines = angles.sin(), angles.cos()
    if layout == "halves":
        return torch.cat((sines, cosines), -1)
    return torch.stack((sines, cosines), -1).flatten(-2)


def rotary_table(
    length: int, dims: int, theta: float, scaling: Scaling | None = None, device: torch.device | None = None
) -> Tensor:
    """Cosines and sines `[2, length, dims / 2]` of the angles `t / theta^(2i / dims)` (Su et al. 2021, eq. 15)."""
    if scaling is None:
        rates, magnitude = plain_rates(theta, dims, device), 1.0
    else:
        rates, magnitude = scaling(theta, dims, length, device)
    angles = _angles(length, rates)
    table = torch.stack((angles.cos(), angles.sin()))
    return table if magnitude == 1 else table * magnitude


def _angles(length: int, rates: Tensor) -> Tensor:
    return torch.arange(length, dtype=torch.float32, device=rates.device)[:, None] * rates


def rotate_halves(x: Tensor, table: Tensor) -> Tensor:
    """Turn the pairs `(i, i + dims / 2)` of `x` (`... T h c`) by a rotary table; features beyond `dims` stay."""
    cos, sin = table.unsqueeze(-2)
    dims = 2 * cos.shape[-1]
    left, right = x[..., :dims].chunk(2, -1)
    turned = torch.cat((left * cos - right * sin, right * cos + left * sin), -1).type_as(x)
    return turned if dims == x.shape[-1] else torch.cat((turned, x[..., dims:]), -1)


def rotate_pairs(x: Tensor, table: Tensor) -> Tensor:
    """Turn the pairs `(2i, 2i + 1)` of `x` (`... T h c`) by a rotary table; features beyond `dims` stay."""
    cos, sin = table.unsqueeze(-2)
    dims = 2 * cos.shape[-1]
    even, odd = x[..., :dims].unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((even * cos - odd * sin, odd * cos + even * sin), -1).flatten(-2).type_as(x)
    return turned if dims == x.shape[-1] else torch.cat((turned, x[..., dims:]), -1)
