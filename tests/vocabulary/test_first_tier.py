"""Features that a fifth of all families use: masks, ties, rotary positions, gates, norms, grouped heads."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from compiler.runtime import rotary_table
from tests.vocabulary.said import close, linear, say

QKV = "query: B T heads c, key: B T heads c, value: B T heads c"
ATTEND = "{{op: attend, query: query, key: key, value: value, mask: {mask}{more}}}"
GAIN = "gain: {op: parameter, shape: [c]}\n  "


def masked(mask: str, more: str = "", inputs: str = "", contracts: str = "") -> str:
    attend = ATTEND.format(mask=mask, more=more)
    lines = "\n".join(f"  - {line}" for line in contracts.split(" and ") if line)
    return f"""
inputs: {{{QKV}{inputs}}}
nodes:
  gain: {{op: parameter, shape: [c]}}
  attended: {attend}
  y: gain * attended
contracts: {"" if lines else "[]"}
{lines}"""


def attention(said: object, seen: Tensor, scale: float | None = None) -> Tensor:
    query, key, value = (said[name].transpose(1, 2) for name in ("query", "key", "value"))  # type: ignore[index]
    made = F.scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=scale).transpose(1, 2)
    return said.weight("gain") * made  # type: ignore[attr-defined]


PLACES = torch.arange(6)
BACK = PLACES[:, None] - PLACES[None, :]
REAL = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])


def test_key_padding() -> None:
    said = say(
        masked(
            "real", inputs=", real: bool B T = true", contracts="ignores_padding: {output: y, input: key, where: real}"
        ),
        real=REAL,
    )
    close(said.y, attention(said, REAL[:, None, None, :]))


def test_causal() -> None:
    said = say(masked("causal", contracts="causal: {output: y, input: key}"))
    close(said.y, attention(said, BACK >= 0))


def test_a_window_of_three_reads_three_keys() -> None:
    said = say(
        masked(
            "causal & window(left=n - 1)",
            contracts="causal: {output: y, input: key} and reach: {output: y, input: key, left: n - 1, right: 0}"
            " and reach: {output: y, input: key, at_least: n - 1}",
        )
    )
    close(said.y, attention(said, (BACK >= 0) & (BACK < 3)))


def test_masks_are_an_algebra() -> None:
    said = say(
        masked(
            '"causal & window(left=1) & real | prefix(2) & real"',
            inputs=", real: bool B T = true",
            contracts="prefix_causal: {output: y, input: key, n: 2}"
            " and ignores_padding: {output: y, input: key, where: real}",
        ),
        real=REAL,
    )
    seen = (BACK >= 0) & (BACK <= 1) | (PLACES < 2)
    close(said.y, attention(said, seen & REAL[:, None, None, :]))


def test_a_free_score_scale() -> None:
    said = say(masked("causal", more=", scale: 1"))
    close(said.y, attention(said, BACK >= 0, scale=1))


@pytest.mark.parametrize("kv", [2, 1])
def test_grouped_and_multi_query_attention_with_a_head_dimension_of_its_own(kv: int) -> None:
    said = say(f"""
inputs: {{x: B T d}}
nodes:
  y: {{block: std.attention, in: x, heads: 4, kv_heads: {kv}, head_dim: n, mask: causal, bias: false, out_bias: true}}
contracts:
  - causal: {{output: y, input: x}}
  - parameters: {{at_most: {8 * 12 * 2 + 2 * 8 * 3 * kv + 8}}}
""")
    q, k, v = (linear(said, f"y.{name}", said["x"]).unflatten(-1, (-1, 3)).transpose(1, 2) for name in "qkv")
    made = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    close(said.y, linear(said, "y.o", made.transpose(1, 2).flatten(-2)))


def test_tied_parameters_with_a_head_bias() -> None:
    said = say("""
inputs: {tokens: {type: int B T, below: vocab}}
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  y: {op: linear, share: embedding}
""")
    table = said.weight("embedding.weight")
    close(said.y, F.linear(table[said["tokens"]], table, said.weight("y.bias")))
    assert said.parameters == 11 * 8 + 11


# -- rotary positions -------------------------------------------------------------------------------------------------


def turned(x: Tensor, rates: Tensor, dims: int, halves: bool, magnitude: float = 1.0) -> Tensor:
    """By complex numbers, a pair of features each."""
    pairs = [(at, at + dims // 2) if halves else (2 * at, 2 * at + 1) for at in range(dims // 2)]
    made = x.clone()
    for (a, b), rate in zip(pairs, rates, strict=True):
        angles = torch.polar(torch.full((x.shape[1],), magnitude), torch.arange(x.shape[1]) * rate)
        both = torch.complex(x[..., a], x[..., b]) * angles[:, None]
        made[..., a], made[..., b] = both.real, both.imag
    return made


@pytest.mark.parametrize("layout", ["halves", "interleaved"])
@pytest.mark.parametrize("dims", [4, 2])
def test_rotary_full_and_partial_in_both_layouts(layout: str, dims: int) -> None:
    said = say(f"""
inputs: {{x: B T heads c}}
nodes:
  gain: {{op: parameter, shape: [c]}}
  y: {{op: rotary, in: x * gain, theta: 100, layout: {layout}, dims: {dims}}}
""")
    rates = 100.0 ** (-torch.arange(0, dims, 2) / dims)
    close(said.y, turned(said["x"] * said.weight("gain"), rates, dims, layout == "halves"))


SCALINGS = {
    "linear": ("{kind: linear, factor: 4}", {"rope_type": "linear", "factor": 4.0}),
    "dynamic": (
        "{kind: dynamic, factor: 2, original: 4}",
        {"rope_type": "dynamic", "factor": 2.0},
    ),
    "yarn": (
        "{kind: yarn, factor: 4, original: 400, fast: 8}",
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 400, "beta_fast": 8, "beta_slow": 1},
    ),
    "llama3": (
        "{kind: llama3, factor: 8, original: 30}",
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "original_max_position_embeddings": 30,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
        },
    ),
    "longrope": (
        "{kind: longrope, short: [1, 1.5, 2, 2.5], long: [2, 3, 4, 5], original: 4, attention: sqrt(1 + log(8 / 4) / log(4))}",
        {
            "rope_type": "longrope",
            "factor": 2.0,
            "short_factor": [1, 1.5, 2, 2.5],
            "long_factor": [2, 3, 4, 5],
            "original_max_position_embeddings": 4,
        },
    ),
}


@pytest.mark.parametrize("kind", SCALINGS)
def test_scaled_rotary_positions_are_those_of_the_reference(kind: str) -> None:
    """YaRN's attention factor included, by which cosines and sines are multiplied."""
    written, parameters = SCALINGS[kind]
    said = say(
        f"""
inputs: {{x: B T heads d}}
nodes:
  gain: {{op: parameter, shape: [d]}}
  y: {{op: rotary, in: x * gain, theta: 100, scaling: "{written}"}}
""".replace('"{', "{").replace('}"', "}")
    )
    most = 8 if kind == "longrope" else 4 if kind == "dynamic" else 400
    config = SimpleNamespace(
        rope_parameters={"rope_theta": 100.0, **parameters},
        max_position_embeddings=most,
        hidden_size=16,
        num_attention_heads=2,
        head_dim=8,
        standardize_rope_params=lambda: None,
    )
    rates, magnitude = ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"), seq_len=6)
    close(said.y, turned(said["x"] * said.weight("gain"), rates, 8, True, magnitude))


def test_ntk_scaling_leaves_the_fast_pairs() -> None:
    """bloc97 2023: `theta` times `factor^(dims / (dims - 2))` makes the slowest pair that much slower, no more."""
    rates = [rotary_table(2, 8, theta, None)[1, 1].asin() for theta in (100.0, 100.0 * 4 ** (8 / 6))]
    said = say("""
inputs: {x: B T heads d}
nodes:
  gain: {op: parameter, shape: [d]}
  y: {op: rotary, in: x * gain, theta: 100, scaling: {kind: ntk, factor: 4}}
""")
    close(said.y, turned(said["x"] * said.weight("gain"), rates[1], 8, True))
    assert rates[0][0] == rates[1][0]
    assert (rates[0] / rates[1])[-1].item() == pytest.approx(4, rel=1e-4)


# -- feed-forward networks, norms, embeddings -------------------------------------------------------------------------

FUNCTIONS = {
    "silu": F.silu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu": F.gelu,
    "relu": F.relu,
}


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_gated_networks_by_any_function(activation: str) -> None:
    said = say(
        f"inputs: {{x: B T d}}\nnodes:\n  y: {{block: std.gated_ffn, in: x, hidden: 12, activation: {activation}}}"
    )
    gate, up = (linear(said, f"y.{name}", said["x"]) for name in ("gate", "up"))
    close(said.y, linear(said, "y.down", FUNCTIONS[activation](gate) * up))


def test_rms_norm() -> None:
    said = say("inputs: {x: B T d}\nnodes:\n  y: {op: rms_norm, in: x, eps: 1e-5}")
    close(said.y, F.rms_norm(said["x"], (8,), said.weight("y.weight"), 1e-5))


def test_learned_positions_and_a_norm_of_embeddings() -> None:
    said = say("""
inputs: {tokens: {type: int B T, below: vocab}}
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  position: {op: learned_position, over: T, size: 20, dim: d}
  y: {op: layer_norm, in: embedding + position}
""")
    rows = said.weight("embedding.weight")[said["tokens"]] + said.weight("position.weight")[:6]
    close(said.y, F.layer_norm(rows, (8,), said.weight("y.weight"), said.weight("y.bias")))


@pytest.mark.parametrize("norms", ["one", "two"])
def test_a_parallel_residual_with_one_or_two_norms(norms: str) -> None:
    second = "  norm2: {op: layer_norm, in: x}\n" if norms == "two" else ""
    said = say(f"""
inputs: {{x: B T d}}
nodes:
  norm: {{op: layer_norm, in: x}}
{second}  attention: {{block: std.attention, in: norm, heads: heads, mask: causal}}
  ffn: {{block: std.ffn, in: {"norm2" if second else "norm"}, hidden: 12}}
  y: x + attention + ffn
contracts: [{{causal: {{output: y, input: x}}}}]
""")
    normed = F.layer_norm(said["x"], (8,), said.weight("norm.weight"), said.weight("norm.bias"))
    other = F.layer_norm(said["x"], (8,), said.weight("norm2.weight"), said.weight("norm2.bias")) if second else normed
    ffn = linear(said, "ffn.down", F.relu(linear(said, "ffn.up", other)))
    q, k, v = (linear(said, f"attention.{name}", normed).unflatten(-1, (2, 4)).transpose(1, 2) for name in "qkv")
    attention = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(-2)
    close(said.y, said["x"] + linear(said, "attention.o", attention) + ffn)


def test_layers_that_alternate() -> None:
    """Two near, one far: what the last one reads says which they were."""
    said = say("""
inputs: {x: B T d}
masks: {near: causal & window(left=1)}
blocks:
  stage:
    in: {h: B T d}
    params: {mask: mask}
    nodes: {attention: {block: std.attention, in: h, heads: heads, mask: mask}}
    out: h + attention
nodes:
  y: {block: stage, in: x, repeat: 2, cycle: {mask: [near, near, causal]}}
contracts:
  - causal: {output: y, input: x}
  - reach: {output: y, input: x, left: 2, right: 0}
""")
    assert math.isfinite(said.y.sum().item())
    text = said.text.replace("repeat: 2", "repeat: 3").replace(
        "  - reach: {output: y, input: x, left: 2, right: 0}\n", ""
    )
    assert say(text.replace("contracts:\n", "contracts:\n  - reach: {output: y, input: x, at_least: 5}\n")).made
