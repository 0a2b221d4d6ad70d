"""Llama 3, 8 billion parameters (Grattafiori et al., 2024).

Compiled from the spec `llama` by graphspec 0.1.0 for
`device=cuda,precision=bf16,objective=next_token(logits),fusion=fused,returns=loss`.

Shapes are noted behind the lines; axes: B batch, T position.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from compiler.runtime import Model, linear_cross_entropy, masked_attention, merged_linear, rotary_table, rotate_halves

DEPTH = 32
D_MODEL = 4096
HEADS = 32
KV_HEADS = 8
D_FF = 14336
VOCAB = 128256
THETA = 500000
EPS = 1e-5


class Attention(nn.Module):
    """std.attention: `x: ... T d, context: ... K e = x -> out, weights`."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D_MODEL, D_MODEL, bias=False)
        self.k = nn.Linear(D_MODEL, D_MODEL * KV_HEADS // HEADS, bias=False)
        self.v = nn.Linear(D_MODEL, D_MODEL * KV_HEADS // HEADS, bias=False)
        self.o = nn.Linear(D_MODEL, D_MODEL, bias=False)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = merged_linear(x, self.q, self.k, self.v)
        query = q.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        key = k.unflatten(-1, (KV_HEADS, -1))  # B T kv_heads (d_model // heads)
        value = v.unflatten(-1, (KV_HEADS, -1))  # B T kv_heads (d_model // heads)
        turned_query = rotate_halves(query, rotary)  # B T heads (d_model // heads)
        turned_key = rotate_halves(key, rotary)  # B T kv_heads (d_model // heads)
        # SDPA, is_causal or a mask tensor: `causal & tokens_real`, causal alone where no tensor is given; guarded, for
        # a query may see no key
        attend = masked_attention(
            turned_query.transpose(1, 2),
            turned_key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=mask,
            is_causal=mask is None,
            enable_gqa=True,
        ).transpose(1, 2)  # B T heads (d_model // heads)
        merged = attend.flatten(-2)  # B T d_model
        return self.o(merged)  # B T d_model


class GatedFfn(nn.Module):
    """std.gated_ffn: `x: ... d -> down`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(D_MODEL, D_FF, bias=False)
        self.up = nn.Linear(D_MODEL, D_FF, bias=False)
        self.down = nn.Linear(D_FF, D_MODEL, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = merged_linear(x, self.gate, self.up)  # B T d_ff, B T d_ff
        return self.down(F.silu(gate) * up)  # B T d_model


class DecoderLayer(nn.Module):
    """decoder_layer: `x: B T d_model -> mid + ffn`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(D_MODEL, eps=EPS)
        self.attention = Attention()
        self.ffn_norm = nn.RMSNorm(D_MODEL, eps=EPS)
        self.ffn = GatedFfn()

    def forward(self, x: Tensor, rotary: Tensor, tokens_real_mask: Tensor | None) -> Tensor:
        attention_norm = self.attention_norm(x)  # B T d_model
        attention = self.attention(attention_norm, rotary, mask=tokens_real_mask)  # B T d_model
        mid = x + attention  # B T d_model
        ffn_norm = self.ffn_norm(mid)  # B T d_model
        ffn = self.ffn(ffn_norm)  # B T d_model
        return mid + ffn  # B T d_model


class Llama(Model):
    """Llama 3, 8 billion parameters (Grattafiori et al., 2024).

    tokens: int B T, tokens_real: bool B T = true -> loss: float
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, D_MODEL)
        self.layers = nn.ModuleList(DecoderLayer() for _ in range(DEPTH))
        self.norm = nn.RMSNorm(D_MODEL, eps=EPS)
        self.logits = nn.Linear(D_MODEL, VOCAB, bias=False)

    def forward(self, tokens: Tensor, tokens_real: Tensor | None = None) -> Tensor:
        T = tokens.shape[1]
        rotary = rotary_table(T, D_MODEL // HEADS, THETA, device=tokens.device)  # 2 T (d_model // heads // 2)
        position = torch.arange(T, device=tokens.device)  # int T
        tokens_real_mask = None if tokens_real is None else (position[:, None] >= position) & tokens_real[:, None, None]
        embedding = self.embedding(tokens)  # B T d_model
        layers = embedding
        for layer in self.layers:
            layers = layer(layers, rotary, tokens_real_mask)  # B T d_model
        norm = self.norm(layers)  # B T d_model
        # in pieces: the logits never exist whole
        return linear_cross_entropy(norm[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), self.logits.weight)  # float
