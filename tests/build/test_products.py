"""Rounded products are computed in fp32 where the processor does those quicker: the same model, in the same types."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

import compiler
import graphspec
from compiler import features
from compiler.build import products as widening
from compiler.build.products import widen_products
from compiler.target import Target
from tests.build.graphs import backend


@pytest.fixture
def fp32_is_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_fp32_is_quicker", lambda kind: True)


class Attention(nn.Module):
    """All kinds of products that models are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (it.unflatten(-1, (2, 8)).transpose(1, 2) for it in self.qkv(x).split(16, -1))
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y + (q @ k.mT).softmax(-1) @ v
        return self.out(y.transpose(1, 2).flatten(-2)).float().square().mean()


def gradients(model: nn.Module, function: Any, x: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        loss = function(x)
    loss.backward()
    return {"loss": loss.detach()} | {name: it.grad for name, it in model.named_parameters() if it.grad is not None}


@pytest.mark.usefixtures("fp32_is_quicker")
def test_every_product_is_widened_and_nothing_else_changes() -> None:
    torch.manual_seed(0)
    model, x = Attention(), torch.randn(2, 6, 16)
    exact = {name: it.clone() for name, it in gradients(model, model.forward, x).items()}
    found: list[fx.Graph] = []
    torch.compiler.reset()
    wide = gradients(model, torch.compile(model.forward, backend=backend(widen_products, found), fullgraph=True), x)
    assert len(found) == 2
    done = [node for graph in found for node in graph.nodes if node.target in widening.PRODUCTS]
    assert len({node.target for node in done}) >= 4
    for node in done:
        given = [it.meta["val"].dtype for it in node.all_input_nodes if it.meta["val"].is_floating_point()]
        assert set(given) == {torch.float32}, node
    for name, gradient in exact.items():
        assert wide[name].dtype == gradient.dtype
        torch.testing.assert_close(wide[name], gradient, rtol=0, atol=0.03 * gradient.abs().max().item())


@pytest.mark.usefixtures("fp32_is_quicker")
def test_weights_are_read_as_they_are() -> None:
    """No weight is rounded only to be widened again."""
    model, found = Attention(), list[fx.Graph]()
    torch.compiler.reset()
    gradients(
        model,
        torch.compile(model.forward, backend=backend(widen_products, found), fullgraph=True),
        torch.randn(2, 6, 16),
    )
    forward = found[0]
    forward.eliminate_dead_code()
    weights = [node for node in forward.nodes if node.op == "placeholder" and node.meta["val"].ndim == 2]
    assert len(weights) == 2
    for weight in weights:
        read = {user.target for user in weight.users}
        assert any(user.target in widening.VIEWS | widening.PRODUCTS for user in weight.users), read


def test_where_bf16_is_quicker_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_fp32_is_quicker", lambda kind: False)
    found: list[fx.Graph] = []
    model = Attention()
    torch.compiler.reset()
    gradients(
        model,
        torch.compile(model.forward, backend=backend(widen_products, found), fullgraph=True),
        torch.randn(2, 6, 16),
    )
    done = [node for graph in found for node in graph.nodes if node.target in widening.PRODUCTS]
    assert done and all(node.args[-1].meta["val"].dtype == torch.bfloat16 for node in done if len(node.args) == 2)


def test_what_is_quicker_is_measured_once() -> None:
    kinds = {features.multiplied_in(torch.bfloat16, torch.device("cpu")) for _ in range(3)}
    assert len(kinds) == 1 and kinds <= {torch.bfloat16, torch.float32}
    assert features.multiplied_in(torch.bfloat16, torch.device("cuda")) == torch.bfloat16
    assert features.multiplied_in(torch.float32, torch.device("cpu")) == torch.float32


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's own, while tracing
@pytest.mark.usefixtures("fp32_is_quicker")
def test_a_compiled_model_learns_alike() -> None:
    spec = graphspec.load("specs/llm/gpt2.yaml", depth=1, d_model=32, heads=2, vocab=50, longest=8, drop=0)
    target = Target(device="cpu", precision="bf16", objective="next_token", fusion="fused", returns="loss")
    tokens = torch.randint(50, (2, 8))
    found: list[Tensor] = []
    for how in ("off", "blocks"):
        model = compiler.compile(spec, target, compile=how)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(tokens)
        loss.backward()
        found.append(model.get_parameter("embedding.weight").grad)  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(*found, rtol=0, atol=0.03 * found[0].abs().max().item())


def test_other_work_does_not_sway_what_is_quicker() -> None:
    """Two threads that share their cores with others wait for each other, whatever they multiply."""
    here = torch.get_num_threads()
    seen: list[int] = []
    measured = features._fp32_is_quicker.__wrapped__
    multiply = torch.mm
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "mm", lambda *parts: seen.append(torch.get_num_threads()) or multiply(*parts))
        measured(torch.bfloat16)
    assert set(seen) == {1} and torch.get_num_threads() == here
