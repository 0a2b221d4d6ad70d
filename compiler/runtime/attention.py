"""Attention where a query may see no key: it gets zeros, and so does its gradient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last axis where `mask` is true; a row without any true entry is zero.

    The fill is finite, so that no row is NaN on the way, forwards or backwards.
    """
    if mask is None:
        return scores.softmax(-1)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return weights.masked_fill(~mask, 0.0)


def masked_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`F.scaled_dot_product_attention`, made safe for kernels that give NaN to a query that may see no key.

    Such a query is shown every key, and what it gets is dropped.
    """
    if attn_mask is None:
        return F.scaled_dot_product_attention(
            query, key, value, None, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    blind = ~attn_mask.any(-1, keepdim=True)
    shown = attn_mask | blind
    out = F.scaled_dot_product_attention(query, key, value, shown, dropout_p, scale=scale, enable_gqa=enable_gqa)
    return out.masked_fill(blind, 0.0)
