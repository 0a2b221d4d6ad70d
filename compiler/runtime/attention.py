"""Attention where a query may see no key: it gets zeros, and so does its gradient."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_softmax(scores: Tensor, mask: Tensor | None, sink: Tensor | None = None) -> Tensor:
    """Softmax over the last axis where `mask` is true; a row without any true entry is zero.

    `sink`, one number a head (scores are `... h T K`), takes part as one more score, whose weight is dropped. The fill
    is finite, so that no row is NaN on the way, forwards or backwards.
    """
    if sink is not None:
        seen = scores if mask is None else scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        column = sink.to(scores.dtype)[:, None, None].expand(*scores.shape[:-1], 1)
        weights = torch.cat((seen, column), -1).softmax(-1)[..., :-1]
        return weights if mask is None else weights.masked_fill(~mask, 0.0)
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

    Such a query is shown every key, and what it gets is dropped. With a mask key heads are repeated for their groups,
    for then no fast kernel shares them.
    """
    if attn_mask is None:
        return F.scaled_dot_product_attention(
            query, key, value, None, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    blind = ~attn_mask.any(-1, keepdim=True)
    shown = attn_mask | blind
    if enable_gqa:
        key, value = (part.repeat_interleave(query.shape[-3] // part.shape[-3], -3) for part in (key, value))
    out = F.scaled_dot_product_attention(query, key, value, shown, dropout_p, scale=scale)
    return out.masked_fill(blind, 0.0)


def biased_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor,
    mask: Tensor | None = None,
    dropout_p: float = 0.0,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Attention of `... T h c` to `... K h c` with `bias` (`... h T K`) added to the scores, where `mask` is true.

    A query that may see no key gets zeros.
    """
    added = bias.to(query.dtype)
    if mask is not None:
        added = torch.where(mask, added, torch.finfo(query.dtype).min)
    query, key, value = (part.transpose(-3, -2) for part in (query, key, value))
    out = F.scaled_dot_product_attention(query, key, value, added, dropout_p, scale=scale, enable_gqa=enable_gqa)
    if mask is not None:
        out = out.masked_fill(~mask.any(-1, keepdim=True), 0.0)
    return out.transpose(-3, -2)
