"""case.

Compiled from the spec `case` by graphspec 0.1.0 for `device=cpu,precision=fp32,fusion=plain`.

Shapes are noted behind the lines; axes: B batch, T position, S position, H position, W position.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from compiler.runtime import Model, masked_softmax

HEADS = 4
KV = 2
E = 6


class Case(Model):
    """case.

    q: B T heads e, k: B T kv e, v: B T kv d -> out: B T heads d
    """

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        T = q.shape[1]
        position = torch.arange(T, device=q.device)  # int T
        causal_mask = position[:, None] >= position  # bool T T'
        # written out: its scores are bounded
        scores = torch.einsum("...thc,...khc->...htk", q, k.repeat_interleave(HEADS // KV, dim=-2)) / math.sqrt(E)
        scores = 2.0 * torch.tanh(scores / 2.0)
        weights = masked_softmax(scores, causal_mask)
        a = torch.einsum("...htk,...khe->...the", weights, v.repeat_interleave(HEADS // KV, dim=-2))  # B T heads d
        # written out: its scores are bounded
        scores_ = 0.3 * torch.einsum("...thc,...khc->...htk", q, k.repeat_interleave(HEADS // KV, dim=-2))
        scores_ = 2.0 * torch.tanh(scores_ / 2.0)
        weights_ = scores_.softmax(-1)
        b = torch.einsum("...htk,...khe->...the", weights_, v.repeat_interleave(HEADS // KV, dim=-2))  # B T heads d
        # SDPA, is_causal: `causal` needs no mask tensor
        c = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True, scale=0.3, enable_gqa=True
        ).transpose(1, 2)  # B T heads d
        return a + b + c  # B T heads d
