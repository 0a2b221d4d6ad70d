"""The loss of a run as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def draw(metrics: Path, out: Path) -> None:
    """Draw what metrics.jsonl tells: the loss of every step, its running mean, and the measurements."""
    from matplotlib.figure import Figure

    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    losses = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    if losses:
        steps, values = np.array(losses).T
        axes.plot(steps, values, color="#9db7d5", linewidth=0.8, label="loss")
        axes.plot(steps, _running_mean(values), color="#1f5fa8", linewidth=1.8, label="running mean")
    axes.set(xlabel="step", ylabel="loss (nats per token)", ylim=(0, None))
    axes.grid(alpha=0.25)
    _draw_measurements(axes, lines)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)


def _draw_measurements(axes: Any, lines: Iterable[Mapping[str, Any]]) -> None:
    found = [(line["step"], line["metric"], line["value"]) for line in lines if line.get("on") == "validation"]
    if not found:
        return
    metric = found[0][1].replace("_", " ")
    right = axes.twinx()
    right.plot([it[0] for it in found], [it[2] for it in found], "o-", color="#c2622d", markersize=4, label=metric)
    right.set_ylabel(metric)
    right.set_ylim(0, 1.02 if metric != "perplexity" else None)


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Exponential, over about a fiftieth of the run, without the bias of its start."""
    keep = 1 - 1 / max(1.0, len(values) / 50)
    mean, weight, found = 0.0, 0.0, np.empty(len(values))
    for place, value in enumerate(values):
        mean, weight = keep * mean + (1 - keep) * value, keep * weight + (1 - keep)
        found[place] = mean / weight
    return found
