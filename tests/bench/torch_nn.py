"""`torch.nn.Transformer` and its encoder layer. An adapter of `graphspec bench`; see `handwritten.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from tests.bench.handwritten import next_token_loss, sinusoids, start


def build(like: str, sizes: Mapping[str, Any], at: Mapping[str, int]) -> nn.Module | None:
    match like:
        case "gpt2":
            return GPT(sizes["depth"], sizes["d_model"], sizes["heads"], sizes["vocab"], sizes["longest"])
        case "encoder_decoder":
            return EncoderDecoder(sizes["layers"], sizes["d_model"], sizes["heads"], sizes["d_ff"], sizes["vocab"])
    return None


class GPT(nn.Module):
    def __init__(self, depth: int, d_model: int, heads: int, vocab: int, longest: int) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(vocab, d_model), nn.Embedding(longest, d_model)
        gelu = partial(F.gelu, approximate="tanh")
        layer = nn.TransformerEncoderLayer(d_model, heads, 4 * d_model, 0.0, gelu, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, depth, nn.LayerNorm(d_model), enable_nested_tensor=False)
        mask = nn.Transformer.generate_square_subsequent_mask(longest)
        self.register_buffer("mask", mask, persistent=False)
        self.apply(start)

    def forward(self, tokens: Tensor) -> Tensor:
        T = tokens.shape[1]
        x = self.embedding(tokens) + self.position.weight[:T]
        x = self.layers(x, mask=self.mask[:T, :T], is_causal=True)
        return next_token_loss(F.linear(x, self.embedding.weight), tokens)


class EncoderDecoder(nn.Module):
    """It has a norm more at the end of each stack than the paper's model."""

    def __init__(self, layers: int, d_model: int, heads: int, d_ff: int, vocab: int, longest: int = 2048) -> None:
        super().__init__()
        self.d_model = d_model
        self.embedding = nn.Embedding(vocab, d_model)
        self.model = nn.Transformer(d_model, heads, layers, layers, d_ff, 0.0, batch_first=True)
        self.register_buffer("position", sinusoids(longest, d_model), persistent=False)
        mask = nn.Transformer.generate_square_subsequent_mask(longest)
        self.register_buffer("mask", mask, persistent=False)
        self.apply(start)

    def embedded(self, tokens: Tensor) -> Tensor:
        return self.embedding(tokens) * math.sqrt(self.d_model) + self.position[: tokens.shape[1]]

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        T = target.shape[1]
        x = self.model(self.embedded(source), self.embedded(target), tgt_mask=self.mask[:T, :T], tgt_is_causal=True)
        return next_token_loss(F.linear(x, self.embedding.weight), target)
