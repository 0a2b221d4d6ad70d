"""What only a GPU can show: its kernels give the numbers of the obvious computation, compiled code too.

Left out where there is none. `make test-all` runs it on a machine that has one.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import compiler
import graphspec
from compiler.runtime import Model, linear_cross_entropy
from compiler.target import KernelName, Target
from graphspec.analysis.memory import training_memory
from graphspec.graph import Graph
from tests import reference

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf"),
]
DEVICE = "cuda"
SIZES = {"B": 2, "T": 300}  # several blocks of FlexAttention, the last one not full
MASKS = (
    "everything",
    "causal",
    "real",
    "causal & real",
    "window(left=70, right=3) & real",
    "chunk(64)",
    "prefix(40) | causal",
    "dilated(3) & causal",
    "documents(ids)",
    "documents(ids) & causal & window(left=90)",
    "~(causal | real)",
)
EXTRAS = ("", "softcap: 5.0", "bias: near", "sink: sink", "softcap: 5.0, sink: sink")
TEXT = """
graphspec: 1
params: {heads: 4, groups: 2, width: 32}
axes: {B: batch, T: position}
inputs:
  q: B T heads width
  k: B T groups width
  v: B T groups width
  real: bool B T
  ids: int B T
  sink: heads
nodes:
  near: {op: alibi, over: T, heads: heads}
  y: {op: attend, query: q, key: k, value: v, mask: "MASK" EXTRA}
outputs: {y: y}
"""


def attention(mask: str, extra: str = "") -> Graph:
    text = TEXT.replace("MASK", mask).replace(" EXTRA", f", {extra}" if extra else "")
    return graphspec.loads(text).graph


def inputs() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    rows, length = SIZES["B"], SIZES["T"]
    made = {
        name: torch.randn(rows, length, count, 32, generator=draw) for name, count in (("q", 4), ("k", 2), ("v", 2))
    }
    made["sink"] = torch.randn(4, generator=draw)
    made["real"] = torch.rand(rows, length, generator=draw) < 0.7
    made["real"][0] = False  # queries that see no key
    made["ids"] = torch.bucketize(torch.arange(length), torch.tensor([3, 130, 131, 257])).expand(rows, length)
    return made


def moved(tensors: Mapping[str, Tensor], device: str, kind: torch.dtype) -> dict[str, Tensor]:
    """Copies elsewhere, in another type; those that are numbers learn."""
    found = {name: it.to(device, kind if it.is_floating_point() else it.dtype) for name, it in tensors.items()}
    return {name: it.detach().requires_grad_() if it.is_floating_point() else it for name, it in found.items()}


def slopes(output: Tensor) -> Tensor:
    return torch.linspace(-1, 1, output.numel(), device=output.device).view(output.shape)


def compare(graph: Graph, target: Target, kind: torch.dtype, close: float, how: str = "off") -> None:
    """Output and gradients on the GPU, beside those of the reference in double precision."""
    model = compiler.compile(graph, target, device=DEVICE, compile=how)  # pyright: ignore[reportArgumentType]
    here, there = moved(inputs(), DEVICE, kind), moved(inputs(), "cpu", torch.float64)
    given = {name: here[name] for name in (source.name for source in graph.body.inputs)}
    made = model(**given)
    wanted = reference.run(graph, {}, there)["y"]
    for output in (made, wanted):
        (output.float() * slopes(output)).sum().backward()
    assert not made.isnan().any()
    pairs = {"y": (made, wanted)} | {name: (here[name].grad, there[name].grad) for name in ("q", "k", "v", "sink")}
    for name, (ours, theirs) in pairs.items():
        if ours is None or theirs is None:
            assert ours is None or not ours.any(), name
            continue
        largest = theirs.abs().max().item()
        torch.testing.assert_close(ours.double().cpu(), theirs.double(), rtol=0, atol=close * largest, msg=name)


@pytest.mark.parametrize("kernel", [None, "sdpa", "flex", "explicit"])
@pytest.mark.parametrize("mask", MASKS)
def test_every_kernel_computes_every_mask(mask: str, kernel: KernelName | None) -> None:
    compare(attention(mask), Target(device="cuda", kernel=kernel), torch.float32, 1e-4)
    compare(attention(mask), Target(device="cuda", kernel=kernel), torch.bfloat16, 2e-2)


@pytest.mark.parametrize("mask", [mask for mask in MASKS if mask.startswith("documents")])
def test_variable_lengths(mask: str) -> None:
    compare(attention(mask), Target(device="cuda", precision="bf16", kernel="varlen"), torch.bfloat16, 2e-2)


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("mask", ["causal", "causal & real", "window(left=70)"])
def test_scores_that_are_changed(mask: str, extra: str) -> None:
    compare(attention(mask, extra), Target(device="cuda"), torch.float32, 1e-4)
    compare(attention(mask, extra), Target(device="cuda"), torch.bfloat16, 2e-2)


@pytest.mark.parametrize("mask", ["causal", "causal & real", "documents(ids) & causal & window(left=90)"])
def test_compiled_kernels(mask: str) -> None:
    compare(attention(mask), Target(device="cuda"), torch.float32, 1e-4, "whole")


# --- whole models, small

MODELS = {
    "llm/gpt2.yaml": {"depth": 2, "d_model": 128, "heads": 2, "vocab": 5000, "longest": 512, "drop": 0},
    "llm/llama.yaml": {"depth": 2, "d_model": 128, "heads": 4, "kv_heads": 2, "d_ff": 256, "vocab": 5000},
    "llm/mistral.yaml": {
        "depth": 2,
        "d_model": 128,
        "heads": 4,
        "kv_heads": 2,
        "d_ff": 256,
        "vocab": 5000,
        "window": 64,
    },
    "llm/gemma2.yaml": {
        "depth": 2,
        "d_model": 128,
        "heads": 4,
        "kv_heads": 2,
        "d_ff": 256,
        "vocab": 5000,
        "window": 64,
    },
}


def language_model(name: str, how: str, **target: str) -> Model:
    spec = graphspec.load(f"specs/{name}", **MODELS[name])
    goal = Target(device="cuda", objective="next_token", fusion="fused", returns="loss", **target)  # pyright: ignore
    return compiler.compile(spec, goal, device=DEVICE, compile=how)  # pyright: ignore[reportArgumentType]


def gradients(model: Model, tokens: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    with torch.autocast(DEVICE, torch.bfloat16, enabled="bf16" in model.source.split('"""')[1]):
        loss = model(tokens)
    loss.backward()
    return {"loss": loss.detach()} | {name: it.grad for name, it in model.named_parameters() if it.grad is not None}


@pytest.mark.parametrize("how", ["blocks", "whole"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", MODELS)
def test_a_compiled_model_learns_alike_in_few_graphs(name: str, precision: str, how: str) -> None:
    """Whole, without a break, and with one more graph at most once lengths change."""
    eager, made = (language_model(name, it, precision=precision) for it in ("off", how))
    close = 1e-3 if precision == "fp32" else 5e-2
    for length in (300, 257, 300, 130):
        tokens = torch.randint(5000, (2, length), device=DEVICE, generator=torch.Generator(DEVICE).manual_seed(length))
        wanted, found = gradients(eager, tokens), gradients(made, tokens)
        for name_, theirs in wanted.items():
            largest = theirs.abs().max().item()
            torch.testing.assert_close(found[name_], theirs, rtol=0, atol=close * largest, msg=name_)
    assert made.compilation is not None and made.compilation.graphs <= 2 * made.compilation.distinct


def test_another_number_of_documents_makes_no_third_graph() -> None:
    spec = graphspec.load("docs/benchmarks/packed.yaml", depth=2, d_model=64, heads=2, d_ff=64, vocab=50)
    goal = Target("cuda", "bf16", "next_token(logits, tokens)", returns="loss", kernel="varlen")
    model = compiler.compile(spec, goal, device=DEVICE, compile="whole")
    tokens = torch.arange(48, device=DEVICE).view(1, 48)
    for ends in ([3], [3, 5, 8], [1, 2, 3, 4, 10]):
        document = torch.bucketize(torch.arange(48), torch.tensor(ends))[None].to(DEVICE)
        with torch.autocast(DEVICE, torch.bfloat16):
            loss = model(tokens=tokens, document=document)
        loss.backward()
        assert loss.isfinite()
    assert model.compilation is not None and model.compilation.graphs <= 2


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_fused_loss(kind: torch.dtype, smoothing: float) -> None:
    draw = torch.Generator().manual_seed(0)
    x, weight = torch.randn(600, 64, generator=draw), torch.randn(40_000, 64, generator=draw)
    labels = torch.randint(40_000, (600,), generator=draw)
    labels[:50] = -100
    found: list[list[Tensor]] = []
    for fused in (True, False):
        a, w = (it.to(DEVICE, kind).requires_grad_() for it in (x, weight))
        where = labels.to(DEVICE)
        if fused:
            loss = linear_cross_entropy(a, where, w, label_smoothing=smoothing)
        else:
            loss = F.cross_entropy(F.linear(a.float(), w.float()), where, label_smoothing=smoothing)
        loss.backward()
        assert a.grad is not None and w.grad is not None
        found.append([loss.detach().float(), a.grad.float(), w.grad.float()])
    for ours, theirs in zip(*found, strict=True):
        largest = theirs.abs().max().item()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=(1e-4 if kind == torch.float32 else 5e-2) * largest)


def test_memory_is_as_foretold() -> None:
    """Within 15 % of torch's own count, parameters and AdamW included."""
    spec = graphspec.load("specs/llm/gpt2.yaml", depth=4, d_model=512, heads=8, vocab=256, longest=512, drop=0)
    model = compiler.compile(spec, Target(device="cuda", objective="next_token"), device=DEVICE)
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)
    tokens = torch.randint(256, (8, 512), device=DEVICE)
    for _ in range(3):
        torch.cuda.reset_peak_memory_stats()
        model(tokens).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    foretold = training_memory(spec.graph, {"B": 8, "T": 512}, "fp32", "cuda").peak
    assert torch.cuda.max_memory_allocated() == pytest.approx(foretold, rel=0.15)
