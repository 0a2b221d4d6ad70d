"""Rates at which rotary positions turn, stretched beyond the length that a model was trained on.

A scaling gives the rates, one for each pair of features, and what cosines and sines are multiplied by. The attributes
are those of the language (`graphspec.operators.scaling`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Device = torch.device | None


class Scaling(Protocol):
    def __call__(self, theta: float, dims: int, length: int, device: Device) -> tuple[Tensor, float]: ...


def plain_rates(theta: float, dims: int, device: Device) -> Tensor:
    """`theta^(-2i / dims)` for each pair `i` (Su et al. 2021, eq. 15)."""
    return theta ** (-torch.arange(0, dims, 2, dtype=torch.float32, device=device) / dims)


@dataclass(frozen=True, kw_only=True)
class LinearScaling:
    factor: float

    def __call__(self, theta: float, dims: int, length: int, device: Device) -> tuple[Tensor, float]:
        return plain_rates(theta, dims, device) / self.factor, 1.0


@dataclass(frozen=True, kw_only=True)
class NTKScaling:
    factor: float

    def __call__(self, theta: float, dims: int, length: int, device: Device) -> tuple[Tensor, float]:
        return plain_rates(theta * self.factor ** (dims / (dims - 2)), dims, device), 1.0


@dataclass(frozen=True, kw_only=True)
class DynamicScaling:
    factor: float
    original: float

    def __call__(self, theta: float, dims: int, length: int, device: Device) -> tuple[Tensor, float]:
        factor = self.factor * max(length, self.original) / self.original - (self.factor - 1)
        return plain_rates(theta * factor ** (dims / (dims - 2)), dims, device), 1.0


@dataclass(frozen=True, kw_only=True)
class YarnScaling:
    factor: float
    original: float
    fast: float = 32
    slow: float = 1
    attention: float | None = None
    truncate: bool = True

    def __call__(self, theta: float, dims: int, length: int, device: Device) -> tuple[Tensor, float]:
        rates = plain_rates(theta, dims, device)
        low, high = (self._pair_that_turns(times, theta, dims) for times in (self.fast, self.slow))
        low, high = (math.floor(low), math.ceil(high)) if self.truncate else (low, high)
        low, high = max(low, 0), min(high, dims - 1)
        places = torch.arange(dims // 2, dtype=torch.float32, device=device)
        stretched = ((places - low) / max(high - low, 0.001)).clamp(0, 1)
        magnitude = 0.1 * math.log(self.factor) + 1 if self.attention is None else self.attention
        return rates / self.factor * stretched + rates * (1 - stretched), magnitude

    def _pair_that_turns(self, times: float, theta: float, dims: int) -> float:
        """Which pair turns so many times in the original length; between two of them, a fraction."""
        return dims * math.log(self.original / (times * 2 * math.pi)) / (2 * math.log(theta))


@dataclass(frozen=True, kw_only=True)
class Llama3Scaling:
    factor: float
    original: float
    low: float = 1
    high: float = 4

    def __call__(self, theta: float, dims: int, length: int, device: Device) -> tuple[Tensor, float]:
        rates = plain_rates(theta, dims, device)
        turns = self.original * rates / (2 * math.pi)
        kept = ((turns - self.low) / (self.high - self.low)).clamp(0, 1)
        return rates / self.factor * (1 - kept) + rates * kept, 1.0


@dataclass(frozen=True, kw_only=True)
class LongRoPEScaling:
    short: Sequence[float]
    long: Sequence[float]
    original: float
    attention: float = 1

    def __call__(self, theta: float, dims: int, length: int, device: Device) -> tuple[Tensor, float]:
        factors = self.long if length > self.original else self.short
        given = torch.tensor(factors, dtype=torch.float32, device=device)
        return plain_rates(theta, dims, device) / given, float(self.attention)
