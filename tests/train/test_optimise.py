"""Learning rates, decay, and the optimiser's state under the spec's names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from compiler.train import optimise
from compiler.train.recipe import Optimiser, Schedule
from graphspec.diagnostics import Report
from tests.train import tiny


def rates(then: str, warmup: int = 4, steps: int = 12) -> list[float]:
    schedule = Schedule(warmup=warmup, then=then)  # pyright: ignore[reportArgumentType]
    return [optimise.rate(step, steps, 1.0, schedule) for step in range(steps)]


@pytest.mark.parametrize("then", ["cosine", "linear", "constant", "inverse_sqrt"])
def test_the_rate_rises_to_its_peak_and_never_again(then: str) -> None:
    found = rates(then)
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found[4:] == sorted(found[4:], reverse=True)
    assert min(found) > 0


def test_how_it_falls() -> None:
    assert rates("cosine")[8] == pytest.approx(0.5)
    assert rates("linear")[6] == pytest.approx(0.75)
    assert rates("inverse_sqrt", steps=20)[16] == pytest.approx(0.5)
    assert rates("constant")[-1] == 1
    assert rates("linear", warmup=0)[0] == 1


def test_only_matrices_decay() -> None:
    groups = optimise.adamw(nn.Linear(2, 3), Optimiser(weight_decay=0.1)).param_groups
    assert [(group["weight_decay"], [it.ndim for it in group["params"]]) for group in groups] == [
        (0.1, [2]),
        (0.0, [1]),
    ]


def test_the_state_is_named_after_the_model_and_comes_back() -> None:
    model = nn.Linear(2, 3)
    optimiser = optimise.adamw(model, Optimiser())
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    saved = optimise.state(model, optimiser)
    assert set(saved) == {f"{kind}.{name}" for kind in ("step", "exp_avg", "exp_avg_sq") for name in ("weight", "bias")}
    other = optimise.adamw(model, Optimiser())
    optimise.restore(model, other, saved)
    assert all(torch.equal(tensor, saved[name]) for name, tensor in optimise.state(model, other).items())


def test_chance_follows_from_seed_and_step() -> None:
    def drawn(seed: int, step: int) -> list[float]:
        optimise.sow(seed, step)
        return torch.rand(4).tolist()

    assert drawn(1, 2) == drawn(1, 2)
    assert drawn(1, 2) != drawn(1, 3)
    assert drawn(1, 2) != drawn(2, 2)


@pytest.mark.parametrize(
    ("quick", "compiled", "said"),
    [
        (torch.float32, "off", ["slow-precision"]),
        (torch.float32, "blocks", []),
        (torch.bfloat16, "off", []),
    ],
)
def test_bf16_that_is_slow_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: torch.dtype, compiled: str, said: list[str]
) -> None:
    monkeypatch.setattr(optimise, "multiplied_in", lambda kind, device: quick)
    report = Report()
    recipe = tiny.recipe(tmp_path, tiny.upper(tmp_path), precision="bf16", compile=compiled, device="cpu")
    assert optimise.device_of(recipe, report) == torch.device("cpu")
    assert [it.code for it in report.diagnostics] == said and not report.failed
