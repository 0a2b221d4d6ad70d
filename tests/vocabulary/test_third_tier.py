"""What single families do to norms, scores, logits, residuals and layers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.vocabulary.said import Said, close, linear, say

PLACES = torch.arange(6)
BACK = PLACES[:, None] - PLACES[None, :]
CAUSAL = BACK >= 0


def rms(x: Tensor, weight: Tensor | None = None) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], weight, 1e-6)


def turned(x: Tensor, theta: float) -> Tensor:
    """Halves of the features of each head, as complex numbers."""
    width = x.shape[-1]
    angles = torch.arange(x.shape[1])[:, None, None] * theta ** (-torch.arange(0, width, 2) / width)
    both = torch.complex(*x.chunk(2, -1)) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat((both.real, both.imag), -1)


def attended(query: Tensor, key: Tensor, value: Tensor, seen: Tensor = CAUSAL) -> Tensor:
    query, key, value = (it.transpose(1, 2) for it in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=seen).transpose(1, 2)


# -- queries and keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["before", "after"])
def test_norms_of_queries_and_keys_per_head(order: str) -> None:
    steps = ["{op: rms_norm, in: IN}", "{op: rotary, in: IN, theta: 100}"]
    first, second = steps if order == "before" else steps[::-1]
    lines = []
    for name in ("q", "k"):
        lines += [f"{name}: {{op: linear, in: x, dim: d}}", f"{name}_heads: {{op: heads, in: {name}, heads: heads}}"]
        lines += [f"{name}_1: {first.replace('IN', f'{name}_heads')}", f"{name}_2: {second.replace('IN', f'{name}_1')}"]
    text = "\n".join(f"  {line}" for line in lines)
    said = say(f"""
inputs: {{x: B T d}}
nodes:
{text}
  v: {{op: heads, in: x, heads: heads}}
  y: {{op: attend, query: q_2, key: k_2, value: v, mask: causal}}
contracts: [{{causal: {{output: y, input: x}}}}]
""")
    made = []
    for name in ("q", "k"):
        x = linear(said, name, said["x"]).unflatten(-1, (2, 4))
        weight = said.weight(f"{name}_{1 if order == 'before' else 2}.weight")
        made.append(turned(rms(x, weight), 100) if order == "before" else rms(turned(x, 100), weight))
    close(said.y, attended(*made, said["x"].unflatten(-1, (2, 4))))


def test_norms_of_queries_and_keys_over_the_full_width() -> None:
    said = say("""
inputs: {x: B T d}
nodes:
  q: {op: linear, in: x, dim: d, bias: false}
  q_norm: {op: layer_norm, in: q}
  k: {op: linear, in: x, dim: d, bias: false}
  k_norm: {op: layer_norm, in: k}
  query: {op: heads, in: q_norm, heads: heads}
  key: {op: heads, in: k_norm, heads: heads}
  value: {op: heads, in: x, heads: heads}
  y: {op: attend, query: query, key: key, value: value, mask: causal}
""")
    weights = [(said.weight(f"{name}_norm.weight"), said.weight(f"{name}_norm.bias")) for name in "qk"]
    query, key = (
        F.layer_norm(linear(said, name, said["x"]), (8,), *own).unflatten(-1, (2, 4))
        for name, own in zip("qk", weights, strict=True)
    )
    close(said.y, attended(query, key, said["x"].unflatten(-1, (2, 4))))


QKV = "inputs: {query: B T heads c, key: B T heads c, value: B T heads c}"
GAIN = "gain: {op: parameter, shape: [c]}"


def given(said: Said) -> tuple[Tensor, ...]:
    return said["query"] * said.weight("gain"), said["key"], said["value"]


def scores(said: Said) -> Tensor:
    return torch.einsum("bthc,bshc->bhts", *given(said)[:2]) / 2


def weighed(said: Said, weights: Tensor) -> Tensor:
    return torch.einsum("bhts,bshc->bthc", weights, said["value"])


def test_a_softcap_of_scores() -> None:
    said = say(f"""
{QKV}
nodes:
  {GAIN}
  y: {{op: attend, query: query * gain, key: key, value: value, mask: causal, softcap: 2}}
""")
    capped = 2 * torch.tanh(scores(said) / 2)
    close(said.y, weighed(said, capped.where(CAUSAL, -torch.inf).softmax(-1)))


def test_attention_sinks() -> None:
    """A score more for each head, which weighs no value."""
    said = say(f"""
{QKV}
nodes:
  {GAIN}
  sink: {{op: parameter, shape: [heads]}}
  y: {{op: attend, query: query * gain, key: key, value: value, mask: causal, sink: sink}}
contracts: [{{causal: {{output: y, input: key}}}}]
""")
    sinks = said.weight("sink")[None, :, None, None].expand(2, 2, 6, 1)
    weights = torch.cat((scores(said).where(CAUSAL, -torch.inf), sinks), -1).softmax(-1)[..., :-1]
    close(said.y, weighed(said, weights))


MASKS = {
    "chunks": ("causal & chunk(n)", CAUSAL & (PLACES[:, None] // 3 == PLACES[None, :] // 3), 2),
    "a window on both sides": ("'window(left=1, right=2)'", (BACK <= 1) & (BACK >= -2), 1),
}


@pytest.mark.parametrize("kind", MASKS)
def test_chunked_masks_and_windows_on_both_sides(kind: str) -> None:
    mask, seen, left = MASKS[kind]
    said = say(f"""
{QKV}
nodes:
  {GAIN}
  y: {{op: attend, query: query * gain, key: key, value: value, mask: {mask}}}
contracts:
  - reach: {{output: y, input: value, left: {left}, right: {0 if kind == "chunks" else 2}}}
""")
    close(said.y, attended(*given(said), seen))


def test_rotary_theta_by_kind_of_layer_and_layers_without_positions() -> None:
    """Near layers turn by one theta, far ones by another, every third not at all."""
    said = say("""
inputs: {x: B T d}
blocks:
  stage:
    in: {h: B T d}
    params: {mask: mask, theta: number, turns: bool}
    nodes:
      query: {op: heads, in: h, heads: heads}
      turned: {op: rotary, if: turns, in: query, theta: theta}
      attended: {op: attend, query: turned, key: turned, value: query, mask: mask}
      merged: {op: merge, in: attended}
      o: {op: linear, in: merged, dim: d, bias: false}
    out: h + o
masks: {near: causal & window(left=1)}
nodes:
  y:
    block: stage
    in: x
    repeat: 3
    cycle: {mask: [near, causal, causal], theta: [100, 5000, 100], turns: [true, true, false]}
contracts: [{causal: {output: y, input: x}}]
""")
    h = said["x"]
    near = CAUSAL & (BACK <= 1)
    for layer, (seen, theta) in enumerate([(near, 100), (CAUSAL, 5000), (CAUSAL, None)]):
        heads = h.unflatten(-1, (2, 4))
        query = heads if theta is None else turned(heads, theta)
        h = h + linear(said, f"y.{layer}.o", attended(query, query, heads, seen).flatten(-2))
    close(said.y, h)


# -- norms and residuals ----------------------------------------------------------------------------------------------


def test_norm_weights_plus_one_and_norms_without_bias_or_parameters() -> None:
    said = say("""
inputs: {x: B T d}
nodes:
  a: {op: rms_norm, in: x, weight: w+1}
  b: {op: layer_norm, in: a, bias: false}
  f: {op: layer_norm, in: b, weight: none, bias: false}
  y: {op: linear, in: f + a, dim: d}
""")
    a = rms(said["x"]) * (said.weight("a.weight") + 1)
    b = F.layer_norm(a, (8,), said.weight("b.weight"))
    close(said.y, linear(said, "y", F.layer_norm(b, (8,)) + a))


WIRINGS = {
    "sandwich": ("x + after", "before", True),
    "post-only": ("x + after", "x", True),
    "residual multiplier": ("x + 0.22 * ffn", "before", False),
    "layer scale": ("x + scale * ffn", "before", False),
}


@pytest.mark.parametrize("wiring", WIRINGS)
def test_the_wiring_of_residuals(wiring: str) -> None:
    out, read, after = WIRINGS[wiring]
    lines = [
        "before: {op: rms_norm, in: x}" if read == "before" else "",
        f"ffn: {{block: std.ffn, in: {read}, hidden: 5}}",
        "after: {op: rms_norm, in: ffn}" if after else "",
        "scale: {op: parameter, shape: [d], init: constant(1e-5)}" if "scale" in out else "",
        f"y: {out}",
    ]
    said = say("inputs: {x: B T d}\nnodes:\n" + "\n".join(f"  {line}" for line in lines if line))
    before = rms(said["x"], said.weight("before.weight")) if read == "before" else said["x"]
    ffn = linear(said, "ffn.down", F.relu(linear(said, "ffn.up", before)))
    ends = {
        "sandwich": lambda: rms(ffn, said.weight("after.weight")),
        "post-only": lambda: rms(ffn, said.weight("after.weight")),
        "residual multiplier": lambda: 0.22 * ffn,
        "layer scale": lambda: said.weight("scale") * ffn,
    }
    close(said.y, said["x"] + ends[wiring]())


def test_a_first_norm_that_is_missing() -> None:
    said = say("""
inputs: {x: B T d}
blocks:
  stage:
    in: {h: B T d}
    nodes:
      norm: {op: rms_norm, if: layer > 0, in: h}
      ffn: {op: linear, in: norm, dim: d}
    out: h + ffn
nodes:
  y: {block: stage, in: x, repeat: n}
""")
    h = said["x"]
    for layer in range(3):
        own = rms(h, said.weight(f"y.{layer}.norm.weight")) if layer else h
        h = h + linear(said, f"y.{layer}.ffn", own)
    close(said.y, h)


# -- functions and logits ---------------------------------------------------------------------------------------------


def test_a_squared_relu() -> None:
    said = say("inputs: {x: B T d}\nnodes:\n  y: {block: std.ffn, in: x, hidden: 12, activation: relu2}")
    close(said.y, linear(said, "y.down", F.relu(linear(said, "y.up", said["x"])).square()))


def test_a_gated_unit_that_is_clamped() -> None:
    """gpt-oss, section 2: the gate from above, the other from both sides; one is added to it."""
    said = say("""
inputs: {x: B T d}
nodes:
  gate: {op: linear, in: x, dim: 12}
  up: {op: linear, in: x, dim: 12}
  low: min(gate, 0.5)
  y: {op: linear, in: "low * sigmoid(1.702 * low) * (min(max(up, -0.5), 0.5) + 1)", dim: d}
""")
    gate, up = (linear(said, name, said["x"]) for name in ("gate", "up"))
    gate, up = gate.clamp(max=0.5), up.clamp(-0.5, 0.5)
    close(said.y, linear(said, "y", gate * torch.sigmoid(1.702 * gate) * (up + 1)))


def test_clipping_a_logit_scale_and_a_softcap_of_logits() -> None:
    said = say("""
inputs: {x: B T d}
nodes:
  clipped: min(max(x, -1), 1)
  logits: {op: linear, in: clipped, dim: vocab, bias: false}
  y: 30 * tanh(0.25 * logits / 30)
""")
    close(said.y, 30 * torch.tanh(0.25 * linear(said, "logits", said["x"].clamp(-1, 1)) / 30))


def test_layers_that_share_their_parameters_in_groups() -> None:
    """Two groups of three layers, each with one set of parameters."""
    said = say("""
inputs: {x: B T d}
blocks:
  stage: {in: {h: B T d}, nodes: {f: {op: linear, in: h, dim: d}}, out: h + tanh(f)}
  group: {in: {h: B T d}, nodes: {layers: {block: stage, in: h, repeat: n, share: true}}, out: layers}
nodes:
  y: {block: group, in: x, repeat: 2}
""")
    h = said["x"]
    for group in range(2):
        for _ in range(3):
            h = h + torch.tanh(linear(said, f"y.{group}.layers.f", h))
    close(said.y, h)
    assert said.parameters == 2 * (8 * 8 + 8)
