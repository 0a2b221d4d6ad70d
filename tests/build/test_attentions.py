"""Compiled on a CPU, attention is computed by our kernel: the same numbers, where it fits and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx

import compiler
import graphspec
from compiler.build.attentions import INSTEAD, attend_in_blocks
from compiler.runtime import cpu_attention
from compiler.target import Target
from tests.build.graphs import backend

pytestmark = pytest.mark.skipif(not cpu_attention.is_there(), reason="another kind of machine")


def results(attend: Any, parts: list[Tensor]) -> list[Tensor]:
    query, key, value, *more = (it.detach().requires_grad_(it.is_floating_point()) for it in parts)
    out = attend(query, key, value, *more)
    return [out, *torch.autograd.grad(out.square().sum(), (query, key, value))]


def parts(width: int = 16, kind: torch.dtype = torch.float32, length: int = 70) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(2, length, heads, width, dtype=kind).transpose(1, 2) for heads in (4, 2, 2)]


def rewritten(attend: Any, given: list[Tensor]) -> tuple[list[Tensor], int, int]:
    """The results of what was rewritten, and how many attentions are ours and torch's."""
    found: list[fx.Graph] = []
    torch.compiler.reset()
    made = results(torch.compile(attend, backend=backend(attend_in_blocks, found), fullgraph=True), given)
    targets = [node.target for graph in found for node in graph.nodes]
    return made, sum(it in INSTEAD.values() for it in targets), sum(it in INSTEAD for it in targets)


def attention(query: Tensor, key: Tensor, value: Tensor, *mask: Tensor, **wanted: Any) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, *mask, enable_gqa=True, **wanted)


MASK = torch.ones(70, 70, dtype=torch.bool).tril(3).triu(-20)


@pytest.mark.parametrize(
    "attend, more",
    [
        (attention, []),
        (lambda *given: attention(*given, is_causal=True), []),
        (lambda *given: attention(*given, scale=0.5), []),
        (attention, [MASK]),
    ],
    ids=["full", "causal", "scaled", "masked"],
)
def test_attention_is_ours_forward_and_backward(attend: Any, more: list[Tensor]) -> None:
    given = [*parts(), *more]
    made, own, left = rewritten(attend, given)
    assert (own, left) == (2, 0)
    for one, other in zip(made, results(attend, given), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "width, kind, length",
    [(8, torch.float32, 70), (16, torch.float64, 70), (16, torch.bfloat16, 70), (16, torch.float32, 20)],
)
def test_what_does_not_fit_stays_torchs(width: int, kind: torch.dtype, length: int) -> None:
    _, own, left = rewritten(attention, parts(width, kind, length))
    assert (own, left) == (0, 2)


def test_so_it_does_on_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_attention, "is_there", lambda: False)
    _, own, left = rewritten(attention, parts())
    assert (own, left) == (0, 2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's own, while tracing
@pytest.mark.parametrize("how", ["blocks", "whole"])
def test_a_compiled_model_learns_alike(how: str) -> None:
    """Of several lengths, with padding, and with documents in a window: nothing is compiled for each length."""
    spec = graphspec.load(
        "specs/llm/mistral.yaml", depth=2, d_model=64, heads=4, kv_heads=2, d_ff=64, vocab=50, window=40
    )
    target = Target(device="cpu", objective="next_token", fusion="fused", returns="loss")
    eager, compiled = compiler.compile(spec, target), compiler.compile(spec, target, compile=how)
    compiled.load_state_dict(eager.state_dict())
    for length in (64, 100, 130, 180):
        tokens = torch.randint(50, (2, length))
        found: list[dict[str, Tensor]] = []
        for model in (eager, compiled):
            model.zero_grad()
            model(tokens).backward()
            found.append({name: it.grad.clone() for name, it in model.named_parameters() if it.grad is not None})
        for name, gradient in found[0].items():
            torch.testing.assert_close(found[1][name], gradient, rtol=1e-3, atol=1e-5, msg=name)
    assert compiled.compilation is not None and compiled.compilation.graphs <= 2 * compiled.compilation.distinct
