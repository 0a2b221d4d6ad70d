"""Experts computed together give what one after the other would."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from compiler.runtime import Chosen

WEIGHT = torch.tensor([[0.5, 0.0, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0], [0.2, 0.0, 0.3, 0.5]]).expand(2, 3, 4).contiguous()
"""The second expert is chosen by nobody."""


def experts(width: int, bias: bool) -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList(nn.Linear(width, 2 * width, bias=bias) for _ in range(4))


def one_by_one(x: Tensor, weight: Tensor, linears: nn.ModuleList) -> Tensor:
    return torch.stack([weight[..., at, None] * linear(x).sin() for at, linear in enumerate(linears)]).sum(0)


def together(x: Tensor, weight: Tensor, linears: nn.ModuleList) -> Tensor:
    chosen = Chosen(weight)
    return chosen.sum(chosen.linear(chosen.rows(x), list(linears)).sin())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("width", "dtype"), [(16, torch.float32), (3, torch.float32), (16, torch.float64)])
def test_the_same_numbers_and_gradients(width: int, dtype: torch.dtype, bias: bool) -> None:
    """By torch's grouped product, and where it does not take the sizes or the type."""
    linears = experts(width, bias).to(dtype)
    x, weight = torch.randn(2, 3, width, dtype=dtype, requires_grad=True), WEIGHT.to(dtype).requires_grad_()
    found, wanted = together(x, weight, linears), one_by_one(x, weight, linears)
    torch.testing.assert_close(found, wanted)
    leaves = (x, *linears.parameters())
    slope = torch.linspace(-1, 1, found.numel(), dtype=dtype).view(found.shape)
    pairs = zip(*(torch.autograd.grad((it * slope).sum(), leaves) for it in (found, wanted)), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)


def test_the_grouped_product_of_torch_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[torch.dtype] = []
    product = torch.nn.functional.grouped_mm

    def counted(rows: Tensor, *rest: Tensor, **named: Tensor) -> Tensor:
        calls.append(rows.dtype)
        return product(rows, *rest, **named)

    monkeypatch.setattr(torch.nn.functional, "grouped_mm", counted)
    x, linears = torch.randn(2, 3, 16), experts(16, True)
    with torch.autocast("cpu", torch.bfloat16):
        found = together(x, WEIGHT, linears)
    assert calls == [torch.bfloat16]
    torch.testing.assert_close(found, one_by_one(x, WEIGHT, linears), rtol=0.05, atol=0.05)


def test_nobody_chooses() -> None:
    x, linears = torch.randn(2, 3, 16, requires_grad=True), experts(16, False)
    found = together(x, torch.zeros_like(WEIGHT), linears)
    assert torch.equal(found, torch.zeros(2, 3, 32))
    found.sum().backward()
    assert x.grad is not None and bool((x.grad == 0).all())
