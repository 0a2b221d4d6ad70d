"""The models of `x-transformers`. An adapter of `graphspec bench`; see `handwritten.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from tests.bench.handwritten import next_token_loss


def build(like: str, sizes: Mapping[str, Any], at: Mapping[str, int]) -> nn.Module | None:
    from x_transformers import Decoder, TransformerWrapper  # pyright: ignore[reportMissingImports]

    shared = {"dim": sizes["d_model"], "heads": sizes["heads"], "attn_flash": True}
    width = {"attn_dim_head": sizes["d_model"] // sizes["heads"]}
    match like:
        case "gpt2":
            layers = Decoder(depth=sizes["depth"], **shared, **width)
            return Causal(
                TransformerWrapper(
                    num_tokens=sizes["vocab"], max_seq_len=sizes["longest"], attn_layers=layers, tie_embedding=True
                )
            )
        case "llama":
            layers = Decoder(
                depth=sizes["depth"],
                **shared,
                **width,
                attn_kv_heads=sizes["kv_heads"],
                rotary_pos_emb=True,
                use_rmsnorm=True,
                ff_glu=True,
                ff_swish=True,
                ff_no_bias=True,
                ff_mult=sizes["d_ff"] / sizes["d_model"],
            )
            return Causal(
                TransformerWrapper(
                    num_tokens=sizes["vocab"], max_seq_len=at["T"], attn_layers=layers, use_abs_pos_emb=False
                )
            )
    return None


class Causal(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return next_token_loss(self.model(tokens), tokens)
