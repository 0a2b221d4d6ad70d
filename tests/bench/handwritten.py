"""Compact models as one would write them by hand for speed: merged projections, SDPA, one file.

An adapter of `graphspec bench`: `build` gives a module whose `forward` takes the inputs of the spec by their names and
returns the loss; None where there is no model of the kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def build(like: str, sizes: Mapping[str, Any], at: Mapping[str, int]) -> nn.Module | None:
    match like:
        case "gpt2":
            return GPT(sizes["depth"], sizes["d_model"], sizes["heads"], sizes["vocab"], sizes["longest"])
        case "llama":
            names = ("depth", "d_model", "heads", "kv_heads", "d_ff", "vocab", "theta", "eps")
            return Llama(*(sizes[name] for name in names), longest=at["T"])
        case "encoder_decoder":
            return EncoderDecoder(sizes["layers"], sizes["d_model"], sizes["heads"], sizes["d_ff"], sizes["vocab"])
    return None


def next_token_loss(logits_BTV: Tensor, tokens_BT: Tensor) -> Tensor:
    return F.cross_entropy(logits_BTV[:, :-1].flatten(0, 1), tokens_BT[:, 1:].flatten())


def start(module: nn.Module) -> None:
    """GPT-2's start, the same for all three."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


# -- GPT-2 -------------------------------------------------------------------------------------------------------------


class SelfAttention(nn.Module):
    def __init__(self, d_model: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x_BTD: Tensor) -> Tensor:
        B, T, _ = x_BTD.shape
        q, k, v = self.qkv(x_BTD).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(B, T, -1))


class GPTBlock(nn.Module):
    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.attention = SelfAttention(d_model, heads, causal=True)
        self.up, self.down = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, depth: int, d_model: int, heads: int, vocab: int, longest: int) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(vocab, d_model), nn.Embedding(longest, d_model)
        self.layers = nn.ModuleList(GPTBlock(d_model, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(d_model)
        self.apply(start)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.position.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return next_token_loss(F.linear(self.norm(x), self.embedding.weight), tokens)


# -- Llama -------------------------------------------------------------------------------------------------------------


def rotate(x_BhTc: Tensor, cos_Tc: Tensor, sin_Tc: Tensor) -> Tensor:
    left, right = x_BhTc.chunk(2, -1)
    return (x_BhTc * cos_Tc + torch.cat((-right, left), -1) * sin_Tc).type_as(x_BhTc)


class GroupedAttention(nn.Module):
    def __init__(self, d_model: int, heads: int, kv_heads: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.width = heads, kv_heads, d_model // heads
        self.qkv = nn.Linear(d_model, (heads + 2 * kv_heads) * self.width, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x_BTD: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        B, T, _ = x_BTD.shape
        parts = self.qkv(x_BTD).view(B, T, -1, self.width).transpose(1, 2)
        q, k, v = parts.split((self.heads, self.kv_heads, self.kv_heads), 1)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads != self.kv_heads)
        return self.out(y.transpose(1, 2).reshape(B, T, -1))


class LlamaBlock(nn.Module):
    def __init__(self, d_model: int, heads: int, kv_heads: int, d_ff: int, eps: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(d_model, eps), nn.RMSNorm(d_model, eps)
        self.attention = GroupedAttention(d_model, heads, kv_heads)
        self.gate_up, self.down = nn.Linear(d_model, 2 * d_ff, bias=False), nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), cos, sin)
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(
        self,
        depth: int,
        d_model: int,
        heads: int,
        kv_heads: int,
        d_ff: int,
        vocab: int,
        theta: float,
        eps: float,
        longest: int,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, d_model)
        self.layers = nn.ModuleList(LlamaBlock(d_model, heads, kv_heads, d_ff, eps) for _ in range(depth))
        self.norm, self.head = nn.RMSNorm(d_model, eps), nn.Linear(d_model, vocab, bias=False)
        width = d_model // heads
        rates = theta ** (-torch.arange(0, width, 2).float() / width)
        angles = torch.outer(torch.arange(longest).float(), rates).repeat(1, 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.apply(start)

    def forward(self, tokens: Tensor) -> Tensor:
        T = tokens.shape[1]
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cos[:T], self.sin[:T])
        return next_token_loss(self.head(self.norm(x)), tokens)


# -- the Transformer ---------------------------------------------------------------------------------------------------


class CrossAttention(nn.Module):
    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv = nn.Linear(d_model, d_model), nn.Linear(d_model, 2 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x_BTD: Tensor, memory_BSD: Tensor) -> Tensor:
        B, T, D = x_BTD.shape
        q = self.q(x_BTD).view(B, T, self.heads, -1).transpose(1, 2)
        k, v = self.kv(memory_BSD).view(B, memory_BSD.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, D))


class EncoderBlock(nn.Module):
    def __init__(self, d_model: int, heads: int, d_ff: int, causal: bool = False) -> None:
        super().__init__()
        self.attention = SelfAttention(d_model, heads, causal)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.up, self.down = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.down(F.relu(self.up(x))))


class DecoderBlock(nn.Module):
    def __init__(self, d_model: int, heads: int, d_ff: int) -> None:
        super().__init__()
        self.attention, self.cross = SelfAttention(d_model, heads, causal=True), CrossAttention(d_model, heads)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.up, self.down = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x))
        x = self.norm2(x + self.cross(x, memory))
        return self.norm3(x + self.down(F.relu(self.up(x))))


class EncoderDecoder(nn.Module):
    def __init__(self, layers: int, d_model: int, heads: int, d_ff: int, vocab: int, longest: int = 2048) -> None:
        super().__init__()
        self.d_model = d_model
        self.embedding = nn.Embedding(vocab, d_model)
        self.encoder = nn.ModuleList(EncoderBlock(d_model, heads, d_ff) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderBlock(d_model, heads, d_ff) for _ in range(layers))
        self.register_buffer("position", sinusoids(longest, d_model), persistent=False)
        self.apply(start)

    def embedded(self, tokens: Tensor) -> Tensor:
        return self.embedding(tokens) * math.sqrt(self.d_model) + self.position[: tokens.shape[1]]

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory = self.embedded(source)
        for layer in self.encoder:
            memory = layer(memory)
        x = self.embedded(target)
        for layer in self.decoder:
            x = layer(x, memory)
        return next_token_loss(F.linear(x, self.embedding.weight), target)


def sinusoids(length: int, d_model: int) -> Tensor:
    angles = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)
