"""A text classifier, n → 1.

Compiled from the spec `classifier` by graphspec 0.1.0 for `device=cpu,precision=fp32,fusion=plain`.

Shapes are noted behind the lines; axes: B batch, T position.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from compiler.runtime import Model

LAYERS = 2
D_MODEL = 128
HEADS = 4
D_FF = 4 * D_MODEL
VOCAB = 256
CLASSES = 2
LONGEST = 512
DROP = 0.1


class Attention(nn.Module):
    """std.attention: `x: ... T d, context: ... K e = x -> out, weights`."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D_MODEL, D_MODEL)
        self.k = nn.Linear(D_MODEL, D_MODEL)
        self.v = nn.Linear(D_MODEL, D_MODEL)
        self.o = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        q = self.q(x)  # B T d_model
        k = self.k(x)  # B T d_model
        v = self.v(x)  # B T d_model
        query = q.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        key = k.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        value = v.unflatten(-1, (HEADS, -1))  # B T heads (d_model // heads)
        # SDPA, mask tensor: `tokens_real`
        attend = F.scaled_dot_product_attention(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=mask,
            dropout_p=DROP if self.training else 0.0,
        ).transpose(1, 2)  # B T heads (d_model // heads)
        merged = attend.flatten(-2)  # B T d_model
        return self.o(merged)  # B T d_model


class Ffn(nn.Module):
    """std.ffn: `x: ... d -> down`."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(D_MODEL, D_FF)
        self.down = nn.Linear(D_FF, D_MODEL)

    def forward(self, x: Tensor) -> Tensor:
        up = self.up(x)  # B T d_ff
        return self.down(F.dropout(F.gelu(up), DROP, self.training))  # B T d_model


class PreNormEncoderLayer(nn.Module):
    """std.pre_norm_encoder_layer: `x: ... T d -> mid + dropout(ffn, drop)`."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(D_MODEL, eps=1e-5)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(D_MODEL, eps=1e-5)
        self.ffn = Ffn()

    def forward(self, x: Tensor, tokens_real_mask: Tensor | None) -> Tensor:
        norm1 = self.norm1(x)  # B T d_model
        attention = self.attention(norm1, tokens_real_mask)  # B T d_model
        mid = x + F.dropout(attention, DROP, self.training)  # B T d_model
        norm2 = self.norm2(mid)  # B T d_model
        ffn = self.ffn(norm2)  # B T d_model
        return mid + F.dropout(ffn, DROP, self.training)  # B T d_model


class Classifier(Model):
    """A text classifier, n → 1.

    tokens: int B T, tokens_real: bool B T = true -> logits: B classes
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, D_MODEL)
        self.position = nn.Embedding(LONGEST, D_MODEL)
        self.encoder = nn.ModuleList(PreNormEncoderLayer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(D_MODEL, eps=1e-5)
        self.logits = nn.Linear(D_MODEL, CLASSES)

    def forward(self, tokens: Tensor, tokens_real: Tensor | None = None) -> Tensor:
        B, T = tokens.shape
        tokens_real_mask = None if tokens_real is None else tokens_real[:, None, None]  # bool B 1 1 T
        embedding = self.embedding(tokens)  # B T d_model
        position = self.position.weight[:T]  # T d_model
        input = F.dropout(embedding + position, DROP, self.training)  # B T d_model
        encoder = input
        for layer in self.encoder:
            encoder = layer(encoder, tokens_real_mask)  # B T d_model
        norm = self.norm(encoder)  # B T d_model
        if tokens_real is None:
            tokens_real = torch.ones((B, T), dtype=torch.bool, device=tokens.device)  # bool B T
        mean = (norm * tokens_real[..., None]).sum(1) / tokens_real.sum(-1)[:, None]  # B d_model
        return self.logits(mean)  # B classes
