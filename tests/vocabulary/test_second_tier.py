"""Post-norm, heads of language models, front ends, positions that are computed, pooling."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.vocabulary.said import Said, close, linear, say

REAL = torch.tensor([[True] * 6, [False] * 2 + [True] * 4])
TOKENS = "inputs: {tokens: {type: int B T, below: vocab}"
EMBEDDING = "embedding: {op: embedding, in: tokens, size: vocab, dim: d}"


def norm(said: Said, node: str, x: Tensor) -> Tensor:
    state = said.model.state_dict()
    return F.layer_norm(x, x.shape[-1:], state.get(f"{node}.weight"), state.get(f"{node}.bias"))


def rows(said: Said, node: str = "embedding") -> Tensor:
    return said.weight(f"{node}.weight")[said["tokens"]]


def test_post_norm() -> None:
    said = say("""
inputs: {x: B T d}
nodes:
  ffn: {block: std.ffn, in: x, hidden: 12}
  y: {op: layer_norm, in: x + ffn}
contracts: [{causal: {output: y, input: x}}]
""")
    close(said.y, norm(said, "y", said["x"] + linear(said, "ffn.down", F.relu(linear(said, "ffn.up", said["x"])))))


def test_the_head_of_a_masked_language_model() -> None:
    """A linear, a function, a norm, then the tied table with a bias of its own."""
    said = say(f"""
{TOKENS}}}
nodes:
  {EMBEDDING}
  transform: {{op: linear, in: embedding, dim: d}}
  norm: {{op: layer_norm, in: gelu(transform)}}
  y: {{op: linear, in: norm, share: embedding}}
""")
    hidden = norm(said, "norm", F.gelu(linear(said, "transform", rows(said))))
    close(said.y, F.linear(hidden, said.weight("embedding.weight"), said.weight("y.bias")))
    assert "y.weight" not in said.model.state_dict()


def test_an_embedding_multiplier_and_an_embedding_projection() -> None:
    said = say(f"""
{TOKENS}}}
nodes:
  embedding: {{op: embedding, in: tokens, size: vocab, dim: n}}
  y: {{op: linear, in: sqrt(d) * embedding, dim: d, bias: false}}
""")
    close(said.y, linear(said, "y", math.sqrt(8) * rows(said)))


def test_a_front_end_of_convolutions() -> None:
    said = say("""
inputs: {sound: B T d}
nodes:
  first: {op: convolution, in: sound, over: T, dim: c, kernel: 3, padding: 1}
  y: {op: convolution, in: gelu(first), over: T, dim: c, kernel: 3, stride: 2, padding: 1}
""")
    state = said.model.state_dict()
    first = F.gelu(F.conv1d(said["sound"].mT, state["first.weight"], state["first.bias"], padding=1))
    close(said.y, F.conv1d(first, state["y.weight"], state["y.bias"], stride=2, padding=1).mT)


def test_cross_attention() -> None:
    said = say(
        """
inputs: {x: B T d, memory: B S d, real: bool B S = true}
nodes:
  y: {block: std.attention, in: x, context: memory, heads: heads, mask: real}
contracts:
  - ignores_padding: {output: y, input: memory, where: real}
  - causal: {output: y, input: x}
""",
        real=torch.tensor([[True] * 5, [True] * 3 + [False] * 2]),
    )
    sources = {"q": said["x"], "k": said["memory"], "v": said["memory"]}
    q, k, v = (linear(said, f"y.{name}", x).unflatten(-1, (2, 4)).transpose(1, 2) for name, x in sources.items())
    made = F.scaled_dot_product_attention(q, k, v, attn_mask=said["real"][:, None, None])
    close(said.y, linear(said, "y.o", made.transpose(1, 2).flatten(-2)))


def test_patches_with_a_token_before_them() -> None:
    """A 2-d convolution as wide as its stride; the grid becomes a row, which a class token leads."""
    said = say("""
inputs: {image: B 8 6 n}
nodes:
  patches: {op: convolution, in: image, over: [8, 6], dim: d, kernel: [4, 3], stride: [4, 3]}
  row: {op: rearrange, in: patches, pattern: "B h w d -> B (h w) d"}
  token: {op: parameter, shape: [1, d]}
  y: {op: concat, a: token, b: row, axis: 4}
""")
    state = said.model.state_dict()
    grid = F.conv2d(said["image"].permute(0, 3, 1, 2), state["patches.weight"], state["patches.bias"], stride=(4, 3))
    close(said.y, torch.cat((said.weight("token").expand(2, 1, 8), grid.flatten(2).mT), 1))


def test_token_types_and_a_position_offset() -> None:
    said = say(f"""
{TOKENS}, kinds: {{type: int B T, below: 11}}}}
nodes:
  {EMBEDDING}
  kind: {{op: embedding, in: kinds, size: 11, dim: d}}
  position: {{op: learned_position, over: T, size: 12, dim: d, offset: 2}}
  y: embedding + kind + position
""")
    kinds = said.weight("kind.weight")[said["kinds"]]
    close(said.y, rows(said) + kinds + said.weight("position.weight")[2:8])


def test_the_first_token_and_the_mean_of_the_real_ones() -> None:
    said = say(
        """
inputs: {x: B T d, real: bool B T}
nodes:
  taken: {op: select, in: x, axis: T, at: 0}
  first: {op: linear, in: taken, dim: n}
  mean: sum(x * real, T) / sum(real, T)
  pooled: {op: linear, in: mean, dim: n}
outputs: {first: first, pooled: pooled}
contracts: [{ignores_padding: {output: pooled, input: x, where: real}}]
""",
        real=REAL,
    )
    close(said.made["first"], linear(said, "first", said["x"][:, 0]))
    real = REAL[..., None]
    close(said.made["pooled"], linear(said, "pooled", (said["x"] * real).sum(1) / real.sum(1)))


COUNTED = {
    "of a mask": ("max(cumsum(real, T) - 1, 0)", (REAL.cumsum(1) - 1).clamp(min=0)),
    "of ids that are no padding": ("cumsum(tokens != 0, T) * (tokens != 0)", None),
    "from an offset": ("start + place", None),
}


@pytest.mark.parametrize("counted", COUNTED)
def test_positions_that_are_computed(counted: str) -> None:
    """Learned, sinusoidal and rotary ones take any tensor of whole numbers."""
    expression, places = COUNTED[counted]
    tokens = torch.randint(0, 5, (2, 6), generator=torch.Generator().manual_seed(0))
    start = torch.tensor([0, 3])
    said = say(
        f"""
{TOKENS}, real: bool B T = true, start: int B = 0}}
nodes:
  {EMBEDDING}
  place: {{op: index, over: T}}
  at: {expression}
  learned: {{op: learned_position, at: at, size: 20, dim: d}}
  waves: {{op: sinusoidal_position, at: at, dim: d, layout: halves}}
  split: {{op: heads, in: embedding + learned, heads: heads}}
  turned: {{op: rotary, in: split, at: at, theta: 100}}
  merged: {{op: merge, in: turned}}
  y: merged + waves + 0 * (place + start) * real
""",
        tokens=tokens,
        real=REAL,
        start=start,
    )
    if places is None:
        real = tokens != 0
        places = real.cumsum(1) * real if "ids" in counted else start[:, None] + torch.arange(6)
    x = (rows(said) + said.weight("learned.weight")[places]).unflatten(-1, (2, 4))
    angles = places[..., None, None] * 100.0 ** (-torch.arange(0, 4, 2) / 4)
    both = torch.complex(*x.chunk(2, -1)) * torch.polar(torch.ones_like(angles), angles)
    waves = places[..., None] * 10000.0 ** (-torch.arange(0, 8, 2) / 8)
    close(said.y, torch.cat((both.real, both.imag), -1).flatten(-2) + torch.cat((waves.sin(), waves.cos()), -1))


@pytest.mark.parametrize("layout", ["halves", "interleaved"])
def test_computed_sinusoids_in_both_layouts(layout: str) -> None:
    said = say(f"""
inputs: {{x: B T d}}
nodes:
  gain: {{op: parameter, shape: [d]}}
  position: {{op: sinusoidal_position, over: T, dim: d, layout: {layout}}}
  y: gain * x + position
""")
    angles = torch.arange(6)[:, None] * 10000.0 ** (-torch.arange(0, 8, 2) / 8)
    parts = (angles.sin(), angles.cos())
    waves = torch.cat(parts, -1) if layout == "halves" else torch.stack(parts, -1).flatten(-2)
    close(said.y, said.weight("gain") * said["x"] + waves)


def test_quick_gelu() -> None:
    said = say("inputs: {x: B T d}\nnodes:\n  y: {block: std.ffn, in: x, hidden: 12, activation: quick_gelu}")
    up = linear(said, "y.up", said["x"])
    close(said.y, linear(said, "y.down", up * torch.sigmoid(1.702 * up)))
