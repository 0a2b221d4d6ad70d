"""Turns depend on distance alone, and leave what lies beyond their width."""

from __future__ import annotations

import pytest
import torch

from compiler.runtime import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRoPEScaling,
    NTKScaling,
    YarnScaling,
    alibi,
    relative_bias,
    rotary_table,
    rotate_halves,
    rotate_pairs,
    sinusoidal_position,
)
from compiler.runtime.scaling import Scaling, plain_rates


@pytest.mark.parametrize("rotate", [rotate_halves, rotate_pairs])
def test_products_depend_on_distance_alone(rotate) -> None:
    table = rotary_table(9, 6, 100.0)
    query, key = torch.randn(2, 1, 2, 6).unbind(0)
    turned = [rotate(part.expand(9, 2, 6), table) for part in (query, key)]
    products = torch.einsum("thc,khc->htk", *turned)
    for distance in range(-8, 9):
        line = products.diagonal(distance, 1, 2)
        torch.testing.assert_close(line, line[:, :1].expand_as(line), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rotate", [rotate_halves, rotate_pairs])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_kind_and_rest_stay(rotate, dtype: torch.dtype) -> None:
    x = torch.randn(2, 5, 3, 8, dtype=dtype)
    turned = rotate(x, rotary_table(5, 4, 10.0))
    assert turned.dtype == dtype
    assert torch.equal(turned[..., 4:], x[..., 4:])
    assert torch.equal(turned[:, 0], x[:, 0])
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1), rtol=0.02, atol=0.02)


def test_layouts_hold_the_same_columns() -> None:
    interleaved, halves = (sinusoidal_position(7, 6, layout=layout) for layout in ("interleaved", "halves"))
    assert torch.equal(torch.cat((interleaved[:, ::2], interleaved[:, 1::2]), -1), halves)


@pytest.mark.parametrize(
    "scaling",
    [
        LinearScaling(factor=1),
        NTKScaling(factor=1),
        DynamicScaling(factor=8, original=9),
        YarnScaling(factor=1, original=64),
        Llama3Scaling(factor=1, original=64),
        LongRoPEScaling(short=[1, 1, 1], long=[5, 5, 5], original=9),
    ],
)
def test_no_stretching_changes_nothing(scaling: Scaling) -> None:
    torch.testing.assert_close(rotary_table(9, 6, 100.0, scaling), rotary_table(9, 6, 100.0))


def test_what_llama_3_1_publishes() -> None:
    """Its 64 pairs: the fastest 29 are kept, those beyond the 35th turn eight times slower."""
    scaling = Llama3Scaling(factor=8, original=8192)
    ratios = scaling(500000, 128, 1, None)[0] / plain_rates(500000, 128, None)
    assert (ratios[:29] == 1).all()
    assert (ratios[29:35] < 1).all()
    torch.testing.assert_close(ratios[35:], torch.full((29,), 1 / 8))


def test_slopes_as_published() -> None:
    """Eight heads: 1/2, 1/4, … 1/256 (section 3); twelve: those, and every second one of sixteen heads."""
    slopes = -alibi(2, 8)[:, 1, 0]
    torch.testing.assert_close(slopes, torch.tensor([2.0**-power for power in range(1, 9)]))
    torch.testing.assert_close(-alibi(2, 12)[8:, 1, 0], torch.tensor([2.0**-power for power in (0.5, 1.5, 2.5, 3.5)]))
    assert torch.equal(alibi(5, 4), alibi(5, 4).mT)


@pytest.mark.parametrize(("direction", "ahead"), [("both", 16), ("past", 0)])
def test_buckets(direction: str, ahead: int) -> None:
    table = torch.arange(32.0)[:, None]
    found = relative_bias(table, 200, 128, direction)[0]
    assert found[150, 150] == 0
    assert found[150, 149] == 1
    assert found[150, 151] == (ahead + 1 if ahead else 0)
    assert found[199, 0] == (15 if ahead else 31)
    assert found[0, 199] == (31 if ahead else 0)
