"""Running statistics: kept as torch keeps them, saved, loaded, copied and shared, and never learned."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import graphspec
from compiler.build import compile
from compiler.runtime import Model
from graphspec.analysis.cost import Costs

HEAD = """graphspec: 1
name: batches
params: {d: 4, n: 2}
axes: {B: batch, T: position}
inputs: {x: B T d}
"""
BLOCK = """
blocks:
  stage:
    in: {h: B T d}
    nodes: {norm: {op: batch_norm, in: h}, up: {op: linear, in: norm, dim: d}}
    out: h + up
nodes: {layers: {block: stage, in: x, repeat: n}}
outputs: {y: layers}
"""
STATISTICS = {"running_mean", "running_var", "num_batches_tracked"}


def made(body: str = BLOCK, seed: int = 0) -> Model:
    return compile(graphspec.loads(HEAD + body), seed=seed)


def one(attributes: str) -> Model:
    return made(f"nodes: {{norm: {{op: batch_norm, in: x{attributes}}}}}\noutputs: {{y: norm}}\n")


def test_they_have_torch_s_names_and_start_like_torch_s() -> None:
    model, theirs = one(""), nn.BatchNorm1d(4)
    assert list(model.state_dict()) == [f"norm.{name}" for name in theirs.state_dict()]
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(model.state_dict()[f"norm.{name}"], tensor)


def test_every_turn_has_its_own() -> None:
    buffers = dict(made().named_buffers())
    assert buffers.keys() == {f"layers.{turn}.norm.{name}" for turn in (0, 1) for name in STATISTICS}
    assert all(bool(tensor.isfinite().all()) for tensor in buffers.values())


def test_they_are_not_counted_as_parameters() -> None:
    graph = graphspec.loads(HEAD + BLOCK).graph
    costs = Costs(graph)
    assert costs.number(costs.parameters()) == 2 * (4 + 4 + 16 + 4) == sum(p.numel() for p in made().parameters())


@pytest.mark.parametrize(
    ("attributes", "weight", "bias"),
    [
        ("", True, True),
        (", weight: none", False, True),
        (", bias: false", True, False),
        (", weight: none, bias: false", False, False),
        (", weight: w+1, momentum: 0.3, eps: 1e-2", True, True),
    ],
)
def test_training_is_torch_s(attributes: str, weight: bool, bias: bool) -> None:
    """Outputs, gradients and the statistics afterwards."""
    plus_one = "w+1" in attributes
    model, settings = one(attributes), {"momentum": 0.3, "eps": 1e-2} if plus_one else {}
    theirs = nn.BatchNorm1d(4, **settings)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]) if weight else torch.ones(4))
        theirs.bias.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]) if bias else torch.zeros(4))
        if weight:
            model.get_parameter("norm.weight").copy_(theirs.weight - float(plus_one))
        if bias:
            model.get_parameter("norm.bias").copy_(theirs.bias)
    for step in range(2):
        x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(step)).requires_grad_()
        ours, wanted = model(x), theirs(x.mT).mT
        torch.testing.assert_close(ours, wanted)
        (ours**3).sum().backward()
        (wanted**3).sum().backward()
    for name, parameter in model.named_parameters():
        wanted = theirs.get_parameter(name.removeprefix("norm.")).grad
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(model.get_buffer("norm.running_mean"), theirs.running_mean)
    torch.testing.assert_close(model.get_buffer("norm.running_var"), theirs.running_var)
    torch.testing.assert_close(model.eval()(x), theirs.eval()(x.mT).mT)


def test_they_are_saved_and_loaded(tmp_path: Path) -> None:
    model, other = made(), made(seed=1)
    model(torch.randn(2, 3, 4))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    x = torch.randn(2, 3, 4)
    assert torch.equal(other.eval()(x), model.eval()(x))


def test_a_second_module_can_share_them() -> None:
    """As training does: one module learns, the other answers."""
    learner, answerer = made(), made()
    answerer.load_state_dict(learner.state_dict(), assign=True)
    learner(torch.randn(2, 3, 4))
    x = torch.randn(2, 3, 4)
    assert torch.equal(answerer.eval()(x), learner.eval()(x))
    assert int(answerer.get_buffer("layers.0.norm.num_batches_tracked")) == 1


def test_inner_values_are_computed_with_them() -> None:
    model = made()
    model(torch.randn(2, 3, 4))
    x = torch.randn(2, 3, 4)
    seen: list[torch.Tensor] = []
    model.eval().get_submodule("layers.1.norm").register_forward_hook(lambda *call: seen.append(call[-1]))
    model(x)
    captured = model.capture("layers.1.norm", x=x)["layers.1.norm"]
    assert torch.equal(captured, seen[0].view_as(captured))


def test_on_meta_nothing_is_filled() -> None:
    model = compile(graphspec.loads(HEAD + BLOCK), device="meta")
    assert all(tensor.is_meta for tensor in model.buffers())


def test_a_norm_that_nobody_reads_keeps_its_statistics() -> None:
    text = "nodes: {unread: {op: batch_norm, in: x, weight: none, bias: false}, y: x * 2}\noutputs: {y: y}\n"
    assert made(text).state_dict().keys() == {f"unread.{name}" for name in STATISTICS}


MAP = """
checkpoints:
  theirs:
    nodes: {norm: bn1}
"""


@pytest.mark.parametrize("map", [None, "theirs"])
def test_a_checkpoint_brings_them(map: str | None, tmp_path: Path) -> None:
    from compiler.checkpoint import load

    text = f"{HEAD}nodes: {{norm: {{op: batch_norm, in: x}}}}\noutputs: {{y: norm}}\n{MAP}"
    model, x = compile(graphspec.loads(text)), torch.randn(2, 3, 4)
    model(x)
    names = {name: name.replace("norm.", "bn1.") if map else name for name in model.state_dict()}
    save_file({names[name]: tensor for name, tensor in model.state_dict().items()}, tmp_path / "model.safetensors")
    loaded = load(graphspec.loads(text), tmp_path / "model.safetensors", map)
    assert torch.equal(loaded(x), model.eval()(x))
    assert int(loaded.get_buffer("norm.num_batches_tracked")) == 1
