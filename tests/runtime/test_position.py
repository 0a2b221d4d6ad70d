"""Turns depend on distance alone, and leave what lies beyond their width."""

from __future__ import annotations

import pytest
import torch

from compiler.runtime import rotary_table, rotate_halves, rotate_pairs, sinusoidal_position


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
