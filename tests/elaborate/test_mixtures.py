"""Mixtures of experts: names, costs, flow, canonical text, and what is refused."""

from __future__ import annotations

import pytest
import torch

import compiler
import graphspec
from graphspec.analysis.cost import Costs
from graphspec.graph import Mixture, parameter_paths
from graphspec.render import to_dot
from graphspec.render.canonical import to_text
from graphspec.render.view import view

HEAD = """graphspec: 1
name: routed
params: {d: 8, n: 4, k: 2, e: 6}
axes: {B: batch, T: position}
inputs: {x: B T d}
"""
ROUTED = (
    HEAD
    + """blocks:
  expert: {in: {x2: ... c}, params: {hidden: int}, nodes: {up: {op: linear, in: x2, dim: hidden}}, out: up}
nodes:
  router: {block: std.softmax_router, in: x, experts: n, k: k}
  y: {op: mixture, in: x, weight: router.weight, expert: expert, hidden: e}
outputs: {y: y}
contracts: [{causal: {output: y, input: x}}, {independent: {axis: B}}]
"""
)


def routed(mixture: str, blocks: str = "{}", weight: str = "B T n") -> str:
    return f"{HEAD}  \nblocks: {blocks}\nnodes: {{y: {mixture}}}\noutputs: {{y: y}}\n".replace(
        "inputs: {x: B T d}", f"inputs: {{x: B T d, w: {weight}}}"
    )


def codes(text: str) -> list[str]:
    try:
        graphspec.loads(text)
    except graphspec.SpecError as error:
        return [diagnostic.code for diagnostic in error.diagnostics if diagnostic.severity == "error"]
    return []


def test_each_expert_has_parameters_of_its_own() -> None:
    graph = graphspec.loads(ROUTED).graph
    names = [name for name, _ in parameter_paths(graph.body)]
    assert names == ["router.gate.weight", *(f"y.{e}.up.{part}" for e in range(4) for part in ("weight", "bias"))]
    assert names == list(compiler.compile(graph).state_dict())


def test_all_parameters_count_but_only_the_chosen_compute() -> None:
    def of_mixture(text: str) -> tuple[int, int]:
        graph = graphspec.loads(text).graph
        costs, node = Costs(graph), graph.body.node("y")
        flops = costs.at(costs.node_flops(node, graph.body), {"B": 1, "T": 1})
        assert flops is not None
        return costs.number(costs.node_parameters(node, graph.body)), flops

    learned, chosen = of_mixture(ROUTED)
    assert learned == 4 * (8 * 6 + 6)
    assert (learned, 2 * chosen) == of_mixture(ROUTED.replace("router.weight", '"softmax(router.weight, n)"'))


def test_contracts_are_proved_through_a_mixture() -> None:
    assert [verdict.status for verdict in graphspec.loads(ROUTED).check()] == ["proved", "proved"]


def test_what_the_weights_read_is_read() -> None:
    """A router that looks ahead leaks, though the experts do not: the path goes through the weights."""
    leaking = ROUTED.replace("std.softmax_router, in: x", "std.softmax_router, in: later").replace(
        "nodes:\n  router", "nodes:\n  later: {op: shift, in: x, axis: T, by: -1}\n  router"
    )
    verdict = graphspec.loads(leaking).check()[0]
    assert verdict.status == "refuted"
    assert "router" in str(verdict)


def test_a_change_of_the_input_moves_what_flow_says() -> None:
    model = compiler.compile(graphspec.loads(ROUTED))
    x = torch.randn(2, 5, 8)
    changed = x.clone()
    changed[1, 3] += 10
    moved = (model(changed) - model(x)).abs().sum(-1) > 0
    assert moved.nonzero().tolist() == [[1, 3]]


def test_the_canonical_text_gives_the_same_graph() -> None:
    text = to_text(graphspec.loads(ROUTED).graph)
    again = graphspec.loads(text).graph
    assert to_text(again) == text
    assert "{op: mixture," in text
    assert isinstance(again.body.node("y").does, Mixture)


def test_the_chain_goes_into_the_expert() -> None:
    text = HEAD.replace("x: B T d", "x: B T d, w: B T n") + (
        "nodes:\n  h: 2 * x\n  y: {op: mixture, weight: w, expert: std.ffn, hidden: e}\noutputs: {y: y}\n"
    )
    assert dict(graphspec.loads(text).graph.body.node("y").inputs)["x"].name == "h"


def test_the_diagram_shows_where_the_weights_come_from() -> None:
    graph = graphspec.loads(ROUTED).graph
    assert [port for port, _ in view(graph.body).reads["y"]] == ["x2", "weight"]
    assert "4 × " in to_dot(graph)


def test_a_mixture_is_captured_but_no_value_of_an_expert() -> None:
    model, x = compiler.compile(graphspec.loads(ROUTED)), torch.randn(2, 5, 8)
    assert torch.equal(model.capture("y", x=x)["y"], model(x))
    with pytest.raises(KeyError, match=r"y\.0"):
        model.capture("y.0.up", x=x)


def test_torch_takes_it_whole() -> None:
    model, x = compiler.compile(graphspec.loads(ROUTED)), torch.randn(2, 5, 8)
    whole = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(whole(x), model(x))


def test_experts_of_lower_precision_add_up() -> None:
    """Under autocast a linear gives another type than the sum has."""
    model, x = compiler.compile(graphspec.loads(ROUTED)), torch.randn(2, 5, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert (model(x) - model(x)).abs().max() == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (routed("{op: mixture, in: x, weight: w}"), "missing-attribute"),
        (routed("{op: mixture, in: x, expert: std.ffn, hidden: e}", weight="B T n = 1"), "missing-input"),
        (routed("{op: mixture, in: x, weight: w, expert: std.fnn, hidden: e}"), "unknown-block"),
        (routed("{op: mixture, in: x, weight: w, expert: std.ffn}"), "missing-attribute"),
        (routed("{op: mixture, in: x, weight: w, expert: std.ffn, hidden: e, depth: 2}"), "unknown-attribute"),
        (routed("{op: mixture, in: x, weight: w, expert: std.ffn, hidden: e, init: zeros}"), "unknown-attribute"),
        (routed("{op: mixture, in: x, weight: w, expert: std.ffn, hidden: e}", weight="B T 3 n"), "shape-mismatch"),
        (routed("{op: mixture, in: x, weight: w, expert: std.ffn, hidden: e}", weight="int B T n"), "shape-mismatch"),
        (routed("{op: mixture, in: x, weight: w, expert: std.ffn, hidden: e}", weight="B T"), "wrong-kind"),
        (routed("{op: mixture, in: x, weight: w, expert: b}", "{b: {in: {weight: ... c}, out: 2 * weight}}"), "name-taken"),
        (routed("{op: mixture, in: x, weight: w, expert: std.attention, heads: 2}"), "not-pointwise"),
        (routed("{op: mixture, in: x, weight: w, expert: b}", "{b: {in: {x2: B T c}, nodes: {i: {op: index, over: T}}, out: x2 * i}}"), "not-pointwise"),
        (routed("{op: mixture, in: x, weight: w, expert: b}", '{b: {in: {x2: B T c}, out: "cumsum(x2, T)"}}'), "not-pointwise"),
        (routed("{op: mixtures, in: x, weight: w, expert: std.ffn}"), "unknown-operator"),
    ],
)  # fmt: skip
def test_what_is_no_mixture_is_refused(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_a_weight_of_an_expert_cannot_be_shared() -> None:
    text = ROUTED.replace("outputs:", "  z: {op: linear, in: x, share: y.up}\noutputs:").replace("y: y}", "y: y, z: z}")
    assert codes(text) == ["cannot-share"]


def test_the_first_expert_stands_for_all_in_a_map() -> None:
    """A line with an index covers every expert; without one, the map is incomplete."""
    line = "checkpoints: {theirs: {nodes: {router.gate: g, %s: %s}}}\n"
    assert codes(ROUTED + line % ('"y.{e}.up"', '"experts.{e}.w"')) == []
    assert "unmapped-parameter" in codes(ROUTED + line % ("y.0.down", "w"))
