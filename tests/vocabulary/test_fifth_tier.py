"""Recurrences of several kinds, networks on both sides, windows of pictures, tokens that see everything."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import compiler
import graphspec
from compiler.target import Target
from tests.vocabulary.said import Said, close, linear, say

SPECS = Path(__file__).parents[2] / "specs"
PLACES = torch.arange(6)
BACK = PLACES[:, None] - PLACES[None, :]
QKV = "query: B T heads c, key: B T heads c, value: B T heads n"

# title -> (the decay, the same at (batch, place, head, key feature))
MEMORIES = {
    "retention": ("rate: {op: parameter, shape: [heads]}\n  decay: sigmoid(rate)", ""),
    "gated linear attention": ("gate: {op: linear, in: key, dim: c}\n  decay: sigmoid(gate)", "feature"),
    "linear attention": ("rate: {op: parameter, shape: [c]}\n  decay: 0 * rate + 1", "none"),
}


@pytest.mark.parametrize("title", MEMORIES)
def test_memories_of_keys_and_values(title: str) -> None:
    """What is told is `q S`, where `S[t] = decay S[t - 1] + k vᵀ`."""
    decay, _ = MEMORIES[title]
    said = say(
        f"""
inputs: {{{QKV}}}
nodes:
  {decay}
  drive: {{op: contract, a: key, b: value}}
  memory: {{op: scan, in: drive, decay: decay, over: T}}
  told: {{op: contract, a: query, b: memory, over: c}}
  y: {{op: linear, in: told, dim: n, bias: false}}
contracts:
  - causal: {{output: y, input: value}}
  - reach: {{output: y, input: value, at_least: 5}}
  - independent: {{axis: B}}
""",
        unlearnt=("rate",) if title == "linear attention" else (),
    )
    rates = {
        "retention": lambda: said.weight("rate").sigmoid()[:, None],
        "gated linear attention": lambda: linear(said, "gate", said["key"]).sigmoid(),
        "linear attention": lambda: torch.ones(1),
    }[title]().expand(2, 6, 2, 4)
    state, told = torch.zeros(2, 2, 4, 3), []
    for t in range(6):
        state = rates[:, t, ..., None] * state + said["key"][:, t, ..., None] * said["value"][:, t, :, None]
        told.append(torch.einsum("bhc,bhcn->bhn", said["query"][:, t], state))
    close(said.y, linear(said, "y", torch.stack(told, 1)))


def test_a_gated_linear_recurrence_in_both_directions() -> None:
    said = say(
        """
inputs: {x: B T d, real: bool B T = true}
nodes:
  gate: {op: linear, in: x, dim: d}
  keep: sigmoid(gate)
  drive: (1 - keep) * x * real
  forward: {op: scan, in: drive, decay: keep, over: T}
  backward: {op: scan, in: drive, decay: keep, over: T, reverse: true}
  y: forward + backward
contracts: [{ignores_padding: {output: y, input: x, where: real}}]
""",
        real=torch.tensor([[True] * 6, [True] * 4 + [False] * 2]),
    )
    keep = linear(said, "gate", said["x"]).sigmoid()
    drive = (1 - keep) * said["x"] * said["real"][..., None]

    def scan(order: range) -> Tensor:
        state, found = torch.zeros(2, 8), {}
        for t in order:
            state = found[t] = keep[:, t] * state + drive[:, t]
        return torch.stack([found[t] for t in range(6)], 1)

    close(said.y, scan(range(6)) + scan(range(5, -1, -1)))


def test_mamba_learns_to_remember() -> None:
    """The first token, said at the last place: six places before, out of the convolution's reach."""
    torch.manual_seed(0)
    spec = graphspec.load(SPECS / "llm/mamba.yaml", depth=1, d_model=32, state=4, rank=2, vocab=6)
    model = compiler.compile(spec, Target(device="cpu"))
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            tensor.mul_(10 if name.endswith(("proj.weight", "dt.weight", "embedding.weight")) else 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    tokens = torch.full((4, 7), 5)
    tokens[:, 0] = torch.arange(4)
    losses = []
    for _ in range(80):
        loss = F.cross_entropy(model(tokens)[:, -1], tokens[:, 0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 1
    assert losses[-1] < 0.1, losses[::10]


def test_networks_on_both_sides_of_attention() -> None:
    """The macaron: half a feed-forward network before, half one after."""
    said = say("""
inputs: {x: B T d}
nodes:
  before: {block: std.ffn, in: x, hidden: 5, activation: silu}
  first: x + 0.5 * before
  attention: {block: std.attention, in: first, heads: heads}
  second: first + attention
  after: {block: std.ffn, in: second, hidden: 5, activation: silu}
  y: second + 0.5 * after
""")

    def ffn(node: str, x: Tensor) -> Tensor:
        return linear(said, f"{node}.down", F.silu(linear(said, f"{node}.up", x)))

    first = said["x"] + 0.5 * ffn("before", said["x"])
    q, k, v = (linear(said, f"attention.{it}", first).unflatten(-1, (2, 4)).transpose(1, 2) for it in "qkv")
    second = first + linear(said, "attention.o", F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))
    close(said.y, second + 0.5 * ffn("after", second))


@pytest.mark.parametrize("moved", [0, 1])
def test_attention_within_windows_of_a_picture_that_move(moved: int) -> None:
    """Rolled, cut into windows of 2 by 2, attended, put together again and rolled back."""
    said = say(f"""
inputs: {{image: B 4 6 d}}
nodes:
  down: {{op: roll, in: image, axis: 4, by: -{moved}}}
  over: {{op: roll, in: down, axis: 6, by: -{moved}}}
  windows: {{op: rearrange, in: over, pattern: "B (r p) (s q) d -> B r s (p q) d", sizes: {{p: 2, q: 2}}}}
  attention: {{block: std.attention, in: windows, heads: heads}}
  whole: {{op: rearrange, in: attention, pattern: "B r s (p q) d -> B (r p) (s q) d", sizes: {{p: 2}}}}
  back: {{op: roll, in: whole, axis: 4, by: {moved}}}
  y: {{op: roll, in: back, axis: 6, by: {moved}}}
contracts: [{{independent: {{axis: B}}}}]
""")
    image = said["image"].roll((-moved, -moved), (1, 2))
    windows = image.unflatten(2, (3, 2)).unflatten(1, (2, 2)).transpose(2, 3).flatten(0, 2).flatten(1, 2)
    q, k, v = (linear(said, f"attention.{it}", windows).unflatten(-1, (2, 4)).transpose(1, 2) for it in "qkv")
    made = linear(said, "attention.o", F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))
    whole = made.unflatten(1, (2, 2)).unflatten(0, (2, 2, 3)).transpose(2, 3).flatten(3, 4).flatten(1, 2)
    close(said.y, whole.roll((moved, moved), (1, 2)))


def test_tokens_that_see_everything_and_are_seen_by_all() -> None:
    """The first two, by a mask that is told; all others see their neighbours."""
    said = say("""
inputs: {x: B T d}
nodes:
  i: {op: index, over: T}
  j: {op: rearrange, in: i, pattern: "T -> T'"}
  near: abs(i - j) <= 1
  pairs: near | (i < 2) | (j < 2)
  y: {block: std.attention, in: x, heads: heads, mask: pairs}
""")
    seen = (BACK.abs() <= 1) | (PLACES[:, None] < 2) | (PLACES[None] < 2)
    q, k, v = (linear(said, f"y.{it}", said["x"]).unflatten(-1, (2, 4)).transpose(1, 2) for it in "qkv")
    made = F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(-2)
    close(said.y, linear(said, "y.o", made))


def test_disentangled_scores() -> None:
    """Content to position and position to content, each by the distance, held to four places (He et al. 2021)."""
    said = say("""
inputs: {x: B T d}
nodes:
  q: {op: linear, in: x, dim: d}
  k: {op: linear, in: x, dim: d}
  query: {op: heads, in: q, heads: heads}
  key: {op: heads, in: k, heads: heads}
  value: {op: heads, in: x, heads: heads}
  keys: {op: rearrange, in: key, pattern: "B T heads c -> B T' heads c"}
  i: {op: index, over: T}
  j: {op: rearrange, in: i, pattern: "T -> T'"}
  apart: min(max(i - j, -2), 1) + 2
  query_place: {op: embedding, in: apart, size: 4, dim: d}
  key_place: {op: embedding, in: apart, size: 4, dim: d}
  query_rows: {op: rearrange, in: query_place, pattern: "T T' (heads c) -> T T' heads c"}
  key_rows: {op: rearrange, in: key_place, pattern: "T T' (heads c) -> T T' heads c"}
  content: {op: contract, a: query, b: key_rows, over: c}
  place: {op: contract, a: query_rows, b: keys, over: c}
  one: {op: rearrange, in: content, pattern: "B T heads T' -> B heads T T'"}
  two: {op: rearrange, in: place, pattern: "T T' heads B -> B heads T T'"}
  y: {op: attend, query: query, key: key, value: value, bias: (one + two) / sqrt(3 * c), scale: 1 / sqrt(3 * c)}
""")
    query, key = (linear(said, it, said["x"]).unflatten(-1, (2, 4)) for it in "qk")
    apart = BACK.clamp(-2, 1) + 2
    rows = {it: said.weight(f"{it}_place.weight")[apart].unflatten(-1, (2, 4)) for it in ("query", "key")}
    scores = torch.einsum("bihc,bjhc->bhij", query, key)
    scores = scores + torch.einsum("bihc,ijhc->bhij", query, rows["key"])
    scores = scores + torch.einsum("ijhc,bjhc->bhij", rows["query"], key)
    weights = (scores / (3 * 4) ** 0.5).softmax(-1)
    close(said.y, torch.einsum("bhij,bjhc->bihc", weights, said["x"].unflatten(-1, (2, 4))))


def test_a_batch_norm_in_both_modes() -> None:
    said: Said = say("inputs: {x: B T d}\nnodes:\n  y: {op: batch_norm, in: x}")
    state = said.model.state_dict()
    wanted = F.batch_norm(said["x"].mT, torch.zeros(8), torch.ones(8), state["y.weight"], state["y.bias"]).mT
    close(said.y, wanted)
    made = said.model.train()(said["x"])
    close(made.mean((0, 1)), state["y.bias"])
