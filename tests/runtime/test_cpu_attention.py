"""Our kernel of attention on a CPU: what torch's operator computes, and what is computed in fp64, forward and backward."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from compiler.runtime import cpu_attention as kernel
from compiler.runtime.cpu_attention import cpu_attention, cpu_attention_backward

pytestmark = pytest.mark.skipif(not kernel.is_there(), reason="another kind of machine")


@pytest.fixture(autouse=True)
def whatever_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "FEWEST", 1)
    monkeypatch.setattr(kernel, "MOST", math.inf)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)


def tensors(batch: int, heads: int, groups: int, queries: int, keys: int, width: int) -> list[Tensor]:
    """Query, key, value and the gradient of the result, in the layout that models have them in."""
    shapes = ((queries, heads), (keys, groups), (keys, groups), (queries, heads))
    return [torch.randn(batch, length, count, width).transpose(1, 2) for length, count in shapes]


def ours(parts: list[Tensor], causal: bool, mask: Tensor | None, scale: float | None = None) -> list[Tensor]:
    """The result, and the gradients for query, key and value."""
    *given, slope = parts
    out, total = cpu_attention(*given, causal, mask, scale)
    return [out, *cpu_attention_backward(slope, *given, out, total, causal, mask, scale)]


def exact(parts: list[Tensor], causal: bool, mask: Tensor | None, scale: float | None = None) -> list[Tensor]:
    """The same by definition, in fp64; a query that sees nothing gets zeros."""
    query, key, value, slope = (it.double().requires_grad_() for it in parts)
    shared = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(shared, 1).mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = scores + mask
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -math.inf)
    blind = (scores == -math.inf).all(-1, keepdim=True)
    weights = scores.masked_fill(blind, 0).softmax(-1).masked_fill(blind, 0)
    out = weights @ value.repeat_interleave(shared, 1)
    return [out.detach(), *torch.autograd.grad(out, (query, key, value), slope)]


def assert_alike(found: list[Tensor], wanted: list[Tensor]) -> None:
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other.float(), rtol=1e-4, atol=2e-5)


def hidden(seen: Tensor) -> Tensor:
    return torch.zeros(seen.shape).masked_fill(~seen, -math.inf)


def window(length: int, left: int) -> Tensor:
    """A causal window."""
    ahead = torch.arange(length)[:, None] - torch.arange(length)
    return hidden((ahead >= 0) & (ahead < left))


def documents(batch: int, length: int) -> Tensor:
    number = torch.randint(0, 4, (batch, length)).sort(-1).values
    return hidden(number[:, None, :, None] == number[:, None, None, :])


MASKS = {
    "none": lambda batch, heads, queries, keys: None,
    "of keys": lambda batch, heads, queries, keys: hidden(torch.rand(batch, 1, 1, keys) < 0.7),
    "of pairs": lambda batch, heads, queries, keys: hidden(torch.rand(queries, keys) < 0.4),
    "of heads": lambda batch, heads, queries, keys: hidden(torch.rand(1, heads, queries, keys) < 0.4),
    "of all": lambda batch, heads, queries, keys: hidden(torch.rand(batch, heads, queries, keys) < 0.02),
    "of queries": lambda batch, heads, queries, keys: hidden(torch.rand(batch, 1, queries, 1) < 0.5),
    "a bias": lambda batch, heads, queries, keys: torch.randn(heads, queries, keys)[None],
}


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 3),
    groups=st.integers(1, 3),
    shared=st.integers(1, 3),
    queries=st.integers(1, 150),
    keys=st.integers(1, 150),
    width=st.sampled_from([16, 32, 48, 64, 80]),
    causal=st.booleans(),
    mask=st.sampled_from(sorted(MASKS)),
    scale=st.sampled_from([None, 0.3]),
    seed=st.integers(0, 1000),
)
def test_it_is_attention(
    batch: int,
    groups: int,
    shared: int,
    queries: int,
    keys: int,
    width: int,
    causal: bool,
    mask: str,
    scale: float | None,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    parts = tensors(batch, groups * shared, groups, queries, keys, width)
    made = MASKS[mask](batch, groups * shared, queries, keys)
    assert_alike(ours(parts, causal, made, scale), exact(parts, causal, made, scale))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("made", [lambda: None, lambda: window(200, 70), lambda: documents(2, 200)])
def test_it_is_what_torch_computes(causal: bool, made: Any) -> None:
    """With the layout, too: what follows may take its results as they lie."""
    torch.manual_seed(0)
    parts, mask = tensors(2, 4, 2, 200, 200, 32), made()
    wanted = [it.clone() for it in ours(parts, causal, mask)]
    kernel.FEWEST = 1000
    torchs = ours(parts, causal, mask)
    assert_alike(wanted, torchs)
    assert [it.stride() for it in ours(parts, causal, mask)] == [it.stride() for it in torchs]


def test_blocks_that_nobody_sees_are_not_touched() -> None:
    """There, numbers that are none do no harm: keys from 128 on stand outside of every window."""
    torch.manual_seed(0)
    parts = tensors(1, 2, 2, 256, 256, 32)
    mask = hidden(torch.arange(256).expand(256, 256) < 100)
    wanted = exact(parts, False, mask)
    for part in parts[1:3]:
        part[:, :, 128:] = math.nan
    found = ours(parts, False, mask)
    assert all(it.isfinite().all() for it in found)
    torch.testing.assert_close(found[0], wanted[0].float(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("at", [0, 77])
def test_what_is_no_number_is_seen(at: int) -> None:
    parts = tensors(1, 1, 1, 80, 80, 16)
    parts[1][:, :, at] = math.nan
    out, *gradients = ours(parts, True, None)
    assert out[:, :, at:].isnan().all() and out[:, :, :at].isfinite().all()
    assert gradients[0][:, :, at:].isnan().all()


def test_large_scores_do_not_overflow() -> None:
    torch.manual_seed(0)
    parts = tensors(1, 2, 2, 70, 70, 16)
    parts[0] *= 300
    found, wanted = ours(parts, False, None)[0], exact(parts, False, None)[0]
    torch.testing.assert_close(found, wanted.float(), rtol=0, atol=1e-3)  # scores of 1,000 have three places less


def test_tensors_may_lie_in_any_way() -> None:
    torch.manual_seed(0)
    parts = tensors(2, 2, 2, 70, 70, 16)
    wanted = ours(parts, True, None)
    turned = [it.mT.contiguous().mT for it in parts]
    turned[3] = parts[3]
    assert_alike(ours(turned, True, None), wanted)
    one = [*parts[:3], torch.ones(()).expand(2, 2, 70, 16)]
    assert_alike(ours(one, True, None), exact(one, True, None))


def test_nothing_is_a_fine_length() -> None:
    query, key, value, slope = tensors(2, 2, 2, 5, 0, 16)
    out, *gradients = ours([query, key, value, slope], False, None)
    assert not out.any() and not gradients[0].any() and gradients[1].shape == key.shape


@pytest.mark.parametrize("mask", [None, torch.zeros(1, 1, 40, 40)], ids=["dense", "masked"])
def test_torch_is_taken_where_it_is_quicker(mask: Tensor | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few queries, fewer heads than threads, and many keys, of which a mask might hide most."""
    monkeypatch.setattr(kernel, "_kernel", lambda: pytest.fail("ours was taken"))
    parts = tensors(1, 2, 2, 40, 40, 16)
    with monkeypatch.context() as patch:
        patch.setattr(kernel, "FEWEST", 41)
        ours(parts, False, mask)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: 3)
        ours(parts, False, mask)
    monkeypatch.setattr(kernel, "MOST", 39)
    if mask is None:
        ours(parts, False, mask)
    else:
        with pytest.raises(pytest.fail.Exception):
            ours(parts, False, mask)


@pytest.mark.filterwarnings("ignore")  # torch's own, of deprecated calls
def test_torch_finds_no_fault_with_the_operators() -> None:
    """Without data they give tensors of the sizes and the layout that they give with them."""
    query, key, value, slope = tensors(2, 4, 2, 40, 50, 16)
    out, total = cpu_attention(query, key, value, True, None, None)
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(cpu_attention, (query, key, value, True, None, None), test_utils=checks)
    given = (slope, query, key, value, out, total, True, None, None)
    torch.library.opcheck(cpu_attention_backward, given, test_utils=checks)
