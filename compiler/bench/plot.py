"""Results as a picture: for each job the contestants' speed beside the best that is not ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compiler.bench.results import Results

OURS, OTHERS, BOUND = "#2563eb", "#94a3b8", "#111827"


def draw(results: Results, path: Path) -> None:
    """Write the plot; the suffix says how."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    jobs = results.outcomes
    rows = sum(len(it.models) + 1 for it in jobs)
    with plt.rc_context({"svg.hashsalt": "graphspec", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(8, 0.6 + 0.24 * rows), layout="constrained")
        _bars(results, axes)
        axes.axvline(1, color="#475569", linewidth=0.8, linestyle="--")
        axes.set_xlabel("speed, the best other contestant being 1; bars to the median, lines over the middle half")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)


def _bars(results: Results, axes: Any) -> None:
    place, ticks = 0, []
    for outcome in results.outcomes:
        rival = outcome.rival
        if rival is None:
            continue
        axes.text(0, place, outcome.job.name, weight="bold", va="center")
        place -= 1
        for it in sorted(outcome.models, key=lambda it: it.median):
            found = outcome.speed(it, rival)
            assert found, "it was measured in every round"
            axes.barh(place, found.median, color=OURS if it.own else OTHERS, height=0.7)
            axes.plot([found.lower, found.upper], [place, place], color=BOUND, linewidth=1)
            ticks.append((place, it.name))
            place -= 1
    axes.set_yticks([at for at, _ in ticks], [name for _, name in ticks])
