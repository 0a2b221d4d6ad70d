"""Positions as rows to add and as turns: angles in fp32, products in what they and the features promote to."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from compiler.runtime.scaling import Scaling, plain_rates


def sinusoidal_position(
    places: int | Tensor,
    dim: int,
    theta: float = 10000,
    layout: str = "interleaved",
    device: torch.device | None = None,
) -> Tensor:
    """Rows `[…, dim]` of sines and cosines (Vaswani et al. 2017, section 3.5), for positions or so many of them."""
    at = _positions(places, device)
    angles = at[..., None] * plain_rates(theta, dim, at.device)
    sines, cosines = angles.sin(), angles.cos()
    if layout == "halves":
        return torch.cat((sines, cosines), -1)
    return torch.stack((sines, cosines), -1).flatten(-2)


def rotary_table(
    places: int | Tensor, dims: int, theta: float, scaling: Scaling | None = None, device: torch.device | None = None
) -> Tensor:
    """Cosines and sines `[2, …, dims / 2]` of the angles `t / theta^(2i / dims)` (Su et al. 2021, eq. 15).

    `places` are the positions `t`, or how many there are. A scaling that depends on the length counts them.
    """
    at = _positions(places, device)
    if scaling is None:
        rates, magnitude = plain_rates(theta, dims, at.device), 1.0
    else:
        rates, magnitude = scaling(theta, dims, at.shape[-1], at.device)
    angles = at[..., None] * rates
    table = torch.stack((angles.cos(), angles.sin()))
    return table if magnitude == 1 else table * magnitude


def _positions(places: int | Tensor, device: torch.device | None) -> Tensor:
    if isinstance(places, Tensor):
        return places.float()
    return torch.arange(places, dtype=torch.float32, device=device)


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


def alibi(length: int, heads: int, device: torch.device | None = None) -> Tensor:
    """Scores `[heads, length, length]` that fall with the distance, steepest in the first head (Press et al. 2022)."""
    return -alibi_slopes(heads, device)[:, None, None] * _distances(length, device).abs()


def alibi_slopes(heads: int, device: torch.device | None = None) -> Tensor:
    """By how much the scores of each head fall with each position of distance."""
    power = 1 << (heads.bit_length() - 1)
    exponents = [8 * (head + 1) / power for head in range(power)]
    exponents += [4 * (2 * head + 1) / power for head in range(heads - power)]
    return 2.0 ** -torch.tensor(exponents, dtype=torch.float32, device=device)


def relative_bias(table: Tensor, length: int, distance: int = 128, direction: str = "both") -> Tensor:
    """Learned scores `[heads, length, length]` from `table` (`[buckets, heads]`) by distance (Raffel et al. 2020)."""
    apart = _distances(length, table.device)
    buckets = table.shape[0]
    if direction == "both":
        buckets //= 2
        start, apart = torch.where(apart > 0, buckets, 0), apart.abs()
    else:
        start, apart = 0, (-apart).clamp(min=0)
    single = buckets // 2
    shared = torch.log(apart.clamp(min=1).float() / single) / math.log(distance / single) * (buckets - single)
    far = (single + shared.long()).clamp(max=buckets - 1)
    return table[start + torch.where(apart < single, apart, far)].movedim(-1, 0)


def _distances(length: int, device: torch.device | None) -> Tensor:
    """How far each key stands behind each query, `[length, length]`."""
    places = torch.arange(length, device=device)
    return places - places[:, None]
