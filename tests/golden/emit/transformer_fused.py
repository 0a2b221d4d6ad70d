"""The Transformer, encoder-decoder (Vaswani et al., 2017).

Compiled from the spec `transformer` by graphspec 0.1.0 for `device=cuda,precision=bf16,objective=next_token(logits,
target),fusion=fused,returns=loss`.

Shapes are noted behind the lines; axes: B batch, S position, T position.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from compiler.runtime import Model, linear_cross_entropy, masked_attention, merged_linear, sinusoidal_position

LAYERS = 6
D_MODEL = 512
HEADS = 8
D_FF = 4 * D_MODEL
VOCAB = 37000
DROP = 0.1


class EncoderAttention(nn.Module):
    """std.attention: `x: ... T d, context: ... K e = x -> out, weights`."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D_MODEL, D_MODEL)
        self.k = nn.Linear(D_MODEL, D_MODEL)
        self.v = nn.Linear(D_MODEL, D_MODEL)
        self.o = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = merged_linear(x, self.q, self.k, self.v)  # B S d_model, B S d_model, B S d_model
        query = q.unflatten(-1, (HEADS, -1))  # B S heads (d_model // heads)
        key = k.unflatten(-1, (HEADS, -1))  # B S heads (d_model // heads)
        value = v.unflatten(-1, (HEADS, -1))  # B S heads (d_model // heads)
        # SDPA, mask tensor: `source_real`; guarded, for a query may see no key
        attend = masked_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=mask
        ).transpose(1, 2)  # B S heads (d_model // heads)
        merged = attend.flatten(-2)  # B S d_model
        return self.o(merged)  # B S d_model


class Ffn(nn.Module):
    """std.ffn: `x: ... d -> down`."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(D_MODEL, D_FF)
        self.down = nn.Linear(D_FF, D_MODEL)

    def forward(self, x: Tensor) -> Tensor:
        up = self.up(x)  # ... d_ff
        return self.down(F.relu(up))  # ... d_model


class EncoderLayer(nn.Module):
    """encoder_layer: `x: B S d_model -> norm2`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = EncoderAttention()
        self.norm1 = nn.LayerNorm(D_MODEL, eps=1e-5)
        self.ffn = Ffn()
        self.norm2 = nn.LayerNorm(D_MODEL, eps=1e-5)

    def forward(self, x: Tensor, source_real_mask: Tensor | None) -> Tensor:
        attention = self.attention(x, source_real_mask)  # B S d_model
        mid = x + F.dropout(attention, DROP, self.training)  # B S d_model
        norm1 = self.norm1(mid)  # B S d_model
        ffn = self.ffn(norm1)  # B S d_model
        end = norm1 + F.dropout(ffn, DROP, self.training)  # B S d_model
        return self.norm2(end)  # B S d_model


class DecoderSelfAttention(nn.Module):
    """std.attention: `x: ... T d, context: ... K e = x -> out, weights`."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D_MODEL, D_MODEL)
        self.k = nn.Linear(D_MODEL, D_MODEL)
        self.v = nn.Linear(D_MODEL, D_MODEL)
        self.o = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = merged_linear(x, self.q, self.k, self.v)  # B T d_model, B T d_model, B T d_model
        query = q.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        key = k.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        value = v.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        # SDPA, is_causal: `causal` needs no mask tensor
        attend = F.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), is_causal=True
        ).transpose(1, 2)  # B T heads (d_model // heads)
        merged = attend.flatten(-2)  # B T d_model
        return self.o(merged)  # B T d_model


class DecoderCrossAttention(nn.Module):
    """std.attention: `x: ... T d, context: ... K e = x -> out, weights`."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D_MODEL, D_MODEL)
        self.k = nn.Linear(D_MODEL, D_MODEL)
        self.v = nn.Linear(D_MODEL, D_MODEL)
        self.o = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None) -> Tensor:
        q = self.q(x)  # B T d_model
        k, v = merged_linear(context, self.k, self.v)  # B S d_model, B S d_model
        query = q.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        key = k.unflatten(-1, (HEADS, -1))  # B S heads (d_model // heads)
        value = v.unflatten(-1, (HEADS, -1))  # B S heads (d_model // heads)
        # SDPA, mask tensor: `source_real`; guarded, for a query may see no key
        attend = masked_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=mask
        ).transpose(1, 2)  # B T heads (d_model // heads)
        merged = attend.flatten(-2)  # B T d_model
        return self.o(merged)  # B T d_model


class DecoderLayer(nn.Module):
    """decoder_layer: `x: B T d_model, memory: B S d_model -> norm3`."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attention = DecoderSelfAttention()
        self.norm1 = nn.LayerNorm(D_MODEL, eps=1e-5)
        self.cross_attention = DecoderCrossAttention()
        self.norm2 = nn.LayerNorm(D_MODEL, eps=1e-5)
        self.ffn = Ffn()
        self.norm3 = nn.LayerNorm(D_MODEL, eps=1e-5)

    def forward(self, x: Tensor, memory: Tensor, source_real_mask: Tensor | None) -> Tensor:
        self_attention = self.self_attention(x)  # B T d_model
        first = x + F.dropout(self_attention, DROP, self.training)  # B T d_model
        norm1 = self.norm1(first)  # B T d_model
        cross_attention = self.cross_attention(norm1, context=memory, mask=source_real_mask)  # B T d_model
        second = norm1 + F.dropout(cross_attention, DROP, self.training)  # B T d_model
        norm2 = self.norm2(second)  # B T d_model
        ffn = self.ffn(norm2)  # B T d_model
        third = norm2 + F.dropout(ffn, DROP, self.training)  # B T d_model
        return self.norm3(third)  # B T d_model


class Transformer(Model):
    """The Transformer, encoder-decoder (Vaswani et al., 2017).

    source: int B S, target: int B T, source_real: bool B S = true -> loss: float
    """

    def __init__(self) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(VOCAB, D_MODEL)
        self.encoder = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.decoder = nn.ModuleList(DecoderLayer() for _ in range(LAYERS))

    def forward(self, source: Tensor, target: Tensor, source_real: Tensor | None = None) -> Tensor:
        S = source.shape[1]
        T = target.shape[1]
        source_real_mask = None if source_real is None else source_real[:, None, None]  # bool B 1 1 S
        source_embedding = self.source_embedding(source)  # B S d_model
        source_position = sinusoidal_position(S, D_MODEL, device=source.device)  # S d_model
        encoder_input = F.dropout(math.sqrt(D_MODEL) * source_embedding + source_position, DROP, self.training)
        encoder = encoder_input
        for layer in self.encoder:
            encoder = layer(encoder, source_real_mask)  # B S d_model
        target_embedding = self.source_embedding(target)  # B T d_model
        target_position = sinusoidal_position(T, D_MODEL, device=source.device)  # T d_model
        decoder_input = F.dropout(math.sqrt(D_MODEL) * target_embedding + target_position, DROP, self.training)
        decoder = decoder_input
        for layer in self.decoder:
            decoder = layer(decoder, memory=encoder, source_real_mask=source_real_mask)  # B T d_model
        # in pieces: the logits never exist whole
        return linear_cross_entropy(
            decoder[:, :-1].flatten(0, 1), target[:, 1:].flatten(), self.source_embedding.weight
        )  # float
