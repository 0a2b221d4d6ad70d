"""Scores by distance, latent attention, two encoders, norms of groups and weights, pooling, spelling."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import compiler
import graphspec
from compiler.target import Target
from tests.vocabulary.said import HEAD, Said, close, linear, say

PLACES = torch.arange(6)
BACK = PLACES[:, None] - PLACES[None, :]
REAL = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])


def attended(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    query, key, value = (it.transpose(1, 2) for it in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2)


def heads(said: Said, *nodes: str) -> list[Tensor]:
    return [linear(said, node, said["x"]).unflatten(-1, (2, 4)) for node in nodes]


def test_a_gating_multiply() -> None:
    """What attention gives, gated by a linear of its input."""
    said = say("""
inputs: {x: B T d}
nodes:
  attention: {block: std.attention, in: x, heads: heads, mask: causal}
  gate: {op: linear, in: x, dim: d}
  y: sigmoid(gate) * attention
contracts: [{causal: {output: y, input: x}}]
""")
    q, k, v = heads(said, "attention.q", "attention.k", "attention.v")
    made = attended(q, k, v, BACK >= 0).flatten(-2)
    close(said.y, linear(said, "gate", said["x"]).sigmoid() * linear(said, "attention.o", made))


# -- scores by distance -----------------------------------------------------------------------------------------------


def bucket(behind: int) -> int:
    """Eight buckets for what lies behind: four single distances, four that grow up to 16 (Raffel et al. 2020)."""
    if behind < 4:
        return max(behind, 0)
    return min(7, 4 + int(math.log(behind / 4) / math.log(16 / 4) * 4))


@pytest.mark.parametrize("where", ["once for the stack", "in every layer"])
def test_log_buckets_with_a_table_for_the_stack_or_one_a_layer(where: str) -> None:
    bias = "near: {op: relative_bias, over: T, heads: heads, buckets: 8, distance: 16, direction: past}"
    once = where == "once for the stack"
    said = say(f"""
inputs: {{x: B T d}}
blocks:
  stage:
    in: {{h: B T d{", near: heads T T'" if once else ""}}}
    nodes:
      {"" if once else bias}
      q: {{op: linear, in: h, dim: d}}
      query: {{op: heads, in: q, heads: heads}}
      value: {{op: heads, in: h, heads: heads}}
      a: {{op: attend, query: query, key: value, value: value, bias: near, scale: 1, mask: causal}}
      merged: {{op: merge, in: a}}
    out: h + merged
nodes:
  {bias if once else ""}
  y: {{block: stage, in: x, {"near: near, " if once else ""}repeat: 2}}
contracts: [{{causal: {{output: y, input: x}}}}]
""")
    h = said["x"]
    for layer in range(2):
        table = said.weight("near.weight" if once else f"y.{layer}.near.weight")
        scores = torch.stack([torch.stack([table[bucket(i - j)] for j in range(6)]) for i in range(6)])
        scores = scores.permute(2, 0, 1).where(BACK >= 0, -torch.inf)
        query = linear(said, f"y.{layer}.q", h).unflatten(-1, (2, 4)) * 2  # for `scale: 1`
        value = h.unflatten(-1, (2, 4))
        h = h + attended(query, value, value, scores).flatten(-2)
    close(said.y, h)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_alibi_for_any_number_of_heads(count: int) -> None:
    said = say(f"""
inputs: {{x: B T {count} c}}
nodes:
  gain: {{op: parameter, shape: [c]}}
  slopes: {{op: alibi, over: T, heads: {count}}}
  y: {{op: attend, query: x * gain, key: x, value: x, bias: slopes, mask: causal}}
contracts: [{{causal: {{output: y, input: x}}}}]
""")
    power = 2 ** int(math.log2(count))
    slopes = [2 ** (-8 * (h + 1) / power) for h in range(power)]
    slopes += [2 ** (-8 * (h + 1) / (2 * power)) for h in range(0, 2 * (count - power), 2)]
    bias = (-torch.tensor(slopes)[:, None, None] * BACK).where(BACK >= 0, -torch.inf)
    close(said.y, attended(said["x"] * said.weight("gain"), said["x"], said["x"], bias))


def test_slopes_of_another_family_as_a_composition() -> None:
    """Any function of two places: one index, and the same as keys."""
    said = say("""
inputs: {x: B T heads c}
nodes:
  gain: {op: parameter, shape: [c]}
  i: {op: index, over: T}
  j: {op: rearrange, in: i, pattern: "T -> T'"}
  head: {op: index, over: heads}
  slopes: 2.0 ** (-4.0 * (head + 1))
  y: {op: attend, query: x * gain, key: x, value: x, bias: slopes * (j - i), mask: causal}
contracts: [{causal: {output: y, input: x}}]
""")
    bias = (-(2.0 ** (-4.0 * torch.arange(1, 3)))[:, None, None] * BACK).where(BACK >= 0, -torch.inf)
    close(said.y, attended(said["x"] * said.weight("gain"), said["x"], said["x"], bias))


def test_a_relative_bias_in_two_dimensions() -> None:
    """A learned score for each head and offset on a grid of 2 by 3, whose rows follow each other."""
    said = say("""
inputs: {x: B P heads c}
nodes:
  gain: {op: parameter, shape: [c]}
  place: {op: index, over: P}
  other: {op: rearrange, in: place, pattern: "P -> P'"}
  down: place // 3 - other // 3
  right: place % 3 - other % 3
  row: {op: embedding, in: (down + 1) * 5 + right + 2, size: 15, dim: heads}
  bias: {op: rearrange, in: row, pattern: "P P' heads -> heads P P'"}
  y: {op: attend, query: x * gain, key: x, value: x, bias: bias}
""")
    down = PLACES[:, None] // 3 - PLACES[None] // 3
    right = PLACES[:, None] % 3 - PLACES[None] % 3
    bias = said.weight("row.weight")[(down + 1) * 5 + right + 2].permute(2, 0, 1)
    close(said.y, attended(said["x"] * said.weight("gain"), said["x"], said["x"], bias))


def test_queries_scaled_by_their_position() -> None:
    """Llama 4: `1 + 0.1 log(floor((t + 1) / 2) + 1)`."""
    said = say("""
inputs: {x: B T heads c}
nodes:
  gain: {op: parameter, shape: [c]}
  t: {op: index, over: T}
  scale: 1 + 0.1 * log(floor((t + 1) / 2) + 1)
  y: {op: attend, query: x * gain * scale, key: x, value: x, mask: causal}
contracts: [{causal: {output: y, input: x}}]
""")
    scale = 1 + 0.1 * torch.log(torch.floor((PLACES + 1) / 2) + 1)
    query = said["x"] * said.weight("gain") * scale[:, None, None]
    close(said.y, attended(query, said["x"], said["x"], BACK >= 0))


# -- latent attention -------------------------------------------------------------------------------------------------


def test_latent_attention() -> None:
    """Keys and values from one narrow latent, and a key that turns, the same for all heads: composition alone."""
    said = say("""
inputs: {x: B T d}
nodes:
  q: {op: linear, in: x, dim: heads * (c + 2), bias: false}
  queries: {op: heads, in: q, heads: heads}
  parts: {op: split, in: queries, axis: c + 2, into: {still: c, moved: 2}}
  turned: {op: rotary, in: parts.moved, theta: 100}
  query: {op: concat, a: parts.still, b: turned, axis: c + 2}
  narrow: {op: linear, in: x, dim: n + 2, bias: false}
  latent: {op: split, in: narrow, axis: n + 2, into: {low: n, moved: 2}}
  norm: {op: rms_norm, in: latent.low}
  wide: {op: linear, in: norm, dim: heads * 2 * c, bias: false}
  kv: {op: rearrange, in: wide, pattern: "B T (heads w) -> B T heads w"}
  both: {op: split, in: kv, axis: 2 * c, into: [k, v]}
  one: {op: rearrange, in: latent.moved, pattern: "B T w -> B T 1 w"}
  one_turned: {op: rotary, in: one, theta: 100}
  shared: {op: rearrange, in: one_turned, pattern: "B T 1 w -> B T heads w"}
  key: {op: concat, a: both.k, b: shared, axis: c + 2}
  y: {op: attend, query: query, key: key, value: both.v, mask: causal}
contracts: [{causal: {output: y, input: x}}]
""")
    angles = torch.polar(torch.ones(6, 1), PLACES[:, None].float())

    def turn(x: Tensor) -> Tensor:
        return torch.view_as_real(torch.view_as_complex(x.contiguous()) * angles)

    still, moved = linear(said, "q", said["x"]).unflatten(-1, (2, 6)).split((4, 2), -1)
    low, one = linear(said, "narrow", said["x"]).split((3, 2), -1)
    normed = F.rms_norm(low, (3,), said.weight("norm.weight"), 1e-6)
    key, value = linear(said, "wide", normed).unflatten(-1, (2, 8)).chunk(2, -1)
    shared = turn(one[:, :, None]).expand(2, 6, 2, 2)
    close(said.y, attended(torch.cat((still, turn(moved)), -1), torch.cat((key, shared), -1), value, BACK >= 0))


# -- two encoders, norms ----------------------------------------------------------------------------------------------


def test_two_encoders_whose_ends_are_compared() -> None:
    """Each of length 1, compared by their products: rows with rows, by a learned scale."""
    said = say("""
inputs: {picture: B d, text: S d}
nodes:
  a: {op: linear, in: picture, dim: c, bias: false}
  b: {op: linear, in: text, dim: c, bias: false}
  a_1: a / sqrt(sum(a ** 2, c))
  b_1: b / sqrt(sum(b ** 2, c))
  scale: {op: parameter, shape: [], init: constant(2.66)}
  alike: {op: contract, a: a_1, b: b_1, over: c}
  y: exp(scale) * alike
""")
    a, b = (F.normalize(linear(said, name, said[of]), dim=-1) for name, of in (("a", "picture"), ("b", "text")))
    close(said.y, said.weight("scale").exp() * a @ b.mT)


def test_a_group_norm() -> None:
    said = say("inputs: {image: B T S d}\nnodes:\n  y: {op: group_norm, in: image, groups: 4, over: [T, S]}")
    wanted = F.group_norm(said["image"].permute(0, 3, 1, 2), 4, said.weight("y.weight"), said.weight("y.bias"))
    close(said.y, wanted.permute(0, 2, 3, 1))


def test_a_positional_convolution_with_a_normalised_weight() -> None:
    """wav2vec 2.0: grouped, its weight a length for each place of the kernel times a direction; one place is cut off."""
    said = say("""
inputs: {x: B T d}
nodes:
  direction: {op: parameter, shape: [d, d // heads, 4]}
  length: {op: parameter, shape: [4]}
  weight: direction * (length / sqrt(sum(sum(direction ** 2, d), d // heads)))
  wide: {op: convolution, in: x, weight: weight, over: T, dim: d, kernel: 4, padding: 2, groups: heads}
  place: {op: slice, in: wide, axis: T + 1, stop: T}
  y: x + gelu(place)
""")
    direction = said.weight("direction")
    reference = torch.nn.Conv1d(8, 8, 4, padding=2, groups=2)
    reference = torch.nn.utils.parametrizations.weight_norm(reference, dim=2)
    with torch.no_grad():
        reference.parametrizations.weight.original0.copy_(said.weight("length")[None, None])
        reference.parametrizations.weight.original1.copy_(direction)
        assert reference.bias is not None
        reference.bias.copy_(said.weight("wide.bias"))
        close(said.y, said["x"] + F.gelu(reference(said["x"].mT)[..., :-1].mT))


def test_a_linear_with_a_normalised_weight() -> None:
    said = say("""
inputs: {x: B T d}
nodes:
  direction: {op: parameter, shape: [n, d]}
  length: {op: parameter, shape: [n]}
  weight: direction * (length / sqrt(sum(direction ** 2, d)))
  y: {op: contract, a: x, b: weight, over: d}
""")
    direction = said.weight("direction")
    weight = said.weight("length")[:, None] * direction / direction.norm(dim=1, keepdim=True)
    close(said.y, F.linear(said["x"], weight))


# -- pooling and spelling ---------------------------------------------------------------------------------------------


def test_pooling_by_a_learned_query() -> None:
    said = say(
        """
inputs: {x: B T d, real: bool B T = true}
nodes:
  asked: {op: parameter, shape: [d]}
  query: {op: rearrange, in: asked, pattern: "d -> B 1 d"}
  answer: {block: std.attention, in: query, context: x, heads: heads, mask: real}
  y: {op: select, in: answer, axis: 1}
contracts: [{ignores_padding: {output: y, input: x, where: real}}]
""",
        real=REAL,
    )
    query = linear(said, "answer.q", said.weight("asked").expand(2, 1, 8)).unflatten(-1, (2, 4))
    key, value = heads(said, "answer.k", "answer.v")
    made = attended(query, key, value, REAL[:, None, None]).flatten(-2)
    close(said.y, linear(said, "answer.o", made)[:, 0])


def test_pooling_at_the_end_of_the_sequence() -> None:
    """At the first token that says so."""
    tokens = torch.tensor([[3, 5, 10, 0, 0, 0], [1, 10, 10, 2, 10, 4]])
    said = say(
        """
inputs: {tokens: {type: int B T, below: vocab}}
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  end: argmax(tokens == vocab - 1, T)
  y: {op: gather, in: embedding, at: end, axis: T}
""",
        tokens=tokens,
    )
    close(said.y, said.weight("embedding.weight")[tokens][[0, 1], [2, 1]])


def test_labels_spelt_by_frames() -> None:
    """CTC: no alignment is given; `lengths` says how many frames count."""
    text = f"""{HEAD}
inputs: {{sound: B T d, real: bool B T = true}}
nodes:
  logits: {{op: linear, in: sound, dim: vocab}}
  lengths: sum(real, T)
outputs: {{logits: logits, lengths: lengths}}
"""
    target = Target(device="cpu", objective="ctc(logits, labels, lengths)")
    model = compiler.compile(graphspec.loads(text), target)
    labels = torch.tensor([[1, 2, 2], [4, -100, -100]])
    made = model(torch.randn(2, 6, 8), labels, REAL)
    chances = made.logits.log_softmax(-1).transpose(0, 1)
    wanted = F.ctc_loss(chances, labels.clamp(min=0), torch.tensor([6, 4]), torch.tensor([3, 1]))
    close(made.loss, wanted)
    made.loss.backward()
    assert all(it.grad is not None and it.grad.any() for it in model.parameters())
