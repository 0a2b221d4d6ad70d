"""Mixtures of experts: every kind of router, shared experts, scores at either end, losses for an even load."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.vocabulary.said import Said, close, linear, say

MODEL = """
inputs: {{x: B T d}}
nodes:
{router}
  y: {{op: mixture, in: x, weight: {weight}, expert: std.gated_ffn, hidden: n, bias: false}}
contracts:
  - causal: {{output: y, input: x}}
  - independent: {{axis: B}}
"""
GATE = "  gate: {op: linear, in: x, dim: experts, bias: false}\n"


def expert(said: Said, at: int, x: Tensor) -> Tensor:
    gate, up = (linear(said, f"y.{at}.{name}", x) for name in ("gate", "up"))
    return linear(said, f"y.{at}.down", F.silu(gate) * up)


def mixed(said: Said, weights: Tensor) -> Tensor:
    return torch.stack([weights[..., at, None] * expert(said, at, said["x"]) for at in range(4)]).sum(0)


def chosen(scores: Tensor, k: int) -> Tensor:
    return torch.zeros_like(scores).scatter(-1, scores.topk(k).indices, 1.0)


def renormalised(kept: Tensor) -> Tensor:
    return kept / kept.sum(-1, keepdim=True)


def two_groups(scores: Tensor) -> Tensor:
    """The better half of the experts, judged by its best two."""
    groups = scores.unflatten(-1, (2, 2))
    return chosen(groups.topk(2).values.sum(-1), 1).repeat_interleave(2, -1)


GROUPED = """{gate}  score: sigmoid(gate)
  bias: {{op: parameter, shape: experts, init: zeros}}
  judged: score + bias
  groups: {{op: rearrange, in: judged, pattern: "B T (g e) -> B T g e", sizes: {{g: 2}}}}
  first: {{op: top, in: groups, k: 2, axis: experts // 2}}
  good: {{op: top, in: "sum(groups * first, experts // 2)", k: 1, axis: 2}}
  fit: {{op: rearrange, in: good, pattern: "B T g -> B T (g e)", sizes: {{e: experts // 2}}}}
  best: {{op: top, in: judged, where: fit > 0, k: 1, axis: experts}}
  kept: score * best
  weight: 2.5 * kept / sum(kept, experts)"""

# title -> (nodes of the router, its weight, the same by scores)
ROUTERS: dict[str, tuple[str, str, Callable[[Said], Tensor]]] = {
    "softmax, then the best two, renormalised": (
        "  router: {block: std.softmax_router, in: x, experts: experts, k: 2}",
        "router",
        lambda it: renormalised((s := linear(it, "router.gate", it["x"]).softmax(-1)) * chosen(s, 2)),
    ),
    "softmax, then the best two as they are": (
        "  router: {block: std.softmax_router, in: x, experts: experts, k: 2, normalise: false}",
        "router",
        lambda it: (s := linear(it, "router.gate", it["x"]).softmax(-1)) * chosen(s, 2),
    ),
    "the best two, then softmax": (
        f"{GATE}  best: {{op: top, in: gate, k: 2, axis: experts}}\n"
        "  weight: softmax(where(best > 0, gate, -1e9), experts)",
        "weight",
        lambda it: (s := linear(it, "gate", it["x"])).where(chosen(s, 2) > 0, -torch.inf).softmax(-1),
    ),
    "sigmoid scores, a bias for the choice alone, a scale": (
        "  router: {block: std.sigmoid_router, in: x, experts: experts, k: 2, scale: 2.5}",
        "router",
        lambda it: (
            2.5
            * renormalised(
                (s := linear(it, "router.gate", it["x"]).sigmoid()) * chosen(s + it.weight("router.correction"), 2)
            )
        ),
    ),
    "groups of experts": (
        GROUPED.format(gate=GATE),
        "weight",
        lambda it: (
            2.5
            * renormalised(
                (s := linear(it, "gate", it["x"]).sigmoid())
                * chosen((s + it.weight("bias")).where(two_groups(s + it.weight("bias")) > 0, -torch.inf), 1)
            )
        ),
    ),
}


@pytest.mark.parametrize("title", ROUTERS)
def test_routers(title: str) -> None:
    nodes, weight, expected = ROUTERS[title]
    said = say(
        MODEL.format(router=nodes, weight=weight), unlearnt=("router.correction", "bias", "y.")
    )  # no place may choose an expert
    close(said.y, mixed(said, expected(said)))


def test_a_bias_for_the_choice_gets_no_gradient() -> None:
    """It is for the training loop to even the load with; the scores that weigh do learn."""
    nodes, weight, _ = ROUTERS["sigmoid scores, a bias for the choice alone, a scale"]
    said = say(MODEL.format(router=nodes, weight=weight), unlearnt=("router.correction", "y."))
    gradients = {name: parameter.grad for name, parameter in said.model.named_parameters()}
    assert gradients["router.correction"] is None or not gradients["router.correction"].any()
    assert gradients["router.gate.weight"].any()


def test_a_loss_for_an_even_load() -> None:
    said = say("""
inputs: {x: B T d}
nodes:
  router: {block: std.softmax_router, in: x, experts: experts, k: 2}
  y: {op: mixture, in: x, weight: router.weight, expert: std.ffn, hidden: n}
outputs: {y: y, loss: router.loss}
""")
    share = linear(said, "router.gate", said["x"]).softmax(-1)
    close(said.made["loss"], 4 * (chosen(share, 2).mean((0, 1)) * share.mean((0, 1))).sum())


@pytest.mark.parametrize("gated", [False, True])
def test_a_shared_expert(gated: bool) -> None:
    gate = (
        "  share: {op: linear, in: x, dim: 1, bias: false}\n  some: {op: select, in: share, axis: 1}\n" if gated else ""
    )
    said = say(f"""
inputs: {{x: B T d}}
nodes:
  router: {{block: std.softmax_router, in: x, experts: experts, k: 2}}
  routed: {{op: mixture, in: x, weight: router.weight, expert: std.ffn, hidden: n}}
  shared: {{block: std.ffn, in: x, hidden: 5}}
{gate}  y: routed + {"sigmoid(some) * " if gated else ""}shared
""")
    share = linear(said, "router.gate", said["x"]).softmax(-1)
    weights = renormalised(share * chosen(share, 2))
    ways = [linear(said, f"routed.{at}.down", F.relu(linear(said, f"routed.{at}.up", said["x"]))) for at in range(4)]
    shared = linear(said, "shared.down", F.relu(linear(said, "shared.up", said["x"])))
    shared = linear(said, "share", said["x"]).sigmoid() * shared if gated else shared
    close(said.y, (torch.stack(ways, -2) * weights[..., None]).sum(-2) + shared)


def test_a_score_that_scales_the_input_of_the_one_expert_chosen() -> None:
    said = say(f"""
inputs: {{x: B T d}}
nodes:
{GATE}  best: {{op: top, in: gate, k: 1, axis: experts}}
  scaled: x * sum(sigmoid(gate) * best, experts)
  y: {{op: mixture, in: scaled, weight: best, expert: std.gated_ffn, hidden: n, bias: false}}
""")
    scores = linear(said, "gate", said["x"])
    best = chosen(scores, 1)
    scaled = said["x"] * (scores.sigmoid() * best).sum(-1, keepdim=True)
    close(said.y, torch.stack([best[..., at, None] * expert(said, at, scaled) for at in range(4)]).sum(0))


def test_stacked_experts_whose_inputs_are_each_scaled() -> None:
    """The matrices of all experts as one tensor each: a product over features, expert by expert."""
    said = say(f"""
inputs: {{x: B T d}}
nodes:
{GATE}  best: {{op: top, in: gate, k: 2, axis: experts}}
  given: {{op: contract, a: sigmoid(gate) * best, b: x}}
  up: {{op: parameter, shape: [experts, d, n]}}
  down: {{op: parameter, shape: [experts, n, d]}}
  hidden: {{op: contract, a: given, b: up, over: d}}
  y: {{op: contract, a: silu(hidden), b: down, over: [experts, n]}}
contracts: [{{causal: {{output: y, input: x}}}}]
""")
    scores = linear(said, "gate", said["x"])
    given = (scores.sigmoid() * chosen(scores, 2))[..., None] * said["x"][..., None, :]
    hidden = torch.einsum("bted,edn->bten", given, said.weight("up"))
    close(said.y, torch.einsum("bten,end->btd", F.silu(hidden), said.weight("down")))
