"""A query that sees no key gets zeros and gives no gradient, whatever the kernel would do."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from compiler.runtime import biased_attention, masked_attention, masked_softmax


def heads(seed: int, count: int = 2) -> Tensor:
    return torch.randn(2, count, 5, 4, generator=torch.Generator().manual_seed(seed), requires_grad=True)


MASK = torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
MASK[0, :, 2] = False
MASK[1] = False


@pytest.mark.parametrize("attend", [F.scaled_dot_product_attention, masked_attention])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_torch_keeps_to_it_on_the_cpu_and_the_guard_everywhere(attend, dtype: torch.dtype) -> None:
    query, key, value = (heads(seed) for seed in range(3))
    out = attend(*(part.to(dtype) for part in (query, key, value)), attn_mask=MASK)
    assert bool((out[0, :, 2] == 0).all())
    assert bool((out[1] == 0).all())
    out.sum().backward()
    for part in (query, key, value):
        assert part.grad is not None
        assert bool((part.grad[1] == 0).all())
        assert bool(part.grad.isfinite().all())
    assert query.grad is not None
    assert bool((query.grad[0, :, 2] == 0).all())


def test_the_guard_changes_nothing_else() -> None:
    query, key, value = (heads(seed, count) for seed, count in ((0, 4), (1, 2), (2, 2)))
    for named in ({"attn_mask": MASK}, {"is_causal": True}, {"scale": 0.2}):
        plain = F.scaled_dot_product_attention(query, key, value, enable_gqa=True, **named)
        torch.testing.assert_close(masked_attention(query, key, value, enable_gqa=True, **named), plain)


def test_the_kernel_never_meets_a_row_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = F.scaled_dot_product_attention

    def picky(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, *rest: object, **named: object) -> Tensor:
        assert bool(mask.any(-1).all())
        return kernel(query, key, value, mask, *rest, **named)

    monkeypatch.setattr(F, "scaled_dot_product_attention", picky)
    masked_attention(heads(0), heads(1), heads(2), MASK)


def test_softmax_over_what_is_visible() -> None:
    scores = (torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 1e4).requires_grad_()
    weights = masked_softmax(scores, MASK)
    assert bool((weights[~MASK.expand_as(weights)] == 0).all())
    torch.testing.assert_close(weights.sum(-1), MASK.any(-1).expand(2, 3, 5).float())
    (weights**2).sum().backward()
    assert scores.grad is not None
    assert bool(scores.grad.isfinite().all())
    assert bool((scores.grad[1] == 0).all())
    torch.testing.assert_close(masked_softmax(scores, None), scores.softmax(-1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_bias_is_added_and_a_blind_query_gets_zeros(dtype: torch.dtype) -> None:
    query, key, value = (heads(seed) for seed in range(3))
    bias = torch.randn(2, 5, 5, requires_grad=True)
    positions_first = (part.transpose(1, 2).to(dtype) for part in (query, key, value))
    out = biased_attention(*positions_first, bias, MASK).transpose(1, 2)
    scores = query.to(dtype) @ key.to(dtype).mT / 2 + bias.to(dtype)
    wanted = masked_softmax(scores, MASK) @ value.to(dtype)
    torch.testing.assert_close(out, wanted, rtol=0.05 if dtype == torch.bfloat16 else 1e-5, atol=0.03)
    assert bool((out[1] == 0).all())
    out.sum().backward()
    for part in (query, key, value, bias):
        assert part.grad is not None
        assert bool(part.grad.isfinite().all())
    assert query.grad is not None
    assert bool((query.grad[1] == 0).all())


def test_a_sink_takes_its_share() -> None:
    scores = torch.randn(2, 3, 5, 5)
    sink = torch.tensor([-torch.inf, 0.0, 50.0])
    weights = masked_softmax(scores, MASK, sink)
    torch.testing.assert_close(weights[:, 0], masked_softmax(scores, MASK)[:, 0])
    assert bool((weights[0, 1].sum(-1) < 1).all())
    assert bool((weights[:, 2] < 1e-12).all())
    assert bool((weights[1] == 0).all())
