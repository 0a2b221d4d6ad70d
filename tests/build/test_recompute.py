"""Turns that the backward pass computes again: the same numbers, less memory, readable source, a budget that is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import graphspec
from compiler.bench.memory import peak_of
from compiler.build import compile
from compiler.emit import emit
from compiler.runtime import Model
from compiler.target import Target
from graphspec.analysis.memory import recompute, training_memory
from graphspec.diagnostics import Report, SpecError
from tests.build.test_compile import transformer
from tests.emit.test_source import PATTERN

ROOT = Path(__file__).parents[2]
GOAL = "next_token(logits, target)"
AT = "(B=2, S=7, T=5)"
SHARED = """graphspec: 1
name: shared
params: {d: 8}
axes: {B: batch}
inputs: {x: B d}
nodes: {y: {block: std.ffn, in: x, hidden: 32, repeat: 5, share: true}}
outputs: {y: y}
"""


def batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    source, target = (torch.randint(0, 50, (2, length), generator=generator) for length in (7, 5))
    return {"source": source, "target": target}


def learned(model: Model, **inputs: Any) -> dict[str, Tensor]:
    """The gradients of a step with dropout, drawn from the same seed."""
    torch.manual_seed(1)
    found = model(**inputs)
    (found[-1] if isinstance(found, tuple) else found).sum().backward()
    return {name: it.grad for name, it in model.named_parameters() if it.grad is not None}


@pytest.mark.parametrize("turns", [1, 3, 4])
def test_gradients_are_the_same_with_what_is_dropped(turns: int) -> None:
    graph, target = transformer().graph, Target(objective=GOAL)
    plain, again = compile(graph, target), compile(recompute(graph, turns), target)
    assert again.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(learned(again, **batch()), learned(plain, **batch()), rtol=0, atol=0)


def test_it_works_without_gradients_and_in_evaluation() -> None:
    graph, target = transformer().graph, Target(objective=GOAL)
    plain, again = compile(graph, target).eval(), compile(recompute(graph, 4), target).eval()
    with torch.no_grad():
        torch.testing.assert_close(again(**batch()), plain(**batch()), rtol=0, atol=0)
    wanted = plain.capture("decoder.1.norm3", **batch())
    torch.testing.assert_close(again.capture("decoder.1.norm3", **batch()), wanted)


@pytest.mark.parametrize("turns", [2, 5])
def test_a_block_that_is_shared(turns: int) -> None:
    graph = graphspec.loads(SHARED).graph
    plain, again = compile(graph), compile(recompute(graph, turns))
    x = torch.randn(3, 8)
    torch.testing.assert_close(learned(again, x=x), learned(plain, x=x), rtol=0, atol=0)
    assert again.source.count("checkpoint(self.y, y)") == 1


def test_blocks_that_take_turns_and_give_more_than_one_value() -> None:
    graph = graphspec.loads(PATTERN, depth=4).graph
    given = {"tokens": torch.arange(12).view(2, 6), "document": torch.tensor([[0, 0, 1, 1, 1, 2]] * 2)}
    results: list[dict[str, Tensor]] = []
    for made in (compile(graph), compile(recompute(graph, 3))):
        torch.manual_seed(0)
        made(**given).out.sum().backward()
        results.append({name: it.grad for name, it in made.named_parameters() if it.grad is not None})
    torch.testing.assert_close(*results, rtol=0, atol=0)


def test_the_source_says_it() -> None:
    target = Target(device="cpu", objective=GOAL)
    text = emit(recompute(transformer().graph, 3), target)
    assert "encoder = checkpoint(layer, encoder, source_real_mask)  # B S d_model" in text
    assert "for layer in self.decoder[:1]:" in text and "for layer in self.decoder[1:]:" in text
    assert "decoder = checkpoint(layer, decoder, memory=encoder, source_real_mask=source_real_mask)" in text
    assert "from compiler.runtime import Model, checkpoint" in text


def test_a_budget_is_kept_with_the_fewest_turns() -> None:
    graph = transformer(layers=4).graph
    sizes = {"B": 2, "S": 7, "T": 5}
    whole = compile(graph, Target(objective=GOAL))
    full = training_memory(graph, sizes).peak
    budget = (full + training_memory(recompute(graph, 8), sizes).peak) // 2
    fitted = compile(graph, Target(objective=GOAL, memory=f"{budget}B", at=AT))
    assert "checkpoint(" in fitted.source and "for layer in self." in fitted.source
    assert f"memory={budget}B" in fitted.source.replace("\n", "")

    def peak(model: Model) -> int:
        def step() -> None:
            model(**batch()).loss.backward()

        step()  # gradients are there from here on
        return peak_of(step, model.parameters())

    assert peak(fitted) < peak(whole)
    enough = compile(graph, Target(objective=GOAL, memory=f"{full}B", at=AT))
    assert "checkpoint" not in enough.source


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's own, while tracing
@pytest.mark.parametrize("how", ["blocks", "whole"])
def test_it_goes_with_torch_compile(how: Any) -> None:
    graph, target = recompute(transformer(drop=0, layers=1).graph, 2), Target(objective=GOAL)
    plain, again = compile(graph, target), compile(graph, target, compile=how, backend="aot_eager")
    torch.testing.assert_close(learned(again, **batch()), learned(plain, **batch()))
    assert again.compilation is not None and again.compilation.graphs >= 1


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("memory=1kB,at=(B=2, S=7, T=5)", "over-budget", "with all 4 turns of its repeats recomputed, more than 1kB"),
        ("memory=1GB", "missing-size", "`B`, `S`, `T`"),
        ("memory=1GB,at=(B=2)", "missing-size", "`S`, `T`"),
        ("memory=1GB,at=(B=2, S=7, T=5, U=1)", "unknown-target", "`U`"),
        ("memory=16", "unknown-target", "`memory` cannot be `16`"),
        ("memory=16gb", "unknown-target", "known units"),
        ("at=B", "unknown-target", "write `at=(B=8, T=1024)`"),
    ],
)
def test_a_budget_that_makes_no_sense(target: str, code: str, said: str) -> None:
    with pytest.raises(SpecError, match=code) as caught:
        report = Report()
        parsed = Target.parse(f"{target},objective={GOAL}", report)
        report.check()
        compile(transformer(), parsed)
    assert said in str(caught.value) and caught.value.diagnostics[0].help


def test_a_target_says_its_budget() -> None:
    text = "device=cpu,precision=fp32,fusion=plain,memory=16GB,at=(B=8, T=1024)"
    report = Report()
    assert str(Target.parse(text, report)) == text and not report.diagnostics
    assert Target(memory="1.5GiB", at="B=8,T=2").sizes == {"B": 8, "T": 2}
    with pytest.raises(SpecError, match="cannot be `lots`"):
        Target(memory="lots")


def test_a_recipe_has_a_budget(tmp_path: Path) -> None:
    from tests.train import tiny

    data = tiny.upper(tmp_path)
    result, _ = tiny.trained(tiny.recipe(tmp_path, data, memory="2.5MB", set__layers="3", batch__longest="20"))
    assert result.finished and "checkpoint(layer" in (result.folder / "model.py").read_text()
    with pytest.raises(SpecError, match="over-budget"):
        tiny.trained(tiny.recipe(tmp_path, data, memory="1kB", run=str(tmp_path / "other")))
