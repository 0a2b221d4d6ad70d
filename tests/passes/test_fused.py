"""What is computed together for speed: the same function, the same names, the same start, the same gradients."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import graphspec
from compiler.build import compile
from compiler.emit import emit, emit_source
from compiler.passes import run
from compiler.passes.add_objective import add_objective
from compiler.passes.drop_unread import drop_unread
from compiler.passes.fuse_loss import fuse_loss
from compiler.passes.merge_linears import merge_linears
from compiler.runtime import Model
from compiler.target import Objective, Target
from compiler.train import optimise
from compiler.train.recipe import Optimiser
from tests.lower.cases import CASES, spec
from tests.lower.test_against_reference import random_inputs
from tests.passes.show import show

SPECS = Path(__file__).parents[2] / "specs"
MERGED = Target(device="cpu", precision="bf16", fusion="fused")
NEXT = Objective("next_token", "logits", ignore=0, smoothing=0.1)


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fuse the loss of small models too."""
    monkeypatch.setattr(sys.modules[fuse_loss.__module__], "MANY", 1)


# --- before and after

LINEARS = """
inputs: {x: B T d, y: B T d}
nodes:
  q: {op: linear, in: x, dim: d}
  k: {op: linear, in: x, dim: e, bias: false}
  other: {op: linear, in: y, dim: d}
  tied: {op: linear, in: x, share: q}
  unread: {op: linear, in: x, dim: e}
  out: q + mean(k, e) + other + tied
"""


def test_linears_of_one_tensor() -> None:
    graph = graphspec.loads(spec(LINEARS)).graph
    wanted = """
case(x, y):
  q~ .k = merged_linear(x=x)
  q = linear(x=x)
  k = linear(x=x)
  other = linear(x=y)
  tied = linear(x=x)
  unread = linear(x=x)
  out~1 = reduce[mean](x=q~.k)
  out~2 = pointwise[add](a=q~.q, b=out~1)
  out~3 = pointwise[add](a=out~2, b=other)
  out = pointwise[add](a=out~3, b=tied)
  -> out=out
"""
    assert show(run(graph, MERGED, (merge_linears,))).strip() == wanted.strip()
    for plain in (Target(device="cpu", precision="bf16"), Target(device="cpu", fusion="fused")):
        assert run(graph, plain, (merge_linears,)) == graph


LANGUAGE_MODEL = """graphspec: 1
name: lm
params: {d: 8, vocab: 11}
axes: {B: batch, T: position}
inputs: {tokens: int B T}
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  logits: {op: linear, in: embedding, dim: vocab}
outputs: {logits: logits}
"""
TIED = LANGUAGE_MODEL.replace("dim: vocab}", "share: embedding, bias: false}")
LOSS = Target(device="cpu", fusion="fused", objective=NEXT, returns="loss")
PASSES = (add_objective, drop_unread, fuse_loss)


@pytest.mark.usefixtures("few_are_many")
def test_projection_and_loss() -> None:
    owner = """
lm(tokens):
  embedding = embedding(ids=tokens)
  logits = linear(x=embedding)
  following~ = slice(x=tokens)
  predicted~2 = slice(x=embedding)
  loss = linear_cross_entropy(x=predicted~2, labels=following~)
  -> loss=loss
"""
    assert show(run(graphspec.loads(LANGUAGE_MODEL).graph, LOSS, PASSES)).strip() == owner.strip()
    without = owner.replace("  logits = linear(x=embedding)\n", "")
    assert show(run(graphspec.loads(TIED).graph, LOSS, PASSES)).strip() == without.strip()


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize(
    "change",
    [
        {"fusion": "plain"},
        {"returns": None},
    ],
    ids=["plain", "the logits are an output"],
)
def test_a_loss_that_is_not_fused(change: dict[str, str | None]) -> None:
    target = Target(**{"device": "cpu", "fusion": "fused", "objective": NEXT, "returns": "loss", **change})  # pyright: ignore
    assert "linear_cross_entropy" not in show(run(graphspec.loads(LANGUAGE_MODEL).graph, target, PASSES))


def test_few_classes_are_not_worth_it() -> None:
    assert "linear_cross_entropy" not in emit(graphspec.loads(LANGUAGE_MODEL).graph, LOSS)
    assert "linear_cross_entropy" in emit(graphspec.loads(LANGUAGE_MODEL, vocab=4096).graph, LOSS)


# --- both forms run


def twins(graph: graphspec.Spec, fused: Target) -> tuple[Model, Model]:
    """The plain form and the fused one."""
    plain = Target(device=fused.device, precision=fused.precision, objective=fused.objective, returns=fused.returns)
    return compile(graph, plain), compile(graph, fused)


def gradients(model: Model, inputs: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    out = model(**inputs)
    first = out if isinstance(out, Tensor) else out[0]
    (first.double() * torch.linspace(-1, 1, first.numel()).view(first.shape)).sum().backward()
    return first, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def assert_same(plain: Model, fused: Model, inputs: dict[str, Tensor]) -> None:
    one, ours = gradients(plain, inputs)
    other, theirs = gradients(fused, inputs)
    torch.testing.assert_close(one, other)
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, theirs[name], msg=lambda text, name=name: f"{name}: {text}")


@pytest.fixture
def odd_sizes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Group experts of any width; the runtime goes through them one by one then."""
    monkeypatch.setattr("compiler.emit.grouped.ALIGNED", 1)


MIXTURES = ("experts of positions", "experts of rows, and of all places")


@pytest.mark.usefixtures("odd_sizes_too")
@pytest.mark.parametrize("title", MIXTURES)
def test_grouped_experts_are_the_same_function(title: str) -> None:
    made = graphspec.loads(spec(CASES[title]))
    plain, fused = (model.double() for model in twins(made, MERGED))
    assert "Chosen(" in fused.source and "Chosen(" not in plain.source
    assert list(fused.state_dict()) == list(plain.state_dict())
    inputs = {name: t.double() if t.is_floating_point() else t for name, t in random_inputs(made.graph).items()}
    assert_same(plain, fused, inputs)


def test_the_source_says_why_experts_are_not_grouped() -> None:
    graph = graphspec.loads(spec(CASES[MIXTURES[0]])).graph
    said = {kernel.node: (kernel.kernel, kernel.why) for kernel in emit_source(graph, MERGED).kernels}
    assert said["a"] == ("an expert at a time", "`gate` has features that are no multiple of 8")
    assert said["b"][1] == "`norm` is neither a linear nor a function of single numbers"
    assert "the plain form" in emit(graph, Target(device="cpu"))
    assert "does not pay in fp32" in emit(graph, Target(device="cpu", fusion="fused"))


MERGED_CASES = (
    "attention",
    "grouped attention",
    "cross attention",
    "masks that take turns",
)


@pytest.mark.parametrize("title", MERGED_CASES)
def test_merged_linears_are_the_same_function(title: str) -> None:
    made = graphspec.loads(spec(CASES[title]))
    plain, fused = (model.double() for model in twins(made, MERGED))
    assert "merged_linear(" in fused.source and "merged_linear(" not in plain.source
    inputs = {name: t.double() if t.is_floating_point() else t for name, t in random_inputs(made.graph).items()}
    assert_same(plain, fused, inputs)


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("text", [LANGUAGE_MODEL, TIED])
@pytest.mark.parametrize("piece", [1, 33, 1 << 24])
def test_a_fused_loss_is_the_same_function(text: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the logits come in pieces, down to one row each."""
    monkeypatch.setattr("compiler.runtime.linear_loss.PIECE", piece)
    plain, fused = twins(graphspec.loads(text), LOSS)
    assert "linear_cross_entropy" in fused.source
    tokens = torch.tensor([[3, 0, 5, 0, 0], [1, 2, 3, 4, 5]])
    assert_same(plain, fused, {"tokens": tokens})
    with torch.no_grad():
        torch.testing.assert_close(fused(tokens), plain(tokens))


# --- nobody sees a difference


@pytest.fixture(scope="module")
def llamas() -> tuple[Model, Model]:
    small = {"depth": 2, "d_model": 32, "heads": 4, "kv_heads": 2, "d_ff": 48, "vocab": 50}
    return twins(graphspec.load(SPECS / "llm/llama.yaml", **small), MERGED)


def test_names_and_start_are_those_of_the_plain_form(llamas: tuple[Model, Model]) -> None:
    plain, fused = llamas
    assert "merged_linear" in fused.source
    assert list(fused.state_dict()) == list(plain.state_dict())
    assert [name for name, _ in fused.named_parameters()] == [name for name, _ in plain.named_parameters()]
    assert all(torch.equal(fused.state_dict()[name], tensor) for name, tensor in plain.state_dict().items())
    twin = copy.deepcopy(fused)
    twin.load_state_dict(plain.state_dict(), assign=True)
    assert torch.equal(twin.get_parameter("layers.1.ffn.up.weight"), plain.get_parameter("layers.1.ffn.up.weight"))


def test_what_was_merged_can_be_captured(llamas: tuple[Model, Model]) -> None:
    plain, fused = llamas
    tokens = torch.arange(10).view(2, 5)
    wanted = ("layers.1.attention.k", "layers.0.ffn.gate")
    one, other = plain.capture(*wanted, tokens=tokens), fused.capture(*wanted, tokens=tokens)
    for name in wanted:
        torch.testing.assert_close(one[name], other[name])


def test_a_model_that_gives_its_loss_alone_can_be_asked_for_more() -> None:
    model = compile(graphspec.loads(LANGUAGE_MODEL, vocab=4096), LOSS)
    tokens = torch.arange(10).view(2, 5)
    assert model.capture("logits", tokens=tokens)["logits"].shape == (2, 5, 4096)


def test_weights_can_be_asked_for_whatever_the_kernel() -> None:
    small = {"depth": 1, "d_model": 32, "heads": 4, "kv_heads": 2, "d_ff": 48, "vocab": 50}
    model = compile(graphspec.load(SPECS / "llm/llama.yaml", **small), Target(device="cpu", kernel="sdpa"))
    name = "layers.0.attention.weights"
    assert model.capture(name, tokens=torch.arange(10).view(2, 5))[name].shape == (2, 4, 5, 5)


def learn(model: Model, optimiser: torch.optim.Optimizer) -> None:
    model(torch.arange(10).view(2, 5)).logsumexp(-1).sum().backward()
    optimiser.step()
    optimiser.zero_grad()


def test_the_optimiser_remembers_by_the_names_of_the_spec(llamas: tuple[Model, Model]) -> None:
    """A run of one form goes on in the other."""
    found: list[dict[str, Tensor]] = []
    for one, other in (llamas, llamas[::-1]):
        first, second = copy.deepcopy(one), copy.deepcopy(other)
        optimisers = [optimise.adamw(model, Optimiser(lr=1e-2)) for model in (first, second)]
        learn(first, optimisers[0])
        saved = optimise.state(first, optimisers[0])
        assert "exp_avg.layers.1.attention.q.weight" in saved
        second.load_state_dict(first.state_dict())
        optimise.restore(second, optimisers[1], saved)
        learn(second, optimisers[1])
        found.append(second.state_dict())
    for name, tensor in found[0].items():
        torch.testing.assert_close(tensor, found[1][name], rtol=1e-3, atol=1e-4)


def test_the_compiler_of_torch_takes_it_whole(few_are_many: None) -> None:
    made = compile(graphspec.loads(LANGUAGE_MODEL), LOSS)
    whole = torch.compile(made, fullgraph=True, backend="aot_eager")
    tokens = torch.tensor([[3, 0, 5, 0, 0], [1, 2, 3, 4, 5]])
    torch.testing.assert_close(whole(tokens), made(tokens))
    whole(tokens).backward()
    assert all(p.grad is not None for p in made.parameters())


def test_a_loss_alone_takes_an_objective() -> None:
    with pytest.raises(graphspec.SpecError, match="no loss to return without an objective"):
        emit_source(graphspec.loads(LANGUAGE_MODEL).graph, Target(device="cpu", returns="loss"))
