"""Attention by where documents begin: the bounds, what is computed within them, and how torch's kernel is called."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from compiler.runtime import bounds_of_documents, masked_softmax, packed, packed_attention

DOCUMENTS = torch.tensor([[7, 7, 7, 2, 2, 9], [2, 2, 2, 2, 2, 2], [0, 1, 2, 3, 4, 5]])


def parts(heads: int = 4, key_heads: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    rows, length = DOCUMENTS.shape
    shapes = [(rows, length, count, 8) for count in (heads, key_heads, key_heads)]
    return tuple(torch.randn(shape, generator=generator).requires_grad_() for shape in shapes)  # pyright: ignore


def test_a_document_ends_where_its_number_does_and_with_its_row() -> None:
    bounds = bounds_of_documents(DOCUMENTS)
    assert bounds.tolist() == [0, 3, 5, 6, 12, 13, 14, 15, 16, 17, 18]
    assert bounds.dtype == torch.int32
    assert bounds_of_documents(torch.zeros(3, 1, dtype=torch.long)).tolist() == [0, 1, 2, 3]


def test_a_document_in_pieces_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pieces of a row, which the kernel `varlen` cannot compute; `flex` can"):
        bounds_of_documents(torch.tensor([[0, 0, 0, 0], [1, 2, 2, 1]]))


WINDOWS = [(-1, -1), (-1, 0), (1, 0), (2, 1), (0, -1)]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_documents_windows_and_groups_are_exact(window: tuple[int, int]) -> None:
    """Forward and backward, against every pair of one row at a time."""
    query, key, value = parts()
    out = packed_attention(query, key, value, bounds_of_documents(DOCUMENTS), window)
    wanted = torch.stack([_row(at, window, query, key, value) for at in range(len(DOCUMENTS))])
    torch.testing.assert_close(out, wanted)
    slope = torch.linspace(-1, 1, out.numel()).view(out.shape)
    leaves = (query, key, value)
    for ours, theirs in zip(*(torch.autograd.grad((it * slope).sum(), leaves) for it in (out, wanted)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def _row(at: int, window: tuple[int, int], *parts: Tensor) -> Tensor:
    query, key, value = (part[at].repeat_interleave(4 // part.shape[2], 1).transpose(0, 1) for part in parts)
    numbers, (before, behind) = DOCUMENTS[at].tolist(), window
    seen = torch.tensor(
        [
            [
                mine == other and (before < 0 or j >= i - before) and (behind < 0 or j <= i + behind)
                for j, other in enumerate(numbers)
            ]
            for i, mine in enumerate(numbers)
        ]
    )
    return (masked_softmax(query @ key.mT / math.sqrt(8), seen) @ value).transpose(0, 1)


def test_autocast_makes_the_parts_alike() -> None:
    query, key, value = parts()
    with torch.autocast("cpu", torch.bfloat16):
        out = packed_attention(query.bfloat16(), key, value, bounds_of_documents(DOCUMENTS))
    assert out.dtype == torch.bfloat16


# --- torch's kernel, which only CUDA has: its place is taken by one that computes each sequence as the kernel would


def sequences(
    query: Tensor, key: Tensor, value: Tensor, at: Tensor, key_at: Tensor, *longest: int, **wanted: Any
) -> Tensor:
    assert query.ndim == 3 and at is key_at and at.dtype == torch.int32
    assert max(at.diff()) <= min(longest)
    before, behind = wanted["window_size"]
    assert query.shape[1] == key.shape[1] or wanted.get("enable_gqa")
    key, value = (part.repeat_interleave(query.shape[1] // part.shape[1], 1) for part in (key, value))
    found: list[Tensor] = []
    for start, stop in zip(at[:-1].tolist(), at[1:].tolist(), strict=True):
        ahead = torch.arange(stop - start) - torch.arange(stop - start)[:, None]
        seen = (ahead >= (-before if before >= 0 else -stop)) & (ahead <= (behind if behind >= 0 else stop))
        q, k, v = (part[start:stop].transpose(0, 1) for part in (query, key, value))
        found.append((masked_softmax(wanted["scale"] * q @ k.mT, seen) @ v).transpose(0, 1))
    return torch.cat(found)


def before_groups(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    at: Tensor,
    key_at: Tensor,
    longest: int,
    too: int,
    *,
    scale: float,
    window_size: Any,
) -> Tensor:
    """The signature of torch 2.11, which knows nothing of groups."""
    return sequences(query, key, value, at, key_at, longest, too, scale=scale, window_size=window_size)


def with_groups(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    at: Tensor,
    key_at: Tensor,
    longest: int,
    too: int,
    *,
    enable_gqa: bool = False,
    **wanted: Any,
) -> Tensor:
    return sequences(query, key, value, at, key_at, longest, too, enable_gqa=enable_gqa, **wanted)


@pytest.mark.parametrize("kernel", [before_groups, with_groups])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_the_kernel_is_called_for_the_same_numbers(
    kernel: Any, window: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    query, key, value = parts()
    bounds = bounds_of_documents(DOCUMENTS)
    wanted = packed_attention(query, key, value, bounds, window, 0.5)
    monkeypatch.setattr(packed, "_by_pairs", packed._by_kernel)
    monkeypatch.setattr(packed, "_varlen", lambda: kernel)
    packed._shares_heads.cache_clear()
    try:
        torch.testing.assert_close(packed_attention(query, key, value, bounds, window, 0.5), wanted)
    finally:
        packed._shares_heads.cache_clear()


def test_torch_has_the_kernel_that_is_called() -> None:
    """As far as one can tell without a GPU: its name, and the parameters by name."""
    import inspect

    names = list(inspect.signature(packed._varlen()).parameters)
    assert names[:7] == ["query", "key", "value", "cu_seq_q", "cu_seq_k", "max_q", "max_k"]
    assert {"scale", "window_size"} <= set(names)
