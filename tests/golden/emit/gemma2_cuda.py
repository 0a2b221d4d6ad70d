"""Gemma 2, 9 billion parameters (Gemma Team, 2024).

Compiled from the spec `gemma2` by graphspec 0.1.0 for `device=cuda,precision=fp32,fusion=plain`.

Shapes are noted behind the lines; axes: B batch, T position.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask

from compiler.runtime import Model, Parameters, block_mask, flexible_attention, rotary_table, rotate_halves

DEPTH = 42
D_MODEL = 3584
HEADS = 16
KV_HEADS = 8
HEAD_DIM = 256
D_FF = 14336
VOCAB = 256000
WINDOW = 4096
QUERY_SCALE = 256
SCORE_CAP = 50
LOGIT_CAP = 30
THETA = 10000
EPS = 1e-6


class CappedAttention(nn.Module):
    """capped_attention: `x: B T d_model -> o`."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D_MODEL, HEAD_DIM * HEADS, bias=False)
        self.k = nn.Linear(D_MODEL, HEAD_DIM * KV_HEADS, bias=False)
        self.v = nn.Linear(D_MODEL, HEAD_DIM * KV_HEADS, bias=False)
        self.o = nn.Linear(HEAD_DIM * HEADS, D_MODEL, bias=False)

    def forward(self, x: Tensor, rotary: Tensor, mask: BlockMask) -> Tensor:
        q = self.q(x)  # B T (head_dim * heads)
        k = self.k(x)  # B T (head_dim * kv_heads)
        v = self.v(x)  # B T (head_dim * kv_heads)
        queries = q.unflatten(-1, (HEADS, -1))  # B T heads head_dim
        query = rotate_halves(queries, rotary)  # B T heads head_dim
        keys = k.unflatten(-1, (KV_HEADS, -1))  # B T kv_heads head_dim
        key = rotate_halves(keys, rotary)  # B T kv_heads head_dim
        value = v.unflatten(-1, (KV_HEADS, -1))  # B T kv_heads head_dim
        # flex, block mask: `causal & tokens_real & window(left=window - 1)`, a bound of the scores or `causal &
        # tokens_real`, a bound of the scores
        attend = flexible_attention(
            query,
            key,
            value,
            mask,
            score=lambda score, b, h, i, j: SCORE_CAP * torch.tanh(score / SCORE_CAP),
            scale=QUERY_SCALE**-0.5,
        )  # B T heads head_dim
        merged = attend.flatten(-2)  # B T (head_dim * heads)
        return self.o(merged)  # B T d_model


class GatedFfn(nn.Module):
    """std.gated_ffn: `x: ... d -> down`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(D_MODEL, D_FF, bias=False)
        self.up = nn.Linear(D_MODEL, D_FF, bias=False)
        self.down = nn.Linear(D_FF, D_MODEL, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x)  # B T d_ff
        up = self.up(x)  # B T d_ff
        return self.down(F.gelu(gate, approximate="tanh") * up)  # B T d_model


class LayersDecoderLayer(nn.Module):
    """decoder_layer: `x: B T d_model -> mid + ffn_end`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = Parameters(weight=D_MODEL)
        self.attention = CappedAttention()
        self.attention_end = Parameters(weight=D_MODEL)
        self.ffn_norm = Parameters(weight=D_MODEL)
        self.ffn = GatedFfn()
        self.ffn_end = Parameters(weight=D_MODEL)

    def forward(self, x: Tensor, rotary: Tensor, tokens_real_window_mask: BlockMask) -> Tensor:
        attention_norm = F.rms_norm(x, (D_MODEL,), self.attention_norm.weight + 1, EPS)  # B T d_model
        attention = self.attention(attention_norm, rotary, mask=tokens_real_window_mask)  # B T d_model
        attention_end = F.rms_norm(attention, (D_MODEL,), self.attention_end.weight + 1, EPS)  # B T d_model
        mid = x + attention_end  # B T d_model
        ffn_norm = F.rms_norm(mid, (D_MODEL,), self.ffn_norm.weight + 1, EPS)  # B T d_model
        ffn = self.ffn(ffn_norm)  # B T d_model
        ffn_end = F.rms_norm(ffn, (D_MODEL,), self.ffn_end.weight + 1, EPS)  # B T d_model
        return mid + ffn_end  # B T d_model


class LayersDecoderLayer2(nn.Module):
    """decoder_layer: `x: B T d_model -> mid + ffn_end`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = Parameters(weight=D_MODEL)
        self.attention = CappedAttention()
        self.attention_end = Parameters(weight=D_MODEL)
        self.ffn_norm = Parameters(weight=D_MODEL)
        self.ffn = GatedFfn()
        self.ffn_end = Parameters(weight=D_MODEL)

    def forward(self, x: Tensor, rotary: Tensor, tokens_real_mask: BlockMask) -> Tensor:
        attention_norm = F.rms_norm(x, (D_MODEL,), self.attention_norm.weight + 1, EPS)  # B T d_model
        attention = self.attention(attention_norm, rotary, mask=tokens_real_mask)  # B T d_model
        attention_end = F.rms_norm(attention, (D_MODEL,), self.attention_end.weight + 1, EPS)  # B T d_model
        mid = x + attention_end  # B T d_model
        ffn_norm = F.rms_norm(mid, (D_MODEL,), self.ffn_norm.weight + 1, EPS)  # B T d_model
        ffn = self.ffn(ffn_norm)  # B T d_model
        ffn_end = F.rms_norm(ffn, (D_MODEL,), self.ffn_end.weight + 1, EPS)  # B T d_model
        return mid + ffn_end  # B T d_model


class Gemma2(Model):
    """Gemma 2, 9 billion parameters (Gemma Team, 2024).

    tokens: int B T, tokens_real: bool B T = true -> logits: B T vocab
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, D_MODEL)
        self.layers = nn.ModuleList(
            layer() for _ in range(DEPTH // 2) for layer in (LayersDecoderLayer, LayersDecoderLayer2)
        )
        self.norm = Parameters(weight=D_MODEL)

    def forward(self, tokens: Tensor, tokens_real: Tensor | None = None) -> Tensor:
        B, T = tokens.shape
        rotary = rotary_table(T, HEAD_DIM, THETA, device=tokens.device)  # 2 T (head_dim // 2)
        if tokens_real is None:
            tokens_real = torch.ones((B, T), dtype=torch.bool, device=tokens.device)  # bool B T
        tokens_real_window_mask = block_mask(
            lambda b, h, i, j: (i >= j) & tokens_real[b, j] & (i - j <= WINDOW - 1), B, 1, T, T, tokens.device
        )  # bool B 1 T T'
        tokens_real_mask = block_mask(lambda b, h, i, j: (i >= j) & tokens_real[b, j], B, 1, T, T, tokens.device)
        embedding = self.embedding(tokens)  # B T d_model
        input = math.sqrt(D_MODEL) * embedding  # B T d_model
        layers = input
        for layer in self.layers:
            if isinstance(layer, LayersDecoderLayer):
                layers = layer(layers, rotary, tokens_real_window_mask)  # B T d_model
            else:
                layers = layer(layers, rotary, tokens_real_mask)  # B T d_model
        norm = F.rms_norm(layers, (D_MODEL,), self.norm.weight + 1, EPS)  # B T d_model
        scores = F.linear(norm, self.embedding.weight)  # B T vocab
        return LOGIT_CAP * torch.tanh(scores / LOGIT_CAP)  # B T vocab
