"""Repeats: values for every turn, patterns, expressions of the turn, turns within turns, shapes that change."""

from __future__ import annotations

import torch
import torch.nn.functional as F

import graphspec
from graphspec.graph import parameter_paths
from tests.vocabulary.said import HEAD, close, linear, say

STEP = """
blocks:
  step:
    in: {h: B T d}
    params: {by: number = 1}
    nodes: {f: {op: linear, in: h, dim: d, bias: false}}
    out: h + by * f
"""


def test_an_expression_of_the_turn_as_an_argument_and_inside() -> None:
    said = say(f"""
inputs: {{x: B T d}}{STEP}
nodes:
  y: {{block: step, in: x, repeat: n, by: 1 / (layer + 2) if layer < n - 1 else 3}}
""")
    h = said["x"]
    for turn in range(3):
        h = h + (3 if turn == 2 else 1 / (turn + 2)) * linear(said, f"y.{turn}.f", h)
    close(said.y, h)


def test_values_for_every_turn_and_patterns_side_by_side() -> None:
    said = say("""
inputs: {x: B T d}
blocks:
  step:
    in: {h: B T d}
    params: {hidden: int, activation: function}
    nodes:
      norm: {op: rms_norm, if: layer % 2 == 1, in: h}
      f: {block: std.ffn, in: norm, hidden: hidden, activation: activation}
    out: h + f
nodes:
  y: {block: step, in: x, repeat: 4, each: {hidden: [3, 5, 7, n]}, cycle: {activation: [relu, silu]}}
""")
    h = said["x"]
    for turn, hidden in enumerate((3, 5, 7, 3)):
        own = F.rms_norm(h, (8,), said.weight(f"y.{turn}.norm.weight"), 1e-6) if turn % 2 else h
        up = linear(said, f"y.{turn}.f.up", own)
        assert up.shape[-1] == hidden
        h = h + linear(said, f"y.{turn}.f.down", F.silu(up) if turn % 2 else F.relu(up))
    close(said.y, h)


def test_blocks_that_take_turns() -> None:
    """Two layers of one kind, then one of another, as families with a few attentions among recurrences have them."""
    said = say("""
inputs: {x: B T d}
blocks:
  remember:
    in: {h: B T d}
    nodes: {gate: {op: linear, in: h, dim: d}, memory: {op: scan, in: h, decay: sigmoid(gate), over: T}}
    out: h + memory
  attend:
    in: {h: B T d}
    nodes: {attention: {block: std.attention, in: h, heads: heads, mask: causal}}
    out: h + attention
nodes:
  y: {in: x, repeat: 4, cycle: {block: [remember, remember, attend]}}
contracts: [{causal: {output: y, input: x}}]
""")
    names = [name for name, _ in parameter_paths(said.graph.body)]
    assert [f"y.{turn}.attention.q.weight" in names for turn in range(4)] == [False, False, True, False]
    assert [f"y.{turn}.gate.weight" in names for turn in range(4)] == [True, True, False, True]


def test_turns_within_turns_know_both_numbers() -> None:
    said = say("""
inputs: {x: B T d}
blocks:
  step:
    in: {h: B T d}
    params: {by: number}
    nodes: {f: {op: linear, in: h, dim: d, bias: false}}
    out: h + by * f
  group:
    in: {h: B T d}
    nodes: {steps: {block: step, in: h, repeat: {times: 3, index: place}, by: (3 * layer + place + 1) / 10}}
    out: steps
nodes:
  y: {block: group, in: x, repeat: 2}
""")
    h = said["x"]
    for group in range(2):
        for place in range(3):
            h = h + (3 * group + place + 1) / 10 * linear(said, f"y.{group}.steps.{place}.f", h)
    close(said.y, h)


def test_a_pyramid_whose_length_and_width_change_from_turn_to_turn() -> None:
    said = say("""
inputs: {x: B T d}
blocks:
  narrow:
    in: {h: B L w}
    params: {to: int}
    nodes: {f: {op: convolution, in: h, over: L, dim: to, kernel: 3, stride: 2, padding: 1}}
    out: gelu(f)
nodes:
  y: {block: narrow, in: x, repeat: 2, each: {to: [12, 16]}}
""")
    h = said["x"].mT
    for turn in range(2):
        h = F.gelu(F.conv1d(h, said.weight(f"y.{turn}.f.weight"), said.weight(f"y.{turn}.f.bias"), 2, 1))
    close(said.y, h.mT)
    assert said.y.shape == (2, 2, 16)
    assert str(said.graph.body.node("y").type) == "B (((T - 1) // 2 + 1 - 1) // 2 + 1) 16" or said.y.shape[1] == 2


def test_what_every_turn_gives_beside_is_collected() -> None:
    said = say(
        """
inputs: {x: B T d}
blocks:
  routed:
    in: {h: B T d}
    nodes:
      router: {block: std.softmax_router, in: h, experts: experts, k: 2}
      ffn: {op: mixture, in: h, weight: router.weight, expert: std.ffn, hidden: n}
    out: {hidden: h + ffn, loss: router.loss}
nodes:
  layers: {block: routed, in: x, repeat: n}
  y: layers + mean(layers.loss, n)
outputs: {y: y, losses: layers.loss}
""",
        unlearnt=("layers.1.ffn", "layers.2.ffn"),
    )  # experts that no place chose
    assert said.made["losses"].shape == (3,)
    assert (said.made["losses"] >= 1.5).all()


def test_all_turns_may_share_while_groups_do_not() -> None:
    text = f"""{HEAD}
inputs: {{x: B T d}}{STEP}
nodes:
  tied: {{block: step, in: x, repeat: 4, share: true}}
  y: {{block: step, in: tied, repeat: 2}}
outputs: {{y: y}}
"""
    names = [name for name, _ in parameter_paths(graphspec.loads(text).graph.body)]
    assert names == ["tied.f.weight", "y.0.f.weight", "y.1.f.weight"]


def test_one_table_of_scores_for_every_layer_of_two_stacks() -> None:
    """A tensor that is made once is an argument of every turn."""
    said = say("""
inputs: {x: B T d}
blocks:
  stage:
    in: {h: B T d, near: heads T T'}
    nodes:
      norm: {op: rms_norm, in: h, weight: none}
      attention: {block: std.attention, in: norm, heads: heads, scores: near, mask: causal}
    out: h + attention
nodes:
  near: {op: relative_bias, over: T, heads: heads, buckets: 4, distance: 5, direction: past}
  first: {block: stage, in: x, near: near, repeat: 2}
  y: {block: stage, in: first, near: near, repeat: 2}
contracts: [{causal: {output: y, input: x}}]
""")
    assert [name for name, _ in said.model.named_parameters() if "near" in name] == ["near.weight"]
    assert torch.is_tensor(said.y)


def test_a_block_among_several_may_read_the_number_of_the_turn() -> None:
    """Turns that look alike in a pattern are not, where one of its blocks counts."""
    said = say("""
inputs: {x: B T d}
blocks:
  plain: {in: {h: B T d}, nodes: {f: {op: linear, in: h, dim: d, bias: false}}, out: h + f}
  counted: {in: {h: B T d}, nodes: {f: {op: linear, in: h, dim: d, bias: false}}, out: h + (layer + 1) / 10 * f}
nodes:
  y: {in: x, repeat: 4, cycle: {block: [plain, counted]}}
""")
    h = said["x"]
    for turn in range(4):
        h = h + (1 if turn % 2 == 0 else (turn + 1) / 10) * linear(said, f"y.{turn}.f", h)
    close(said.y, h)
