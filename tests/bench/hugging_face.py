"""The models of `transformers`. An adapter of `graphspec bench`; see `handwritten.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from tests.bench.handwritten import next_token_loss


def build(like: str, sizes: Mapping[str, Any], at: Mapping[str, int]) -> nn.Module | None:
    makers = {"gpt2": gpt2, "llama": llama, "encoder_decoder": marian}
    return makers[like](sizes, at) if like in makers else None


class Decoder(nn.Module):
    """A causal language model with its own loss."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model(input_ids=tokens, labels=tokens, use_cache=False).loss


class EncoderDecoder(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        made = self.model(input_ids=source, decoder_input_ids=target, use_cache=False)
        return next_token_loss(made.logits, target)


def gpt2(sizes: Mapping[str, Any], at: Mapping[str, int]) -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=sizes["vocab"],
        n_positions=sizes["longest"],
        n_embd=sizes["d_model"],
        n_layer=sizes["depth"],
        n_head=sizes["heads"],
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return Decoder(GPT2LMHeadModel(config))


def llama(sizes: Mapping[str, Any], at: Mapping[str, int]) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=sizes["vocab"],
        hidden_size=sizes["d_model"],
        intermediate_size=sizes["d_ff"],
        num_hidden_layers=sizes["depth"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes["kv_heads"],
        max_position_embeddings=at["T"],
        rms_norm_eps=sizes["eps"],
        rope_parameters={"rope_type": "default", "rope_theta": float(sizes["theta"])},
        bos_token_id=0,
        eos_token_id=0,
    )
    return Decoder(LlamaForCausalLM(config))


def marian(sizes: Mapping[str, Any], at: Mapping[str, int]) -> nn.Module:
    """Marian's model is that of the paper: norms behind, fixed positions, one table."""
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(
        vocab_size=sizes["vocab"],
        d_model=sizes["d_model"],
        encoder_layers=sizes["layers"],
        decoder_layers=sizes["layers"],
        encoder_attention_heads=sizes["heads"],
        decoder_attention_heads=sizes["heads"],
        encoder_ffn_dim=sizes["d_ff"],
        decoder_ffn_dim=sizes["d_ff"],
        max_position_embeddings=max(at["S"], at["T"]),
        activation_function="relu",
        dropout=0.0,
        scale_embedding=True,
        pad_token_id=0,
        eos_token_id=0,
        bos_token_id=0,
        decoder_start_token_id=0,
        forced_eos_token_id=0,
    )
    return EncoderDecoder(MarianMTModel(config))
