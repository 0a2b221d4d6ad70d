"""What is compiled computes what the graph means: outputs and gradients, against the obvious computation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import compiler
import graphspec
from compiler.target import KernelName, Target
from graphspec.graph import Graph
from tests import reference, strategies
from tests.lower.cases import CASES, spec

CPU, CUDA, EXPLICIT = Target(device="cpu"), Target(device="cuda"), Target(device="cpu", kernel="explicit")
SIZES = {"B": 2, "T": 5, "S": 3, "H": 4, "W": 4}


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(autouse=True)
def narrow_heads_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """FlexAttention wants wider heads than these; here its functions are asked pair by pair."""
    monkeypatch.setattr("compiler.passes.kernels.NARROWEST", 1)


def random_inputs(graph: Graph, seed: int = 0, *, optional: bool = True) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = {**graph.sizes, **SIZES}
    found: dict[str, Tensor] = {}
    for source in graph.body.inputs:
        shape = [size.value(sizes) or 0 for size in source.type.sizes]
        if source.default is not None and not optional:
            continue
        match source.type.dtype:
            case "float":
                found[source.name] = torch.randn(shape, generator=generator)
            case "int":
                found[source.name] = torch.randint(0, 11, shape, generator=generator)
            case "bool":
                found[source.name] = torch.rand(shape, generator=generator) < 0.6
    return found


def compare(graph: Graph, inputs: Mapping[str, Tensor], target: Target = CPU) -> None:
    """Equal outputs, and equal gradients of every parameter and input."""
    model = compiler.compile(graph, target, device="cpu").double().eval()
    with torch.no_grad():
        for at, tensor in enumerate(model.parameters()):
            tensor.copy_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(at)) * 0.3)
        for at, tensor in enumerate(model.buffers()):
            tensor.copy_(torch.rand(tensor.shape, generator=torch.Generator().manual_seed(at)) + 0.5)
    leaves = {name: t.clone().requires_grad_() for name, t in inputs.items() if t.is_floating_point()}
    again = {name: t.clone().requires_grad_() for name, t in inputs.items() if t.is_floating_point()}
    weights = {name: t.detach().clone().requires_grad_() for name, t in model.named_parameters()}
    made = model(**{**inputs, **leaves})
    wanted = reference.run(graph, {**dict(model.named_buffers()), **weights}, {**inputs, **again})
    outputs = [made] if isinstance(made, Tensor) else list(made)
    for output, (name, expected) in zip(outputs, wanted.items(), strict=True):
        assert output.dtype == expected.dtype, name
        torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)
    if not outputs[0].requires_grad:
        return
    for results in (outputs, list(wanted.values())):
        total = sum((r * torch.linspace(-1, 1, r.numel()).view(r.shape)).sum() for r in results if r.requires_grad)
        total.backward()
    ours = {**dict(model.named_parameters()), **leaves}
    for name, theirs in {**weights, **again}.items():
        gradient = ours[name].grad
        expected = torch.zeros_like(theirs) if theirs.grad is None else theirs.grad
        torch.testing.assert_close(
            torch.zeros_like(theirs) if gradient is None else gradient, expected, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("title", CASES)
def test_case(title: str) -> None:
    graph = graphspec.loads(spec(CASES[title])).graph
    compare(graph, random_inputs(graph))
    if any(source.default is not None for source in graph.body.inputs):
        compare(graph, random_inputs(graph, optional=False))


ATTENDING = [title for title, body in CASES.items() if "attend" in body or "std.attention" in body]


@pytest.mark.parametrize("target", [CUDA, EXPLICIT], ids=["cuda", "explicit"])
@pytest.mark.parametrize("title", ATTENDING)
def test_attention_by_other_kernels(title: str, target: Target) -> None:
    graph = graphspec.loads(spec(CASES[title])).graph
    compare(graph, random_inputs(graph), target)
    if any(source.default is not None for source in graph.body.inputs):
        compare(graph, random_inputs(graph, optional=False), target)


MASKS = """
inputs: {q: B T heads e, k: B T kv e, v: B T kv d, real: bool B T, ids: int B T, pairs: bool B T T'}
nodes: {out: {op: attend, query: q, key: k, value: v, mask: "MASK"}}
"""
ALGEBRA = (
    "everything",
    "causal",
    "real",
    "causal & real",
    "window(left=win)",
    "window(left=1, right=2) & real",
    "chunk(win)",
    "prefix(win) | causal",
    "dilated(win) & causal",
    "documents(ids) & causal & real",
    "graph(pairs) & ~documents(ids)",
    "~(causal | real)",
)


@pytest.mark.parametrize("kernel", ["sdpa", "flex", "explicit"])
@pytest.mark.parametrize("mask", ALGEBRA)
def test_every_kernel_computes_every_mask(mask: str, kernel: KernelName) -> None:
    """Forward and backward; the first row sees nothing through `real`, so that queries without keys are among them."""
    graph = graphspec.loads(spec(MASKS.replace("MASK", mask))).graph
    inputs = random_inputs(graph)
    inputs["real"][0] = False
    compare(graph, inputs, Target(device="cuda", kernel=kernel))


@pytest.mark.parametrize(
    "mask", ["documents(ids)", "documents(ids) & causal", "documents(ids) & causal & window(left=win)"]
)
def test_documents_by_where_they_begin(mask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.passes.kernels.STEP", 1)
    graph = graphspec.loads(spec(MASKS.replace("MASK", mask).replace("B T kv d", "B T kv e"))).graph
    inputs = random_inputs(graph) | {"ids": torch.tensor([[4, 4, 0, 0, 0], [2, 2, 2, 2, 3]])}
    compare(graph, inputs, Target(device="cuda", precision="bf16", kernel="varlen"))


def test_a_prefix_of_its_own_length_in_each_row() -> None:
    nodes = "nodes: {out: {block: std.attention, in: x, heads: heads, mask: prefix(first) | causal & ~prefix(2)}}"
    graph = graphspec.loads(spec(f"inputs: {{x: B T d, first: int B}}\n{nodes}\n")).graph
    compare(graph, random_inputs(graph) | {"first": torch.tensor([0, 3])})


@settings(max_examples=30)
@given(strategies.specs(), st.integers(0, 99), st.booleans(), st.sampled_from((CPU, CUDA, EXPLICIT)))
def test_random_spec(random: strategies.RandomSpec, seed: int, optional: bool, target: Target) -> None:
    """Also as it would be for CUDA: what is emitted for it runs on the CPU too."""
    graph = graphspec.loads(random.text).graph
    compare(graph, random_inputs(graph, seed, optional=optional), target)
