"""The models of `litgpt`. An adapter of `graphspec bench`; see `handwritten.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from tests.bench.handwritten import next_token_loss


def build(like: str, sizes: Mapping[str, Any], at: Mapping[str, int]) -> nn.Module | None:
    from litgpt import GPT, Config  # pyright: ignore[reportMissingImports]

    if like != "llama":
        return None
    config = Config(
        name="bench",
        block_size=at["T"],
        vocab_size=sizes["vocab"],
        padded_vocab_size=sizes["vocab"],
        n_layer=sizes["depth"],
        n_head=sizes["heads"],
        n_query_groups=sizes["kv_heads"],
        n_embd=sizes["d_model"],
        intermediate_size=sizes["d_ff"],
        rotary_percentage=1.0,
        rope_base=sizes["theta"],
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        norm_eps=sizes["eps"],
        mlp_class_name="LLaMAMLP",
    )
    return Causal(GPT(config))


class Causal(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return next_token_loss(self.model(tokens), tokens)
