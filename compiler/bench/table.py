"""Results as a page: a table for each job, and what stands behind the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compiler.bench.results import Measured, Outcome, Results
from graphspec.analysis.cost import human

HEADS = ("contestant", "tokens/s", "times the best other", "share of the bound", "first step", "memory", "graphs")


def page(results: Results, picture: str = "") -> str:
    """The results as Markdown; `picture` is the plot's path from the page."""
    return "\n".join(_page(results, picture)).rstrip() + "\n"


def _page(results: Results, picture: str) -> Iterator[str]:
    about = results.about
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    plan = about["plan"]
    yield f"# Training steps on {about['device']}"
    yield ""
    yield f"{about['date']}; {about['cores']} cores; {versions}."
    yield ""
    yield (
        f"Each step is forward, backward and fused AdamW. A process for each contestant, {plan['rounds']} rounds of "
        f"{plan['steps']} in turn after {plan['warmup']} to warm up; ratios are medians of paired rounds, with their "
        "quartiles. The bound is the matrix products of the same step alone, measured in the same rounds. The first "
        "step is counted from before the model is built, with empty caches. Memory is that of all tensors at the worst "
        "moment of a step."
    )
    if picture:
        yield from ("", f"![Speed beside the best other contestant]({picture})")
    for outcome in results.outcomes:
        yield from ("", *_job(outcome))


def _job(outcome: Outcome) -> Iterator[str]:
    job = outcome.job
    said = ", ".join(f"{name} {value}" for name, value in {**job.set, **job.at}.items())
    yield f"## {job.name}"
    yield ""
    yield f"`{Path(job.spec).stem}`, {job.precision}: {said}; {outcome.tokens:,} tokens a step."
    yield ""
    heads = HEADS if outcome.flops.get("peak") is None else (*HEADS, "FLOPs utilisation")
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for it in sorted(outcome.models, key=lambda it: it.median):
        yield f"| {' | '.join(_cells(outcome, it))} |"
    yield from _remarks(outcome)


def _cells(outcome: Outcome, it: Measured) -> Iterator[str]:
    rival, share, used = outcome.rival, outcome.share(it), outcome.utilisation(it)
    yield it.name
    yield f"{outcome.tokens / it.median:,.0f}"
    yield str(outcome.speed(it, rival)) if rival and rival is not it else "1"
    yield f"{share.median:.0%}" if share else ""
    yield f"{it.first_step:.1f} s"
    yield f"{human(it.memory)}B"
    yield str(it.graphs) if it.compiled else ""
    if outcome.flops.get("peak") is not None:
        yield f"{used:.1%}" if used else ""


def _remarks(outcome: Outcome) -> Iterator[str]:
    """What a reader must know to believe the table."""
    counts = {it.name: it.parameters for it in outcome.models}
    lines = [f"Void: {fault}." for fault in outcome.faults]
    lines += [f"{name} is left out: {why.splitlines()[0]}." for name, why in outcome.left_out.items()]
    if len(set(counts.values())) == 1:
        lines.append(f"All have {next(iter(counts.values())):,} parameters.")
    else:
        lines.append(f"Parameters: {', '.join(f'{name} {count:,}' for name, count in counts.items())}.")
    losses = [it.loss for it in outcome.models]
    if losses:
        lines.append(f"Losses of the first batch: {min(losses):.3f} to {max(losses):.3f}.")
    yield ""
    yield "\n".join(lines)
