"""Our kernel of attention leaves out what nobody sees: beside torch's, in turns, with room for a busy machine."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from compiler.runtime import cpu_attention as kernel

LENGTH, WINDOW = 1024, 64


@pytest.mark.skipif(not kernel.is_there(), reason="another kind of machine")
def test_a_window_costs_what_it_sees() -> None:
    """A sixteenth of all pairs is seen: measured, it takes a fifth of the time (docs/kernels.md)."""
    ahead = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
    mask = torch.zeros(LENGTH, LENGTH).masked_fill((ahead < 0) | (ahead >= WINDOW), -math.inf)
    torch.manual_seed(0)
    parts = [torch.randn(1, LENGTH, 4, 64).transpose(1, 2) for _ in range(4)]
    ratios = [seconds(torchs, parts, mask) / seconds(ours, parts, mask) for _ in range(9)]
    assert statistics.median(ratios) > 1.5


def seconds(attend: Callable[[list[Tensor], Tensor], None], parts: list[Tensor], mask: Tensor) -> float:
    begun = time.perf_counter()
    attend(parts, mask)
    return time.perf_counter() - begun


def ours(parts: list[Tensor], mask: Tensor) -> None:
    *given, slope = parts
    out, total = kernel.cpu_attention(*given, False, mask, None)
    kernel.cpu_attention_backward(slope, *given, out, total, False, mask, None)


def torchs(parts: list[Tensor], mask: Tensor) -> None:
    *given, slope = parts
    out, total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*given, attn_mask=mask)
    backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    backward(slope, *given, out, total, 0.0, False, attn_mask=mask)
