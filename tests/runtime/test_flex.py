"""FlexAttention as the emitted code calls it: the functions asked pair by pair, and torch's own operator."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from types import LambdaType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import flex_attention as flex

from compiler.runtime import block_mask, flexible_attention, masked_softmax
from compiler.runtime import flex as ours

REAL = torch.tensor([[True] * 9, [False] * 9])
CPU = torch.device("cpu")


def parts(kv_heads: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 9, 4, 16), (2, 9, kv_heads, 16), (2, 9, kv_heads, 16))
    return tuple(torch.randn(shape, generator=generator).requires_grad_() for shape in shapes)  # pyright: ignore


def explicit(query: Tensor, key: Tensor, value: Tensor, seen: Tensor, bias: Tensor, sink: Tensor) -> Tensor:
    key, value = (part.repeat_interleave(2, -2) for part in (key, value))
    scores = torch.einsum("bthc,bkhc->bhtk", query, key) / math.sqrt(16)
    weights = masked_softmax(2 * torch.tanh(scores / 2) + bias, seen, sink)
    return torch.einsum("bhtk,bkhc->bthc", weights, value)


def torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch's operator compute here, gradients too, which it refuses on the CPU for want of a fast kernel."""
    monkeypatch.setattr(flex, "_validate_device", lambda *_: None)
    monkeypatch.setattr(ours, "_by_pairs", ours._by_kernel)
    monkeypatch.setattr(ours, "_kernel", lambda *_: flex.flex_attention)


@pytest.mark.parametrize("own", [False, True], ids=["pair by pair", "torch's own"])
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_masks_scores_sinks_and_groups_are_exact(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward, with queries that see no key."""
    if own:
        torchs_own(monkeypatch)
    bias, sink = torch.randn(4, 9, 9, requires_grad=True), torch.randn(4, requires_grad=True)
    places = torch.arange(9)
    seen = (places[:, None] - places <= 3) & REAL[:, None, None, :]
    query, key, value = parts()
    mask = block_mask(lambda b, h, i, j: (i - j <= 3) & REAL[b, j], 2, 1, 9, 9, CPU)
    out = flexible_attention(
        *(query, key, value, mask), lambda s, b, h, i, j: 2 * torch.tanh(s / 2) + bias[h, i, j], sink
    )
    wanted = explicit(query, key, value, seen, bias, sink)
    torch.testing.assert_close(out, wanted)
    assert bool((out[1] == 0).all())
    leaves = (query, key, value, bias, sink)
    slope = torch.linspace(-1, 1, out.numel()).view(out.shape)
    for ours_, theirs in zip(*(torch.autograd.grad((it * slope).sum(), leaves) for it in (out, wanted)), strict=True):
        torch.testing.assert_close(ours_, theirs, rtol=1e-4, atol=1e-5)


def test_without_mask_and_score_it_is_plain_attention() -> None:
    query, key, value = parts(4)
    turned = [part.transpose(1, 2) for part in (query, key, value)]
    wanted = F.scaled_dot_product_attention(turned[0], turned[1], turned[2], scale=0.3)
    torch.testing.assert_close(flexible_attention(query, key, value, scale=0.3), wanted.transpose(1, 2))


def test_what_is_added_to_scores_may_be_wider() -> None:
    """A bias stays fp32 where queries are bf16."""
    query, key, value = (part.bfloat16() for part in parts())
    bias = torch.randn(4, 9, 9)
    out = flexible_attention(query, key, value, score=lambda s, b, h, i, j: s + bias[h, i, j])
    wanted = flexible_attention(*parts(), score=lambda s, b, h, i, j: s + bias[h, i, j])
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), wanted, rtol=0.1, atol=0.05)


def test_autocast_makes_the_parts_alike() -> None:
    query, key, value = parts()
    with torch.autocast("cpu", torch.bfloat16):
        assert flexible_attention(query.bfloat16(), key, value).dtype == torch.bfloat16


# --- block masks are made once


def windows(left: int) -> Callable[..., Tensor]:
    return lambda b, h, i, j: (i >= j) & (i - j <= left)


def test_one_that_reads_no_tensor_is_made_once_for_each_length() -> None:
    first = block_mask(windows(2), 1, 1, 300, 300, CPU)
    assert block_mask(windows(2), 1, 1, 300, 300, CPU) is first
    for other in (block_mask(windows(3), 1, 1, 300, 300, CPU), block_mask(windows(2), 1, 1, 301, 301, CPU)):
        assert other is not first
    assert first.sparsity() > 0


def test_one_that_reads_a_tensor_is_made_anew() -> None:
    def made(real: Tensor) -> object:
        return block_mask(lambda b, h, i, j: real[b, j], 2, 1, 9, 9, CPU)

    assert made(REAL) is not made(REAL)


def test_each_pattern_has_a_kernel_of_its_own() -> None:
    """So that torch's limit of recompilations, beyond which it falls back silently, is none for a model."""

    def code(function: object) -> object:
        assert isinstance(function, LambdaType)
        return function.__code__

    first, second = code(lambda s, b, h, i, j: s + 1), code(lambda s, b, h, i, j: s + 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kernels = [ours._kernel(it, None) for it in (first, second, first)]  # pyright: ignore[reportArgumentType]
    assert kernels[0] is kernels[2]
    assert kernels[0] is not kernels[1]
    codes = [kernel._torchdynamo_orig_callable.__code__ for kernel in kernels]  # pyright: ignore
    assert codes[0] is not codes[1]
