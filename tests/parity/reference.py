"""Tiny models of the reference implementation, made so that every tensor counts, saved as it saves them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

B, T = 3, 11
REAL = torch.arange(T) < torch.tensor([[T], [T - 4], [2]])
"""Which positions are real: rows of different lengths, padded on the right."""
LEFT = REAL.flip(-1)
"""The same, padded on the left."""


@dataclass(frozen=True)
class Family:
    """A spec, the reference's model class with a tiny configuration, and which outputs correspond."""

    spec: str
    model: str
    config: dict[str, Any]
    outputs: dict[str, str] = field(default_factory=lambda: {"logits": "logits"})
    inputs: tuple[str, ...] = ()
    same_names: bool = True
    only_numbers: bool = False
    """Whether another family shows already that its weights come and go."""


def make(family: Family, seed: int = 0) -> nn.Module:
    """A model of random numbers in fp32: no norm weight is 1, no bias 0, and scores are far from equal."""
    import transformers

    torch.manual_seed(seed)
    kind = getattr(transformers, family.model)
    config = kind.config_class(**family.config)
    config._attn_implementation = "eager"
    model = kind(config).float().eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            drawn = torch.randn(tensor.shape)
            tensor.copy_(1 + 0.3 * drawn if tensor.dim() == 1 and "bias" not in name else _spread(tensor) * drawn)
    return model


def _spread(tensor: Tensor) -> float:
    return 0.3 if tensor.dim() < 2 else 1.5 / tensor.shape[-1] ** 0.5


def save(model: nn.Module, folder: Path, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(folder, **options)  # pyright: ignore[reportCallIssue]
    return folder


def inputs(family: Family, real: Tensor = REAL, vocab: int = 97) -> dict[str, Tensor]:
    """Under the reference's names. The numbers at padded positions are arbitrary."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(B, 3, 12, 12, generator=generator)
    ended = torch.randint(0, vocab - 1, (B, T), generator=generator)
    ended[torch.arange(B), REAL.sum(-1) - 1] = vocab - 1
    sound = torch.randn(B, 5, 18, generator=generator)
    answers = torch.randint(0, vocab, (B, T - 2), generator=generator)
    special = {"pixel_values": pixels, "input_features": sound, "input_ids": ended, "decoder_input_ids": answers}
    if {"pixel_values", "input_features"}.intersection(family.inputs):
        return {name: special[name] for name in family.inputs}
    found = {
        "input_ids": torch.randint(0, vocab, (B, T), generator=generator),
        "attention_mask": real.long(),
    }
    if "decoder_input_ids" in family.inputs:
        found["decoder_input_ids"] = answers
    if "token_type_ids" in family.inputs:
        found["token_type_ids"] = torch.randint(0, 2, (B, T), generator=generator)
    return found


DECODER = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}
ROPE = {"rope_type": "default", "rope_theta": 1000.0}

FAMILIES = {
    "bloom": Family(
        "llm/bloom.yaml",
        "BloomForCausalLM",
        {"vocab_size": 97, "hidden_size": 32, "n_layer": 3, "n_head": 4},
    ),
    "mamba": Family(
        "llm/mamba.yaml",
        "MambaForCausalLM",
        {
            "vocab_size": 97,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "state_size": 5,
            "time_step_rank": 3,
            "conv_kernel": 4,
            "pad_token_id": 0,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
    ),
    "t5": Family(
        "encoder_decoder/t5.yaml",
        "T5ForConditionalGeneration",
        {
            "vocab_size": 97,
            "d_model": 32,
            "d_kv": 12,
            "d_ff": 48,
            "num_layers": 3,
            "num_decoder_layers": 3,
            "num_heads": 4,
            "relative_attention_num_buckets": 8,
            "relative_attention_max_distance": 7,
            "feed_forward_proj": "relu",
        },
        inputs=("decoder_input_ids",),
    ),
    "mistral": Family(
        "llm/mistral.yaml",
        "MistralForCausalLM",
        DECODER | {"sliding_window": 3, "rms_norm_eps": 1e-5, "rope_parameters": ROPE},
    ),
    "mixtral": Family(
        "llm/mixtral.yaml",
        "MixtralForCausalLM",
        DECODER | {"num_local_experts": 4, "num_experts_per_tok": 2, "rms_norm_eps": 1e-5, "rope_parameters": ROPE},
    ),
    "deepseek_v2": Family(
        "llm/deepseek_v2.yaml",
        "DeepseekV2ForCausalLM",
        DECODER
        | {
            "num_key_value_heads": 4,
            "max_position_embeddings": 64,
            "first_k_dense_replace": 1,
            "q_lora_rank": None,
            "kv_lora_rank": 10,
            "qk_nope_head_dim": 6,
            "qk_rope_head_dim": 8,
            "v_head_dim": 5,
            "moe_intermediate_size": 12,
            "n_routed_experts": 5,
            "n_shared_experts": 2,
            "num_experts_per_tok": 3,
            "routed_scaling_factor": 1.5,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 1000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 16,
                "beta_fast": 32,
                "beta_slow": 1,
                "mscale": 0.9,
                "mscale_all_dim": 0.7,
            },
        },
    ),
    "qwen3": Family(
        "llm/qwen3.yaml",
        "Qwen3ForCausalLM",
        DECODER | {"head_dim": 12, "rms_norm_eps": 1e-6, "rope_parameters": ROPE},
    ),
    "gemma2": Family(
        "llm/gemma2.yaml",
        "Gemma2ForCausalLM",
        DECODER
        | {
            "head_dim": 12,
            "query_pre_attn_scalar": 10,
            "sliding_window": 3,
            "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 3.0,
            "rope_parameters": ROPE,
            "tie_word_embeddings": True,
        },
    ),
    "gpt_neox": Family(
        "llm/gpt_neox.yaml",
        "GPTNeoXForCausalLM",
        {
            "vocab_size": 97,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "max_position_embeddings": 16,
            "tie_word_embeddings": False,
            "rope_parameters": ROPE | {"partial_rotary_factor": 0.25},
        },
    ),
    "llama": Family(
        "llm/llama.yaml",
        "LlamaForCausalLM",
        DECODER | {"rms_norm_eps": 1e-5, "rope_parameters": ROPE},
    ),
    "llama31": Family(
        "llm/llama.yaml",
        "LlamaForCausalLM",
        DECODER
        | {
            "rms_norm_eps": 1e-5,
            "max_position_embeddings": 32,
            "rope_parameters": ROPE
            | {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            },
        },
        only_numbers=True,
    ),
    "llama_linear": Family(
        "llm/llama.yaml",
        "LlamaForCausalLM",
        DECODER | {"rms_norm_eps": 1e-5, "rope_parameters": ROPE | {"rope_type": "linear", "factor": 2.5}},
        only_numbers=True,
    ),
    "qwen3_yarn": Family(
        "llm/qwen3.yaml",
        "Qwen3ForCausalLM",
        DECODER
        | {
            "head_dim": 12,
            "rms_norm_eps": 1e-6,
            "rope_parameters": ROPE | {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
        },
        only_numbers=True,
    ),
    "opt": Family(
        "llm/opt.yaml",
        "OPTForCausalLM",
        {
            "vocab_size": 97,
            "hidden_size": 32,
            "word_embed_proj_dim": 32,
            "ffn_dim": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "max_position_embeddings": 16,
        },
    ),
    "falcon": Family(
        "llm/falcon.yaml",
        "FalconForCausalLM",
        {
            "vocab_size": 97,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "new_decoder_architecture": False,
            "multi_query": True,
            "parallel_attn": True,
            "bias": False,
            "rope_parameters": ROPE,
        },
    ),
    "falcon40b": Family(
        "llm/falcon40b.yaml",
        "FalconForCausalLM",
        {
            "vocab_size": 97,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_kv_heads": 2,
            "new_decoder_architecture": True,
            "bias": False,
            "rope_parameters": ROPE,
        },
    ),
    "vit": Family(
        "vision/vit.yaml",
        "ViTForImageClassification",
        {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "image_size": 12,
            "patch_size": 4,
            "num_labels": 7,
        },
        inputs=("pixel_values",),
    ),
    "clip": Family(
        "vision/clip.yaml",
        "CLIPModel",
        {
            "text_config": {
                "hidden_size": 32,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "intermediate_size": 48,
                "vocab_size": 97,
                "max_position_embeddings": 16,
                "projection_dim": 20,
                "bos_token_id": 0,
                "eos_token_id": 96,
            },
            "vision_config": {
                "hidden_size": 24,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "intermediate_size": 40,
                "image_size": 12,
                "patch_size": 4,
                "projection_dim": 20,
            },
            "projection_dim": 20,
        },
        {"likeness": "logits_per_image", "text": "text_embeds", "picture": "image_embeds"},
        inputs=("input_ids", "pixel_values"),
    ),
    "whisper": Family(
        "speech/whisper.yaml",
        "WhisperForConditionalGeneration",
        {
            "d_model": 32,
            "encoder_layers": 3,
            "decoder_layers": 3,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 48,
            "vocab_size": 97,
            "num_mel_bins": 5,
            "max_source_positions": 9,
            "max_target_positions": 16,
            "pad_token_id": 1,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
        },
        inputs=("input_features", "decoder_input_ids"),
    ),
    "bart": Family(
        "encoder_decoder/bart.yaml",
        "BartForConditionalGeneration",
        {
            "vocab_size": 97,
            "d_model": 32,
            "encoder_layers": 3,
            "decoder_layers": 3,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 48,
            "max_position_embeddings": 16,
        },
        inputs=("decoder_input_ids",),
    ),
    "gpt2": Family(
        "llm/gpt2.yaml",
        "GPT2LMHeadModel",
        {
            "vocab_size": 97,
            "n_positions": 16,
            "n_embd": 32,
            "n_layer": 3,
            "n_head": 4,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
    ),
    "bert": Family(
        "encoders/bert.yaml",
        "BertModel",
        {
            "vocab_size": 97,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "max_position_embeddings": 16,
        },
        {"hidden": "last_hidden_state", "pooled": "pooler_output"},
        ("token_type_ids",),
        same_names=False,
    ),
}
