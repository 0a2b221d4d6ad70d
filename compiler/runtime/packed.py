"""Attention within documents that stand behind one another in a row, by where they begin: no other pair is computed.

On CUDA it is torch's attention of variable lengths. Elsewhere torch has none, and every pair is asked for its
documents: the same numbers, without the speed.
"""

from __future__ import annotations

import inspect
import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from compiler.runtime.attention import masked_softmax

EVERYTHING = (-1, -1)
"""A window without an end on either side, as torch writes it."""


@torch.library.custom_op("graphspec::bounds_of_documents", mutates_args=())
def bounds_of_documents(document: Tensor) -> Tensor:
    """Where documents begin among all tokens of `B T`, and where the last one ends: int32, one more than documents.

    A document ends where the number changes, and with its row. Raises `ValueError` if a number comes again later in a
    row: attention is between all tokens of a number, and bounds would part them.
    """
    first = torch.ones_like(document, dtype=torch.bool)
    first[:, 1:] = document[:, 1:] != document[:, :-1]
    starts = first.flatten().nonzero()[:, 0]
    sorted_ = document.sort(-1).values
    if len(starts) != len(document) + (sorted_[:, 1:] != sorted_[:, :-1]).sum():
        raise ValueError(
            "a document stands in several pieces of a row, which the kernel `varlen` cannot compute; `flex` can"
        )
    return F.pad(starts, (0, 1), value=document.numel()).to(torch.int32)


@bounds_of_documents.register_fake
def _(document: Tensor) -> Tensor:
    return document.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int32)


def packed_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bounds: Tensor,
    window: tuple[int, int] = EVERYTHING,
    scale: float | None = None,
) -> Tensor:
    """Attention of `B T h c` to `B T g c` within the documents of `bounds`.

    A query sees keys from `window[0]` places before it to `window[1]` behind it; -1 is no end.
    """
    if torch.is_autocast_enabled(query.device.type):
        kind = torch.get_autocast_dtype(query.device.type)
        query, key, value = (part.to(kind) for part in (query, key, value))
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    attend = _by_kernel if query.is_cuda else _by_pairs
    return attend(query, key, value, bounds, window, scale)


def _by_pairs(
    query: Tensor, key: Tensor, value: Tensor, bounds: Tensor, window: tuple[int, int], scale: float
) -> Tensor:
    """Every pair one by one."""
    rows, length, heads, _ = query.shape
    key, value = (part.repeat_interleave(heads // part.shape[2], 2) for part in (key, value))
    places = torch.arange(rows * length, dtype=bounds.dtype, device=bounds.device)
    document = torch.searchsorted(bounds, places, right=True).view(rows, 1, length)
    seen = document[..., None] == document[..., None, :]
    ahead = places[:length] - places[:length, None]
    before, behind = window
    seen = seen & (ahead >= -before) if before >= 0 else seen
    seen = seen & (ahead <= behind) if behind >= 0 else seen
    scores = scale * torch.einsum("bthc,bkhc->bhtk", query, key)
    return torch.einsum("bhtk,bkhc->bthc", masked_softmax(scores, seen), value)


def _by_kernel(
    query: Tensor, key: Tensor, value: Tensor, bounds: Tensor, window: tuple[int, int], scale: float
) -> Tensor:
    """All rows behind one another, as the kernel takes them. No document is longer than a row."""
    length, heads, key_heads = query.shape[1], query.shape[2], key.shape[2]
    wanted: dict[str, Any] = {"scale": scale, "window_size": window}
    if heads != key_heads and _shares_heads():
        wanted["enable_gqa"] = True
    elif heads != key_heads:
        key, value = (part.repeat_interleave(heads // key_heads, 2) for part in (key, value))
    parts = (part.flatten(0, 1) for part in (query, key, value))
    return _varlen()(*parts, bounds, bounds, length, length, **wanted).view(*query.shape[:3], -1)


def _varlen() -> Any:
    from torch.nn.attention.varlen import varlen_attn

    return varlen_attn


@cache
def _shares_heads() -> bool:
    """Whether torch's kernel takes fewer heads of keys than of queries; it did not always."""
    return "enable_gqa" in inspect.signature(_varlen()).parameters
