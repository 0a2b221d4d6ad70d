"""Layers that take turns, and masks of three kinds.

Compiled from the spec `pattern` by graphspec 0.1.0 for `device=cpu,precision=fp32,fusion=plain`.

Shapes are noted behind the lines; axes: B batch, T position.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from compiler.runtime import Model, rotary_table, rotate_halves

DEPTH = 6
D_MODEL = 16
HEADS = 4
KV_HEADS = 2
NEAR = 2
DROP = 0.1


class PatternOutput(NamedTuple):
    out: Tensor  # B T d_model
    best: Tensor  # B d_model


class LayersAttention(nn.Module):
    """std.attention: `x: ... T d, context: ... K e = x -> out, weights`."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D_MODEL, D_MODEL)
        self.k = nn.Linear(D_MODEL, D_MODEL * KV_HEADS // HEADS)
        self.v = nn.Linear(D_MODEL, D_MODEL * KV_HEADS // HEADS)
        self.o = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor) -> Tensor:
        q = self.q(x)  # B T d_model
        k = self.k(x)  # B T (d_model * kv_heads // heads)
        v = self.v(x)  # B T (d_model * kv_heads // heads)
        query = q.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        key = k.unflatten(-1, (KV_HEADS, -1))  # B T kv_heads (d_model // heads)
        value = v.unflatten(-1, (KV_HEADS, -1))  # B T kv_heads (d_model // heads)
        turned_query = rotate_halves(query, rotary)  # B T heads (d_model // heads)
        turned_key = rotate_halves(key, rotary)  # B T kv_heads (d_model // heads)
        # SDPA, mask tensor: `causal & window(left=near)` or `documents(document)`
        attend = F.scaled_dot_product_attention(
            turned_query.transpose(1, 2),
            turned_key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=mask,
            dropout_p=DROP if self.training else 0.0,
            enable_gqa=True,
        ).transpose(1, 2)  # B T heads (d_model // heads)
        merged = attend.flatten(-2)  # B T d_model
        return self.o(merged)  # B T d_model


class LayersStage(nn.Module):
    """stage: `x: B T d_model -> x + attention`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = LayersAttention()

    def forward(self, x: Tensor, rotary: Tensor, window_mask: Tensor) -> Tensor:
        attention = self.attention(x, rotary, mask=window_mask)  # B T d_model
        return x + attention  # B T d_model


class LayersAttention2(nn.Module):
    """std.attention: `x: ... T d, context: ... K e = x -> out, weights`."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D_MODEL, D_MODEL)
        self.k = nn.Linear(D_MODEL, D_MODEL * KV_HEADS // HEADS)
        self.v = nn.Linear(D_MODEL, D_MODEL * KV_HEADS // HEADS)
        self.o = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None) -> Tensor:
        q = self.q(x)  # B T d_model
        k = self.k(x)  # B T (d_model * kv_heads // heads)
        v = self.v(x)  # B T (d_model * kv_heads // heads)
        query = q.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        key = k.unflatten(-1, (KV_HEADS, -1))  # B T kv_heads (d_model // heads)
        value = v.unflatten(-1, (KV_HEADS, -1))  # B T kv_heads (d_model // heads)
        turned_query = rotate_halves(query, rotary)  # B T heads (d_model // heads)
        turned_key = rotate_halves(key, rotary)  # B T kv_heads (d_model // heads)
        # SDPA, is_causal or a mask tensor: `causal & real`, causal alone where no tensor is given
        attend = F.scaled_dot_product_attention(
            turned_query.transpose(1, 2),
            turned_key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=mask,
            dropout_p=DROP if self.training else 0.0,
            is_causal=mask is None,
            enable_gqa=True,
        ).transpose(1, 2)  # B T heads (d_model // heads)
        merged = attend.flatten(-2)  # B T d_model
        return self.o(merged)  # B T d_model


class LayersStage2(nn.Module):
    """stage: `x: B T d_model -> x + attention`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = LayersAttention2()

    def forward(self, x: Tensor, rotary: Tensor, real_mask: Tensor | None) -> Tensor:
        attention = self.attention(x, rotary, mask=real_mask)  # B T d_model
        return x + attention  # B T d_model


class PackedStage(nn.Module):
    """stage: `x: B T d_model -> x + attention`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = LayersAttention()

    def forward(self, x: Tensor, rotary: Tensor, document_mask: Tensor) -> Tensor:
        attention = self.attention(x, rotary, mask=document_mask)  # B T d_model
        return x + attention  # B T d_model


class Pattern(Model):
    """Layers that take turns, and masks of three kinds.

    tokens: int B T, document: int B T, real: bool B T = true -> out: B T d_model, best: B d_model
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(99, D_MODEL)
        self.layers = nn.ModuleList(
            layer() for _ in range(DEPTH // 3) for layer in (LayersStage, LayersStage, LayersStage2)
        )
        self.packed = PackedStage()

    def forward(self, tokens: Tensor, document: Tensor, real: Tensor | None = None) -> PatternOutput:
        T = tokens.shape[1]
        rotary = rotary_table(T, D_MODEL // HEADS, 10000, device=tokens.device)  # 2 T (d_model // heads // 2)
        position = torch.arange(T, device=tokens.device)  # int T
        window_mask = (position[:, None] >= position) & (position[:, None] - position <= NEAR)  # bool T T'
        real_mask = None if real is None else (position[:, None] >= position) & real[:, None, None]  # bool B 1 T T'
        document_mask = document[:, None, :, None] == document[:, None, None]  # bool B 1 T T'
        embedding = self.embedding(tokens)  # B T d_model
        layers = embedding
        for layer in self.layers:
            if isinstance(layer, LayersStage):
                layers = layer(layers, rotary, window_mask)  # B T d_model
            else:
                layers = layer(layers, rotary, real_mask)  # B T d_model
        packed = self.packed(layers, rotary, document_mask)  # B T d_model
        best = packed.amax(1)  # B d_model
        out = packed * best[:, None] + F.silu(best)[:, None]  # B T d_model
        return PatternOutput(out, best)
