"""A measurement from its jobs to its results: contestants take turns, round by round."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from compiler.bench.batches import tokens
from compiler.bench.contestants import Name, graph_of, target_of
from compiler.bench.flops import step_flops
from compiler.bench.job import Job, Plan
from compiler.bench.machine import PLACES, describe, environment, peak_rate
from compiler.bench.process import Failed, Process
from compiler.bench.results import Measured, Outcome, Results
from compiler.features import refuse_what_it_lacks
from graphspec.diagnostics import Diagnostic, SpecError

Say = Callable[[str], None]

NEAR = 0.1
"""How far the first losses of contestants may lie apart, as a share: they start from weights of their own."""


def bench(jobs: Sequence[Job], plan: Plan, others: Sequence[str] = (), say: Say = lambda _: None) -> Results:
    """Measure every job with its own contestants and the `others`, adapters by their paths.

    Raises `SpecError`: what does not compile, `no-device`, `no-such-precision`, `unknown-contestant`.
    """
    for job in jobs:
        check(job, others)
    return Results(about(jobs, plan), tuple(_job(job, plan, _names((*job.contestants, *others)), say) for job in jobs))


def about(jobs: Sequence[Job], plan: Plan) -> dict[str, Any]:
    """What stands at the head of the results."""
    device = "cuda" if any(job.device == "cuda" for job in jobs) else "cpu"
    settings = {key: value for key, value in environment(plan, Path()).items() if key not in PLACES}
    return {"date": datetime.date.today().isoformat(), **describe(device), "settings": settings, "plan": asdict(plan)}


def check(job: Job, others: Sequence[str]) -> None:
    """Raise `SpecError` before anything is measured, if a job or a contestant cannot be."""
    names = _names((*job.contestants, *others))
    refuse_what_it_lacks(target_of(job))
    open_ = [axis.name for axis in graph_of(job).axes if axis.size is None and axis.name not in job.at]
    if open_:
        help = f"say `--at {','.join(f'{name}=…' for name in open_)}`, or `at` in the suite"
        message = f"`{job.name}` lacks the size{'s' * (len(open_) > 1)} of {', '.join(f'`{name}`' for name in open_)}"
        raise SpecError([Diagnostic("missing-size", message, help=help)])
    for name in names:
        if name.own:
            target_of(job, name.target)
        elif not os.path.isfile(name.what):
            help = "an adapter is a Python file with a function `build`"
            raise SpecError([Diagnostic("unknown-contestant", f"there is no file `{name.what}`", help=help)])


def _names(texts: Sequence[str]) -> list[Name]:
    found = {text: Name.parse(text) for text in texts}
    wrong = [text for text, name in found.items() if name is None]
    if wrong:
        help = "write `emitted@blocks`, `emitted,KEY=VALUE`, or `FILE.py@whole`; behind `@` stands off, blocks or whole"
        raise SpecError([Diagnostic("unknown-contestant", f"`{text}` is no contestant", help=help) for text in wrong])
    return [name for name in found.values() if name is not None]


# -- one job -----------------------------------------------------------------------------------------------------------


def _job(job: Job, plan: Plan, names: Sequence[Name], say: Say) -> Outcome:
    say(f"{job.name}: {len(names)} contestants, {plan.rounds} rounds of {plan.steps}")
    with contextlib.ExitStack() as stack:
        race = _Race(plan, say)
        for name in (None, *names):
            race.enter(stack.enter_context(Process(name, job, plan, os.environ)), name)
        race.run()
        race.finish()
    found = Outcome(job, tokens(job), tuple(race.measured.values()), race.left_out, _flops(job))
    return replace(found, faults=faults(found))


class _Race:
    """The contestants of one job. One that fails leaves it, and the others go on."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan, self.say = plan, say
        self.running: dict[str, Process] = {}
        self.measured: dict[str, Measured] = {}
        self.left_out: dict[str, str] = {}

    def enter(self, process: Process, name: Name | None) -> None:
        """Build the model, take the first step, warm up."""
        with self._unless_it_fails(process.name):
            process.ready()
            first = process.ask("first")
            if self.plan.warmup:
                process.ask("round", steps=self.plan.warmup)
            process.ask("forget")
            about = {"own": name is not None and name.own, "compiled": name is not None and name.how != "off"}
            kept = {key: first[key] for key in ("first_step", "loss", "parameters")}
            self.measured[process.name] = Measured(name=process.name, **about, **kept)
            self.running[process.name] = process
            self.say(f"  {process.name}: first step after {first['first_step']:.1f} s")

    def run(self) -> None:
        """Every contestant once a round; the order turns, so that none always follows the same one."""
        order = list(self.running)
        for turn in range(self.plan.rounds):
            for name in order[turn % len(order) :] + order[: turn % len(order)]:
                if name in self.running:
                    self._turn(name)

    def _turn(self, name: str) -> None:
        with self._unless_it_fails(name):
            seconds = self.running[name].ask("round", steps=self.plan.steps)["seconds"] / self.plan.steps
            before = self.measured[name]
            self.measured[name] = replace(before, seconds=(*before.seconds, seconds))

    def finish(self) -> None:
        """What is known at the end."""
        for name, process in list(self.running.items()):
            with self._unless_it_fails(name):
                self.measured[name] = replace(self.measured[name], **process.ask("measured"))

    @contextlib.contextmanager
    def _unless_it_fails(self, name: str) -> Iterator[None]:
        try:
            yield
        except Failed as failed:
            self.say(f"  {name}: {'left out' if failed.left_out else 'failed'}: {failed}")
            self.left_out[name] = str(failed)
            self.running.pop(name, None)
            self.measured.pop(name, None)


def _flops(job: Job) -> dict[str, Any]:
    """What a step computes in matrix products, and how much the device could a second, where that is known."""
    device = describe(job.device)["device"]
    return {"step": step_flops(graph_of(job), job.at), "peak": peak_rate(device, job.precision)}


# -- whether it was fair -----------------------------------------------------------------------------------------------


def faults(outcome: Outcome) -> tuple[str, ...]:
    """What makes a comparison void: losses that are not alike, models that do not learn, graphs beyond those stated."""
    found = [f"{name}: {why.splitlines()[0]}" for name, why in outcome.left_out.items() if "process ended" in why]
    models = outcome.models
    usual = sorted(it.loss for it in models)[len(models) // 2] if models else 0.0
    for it in models:
        if not abs(it.loss - usual) <= NEAR * abs(usual):
            found.append(f"{it.name}: its first loss is {it.loss:.3f}, that of others {usual:.3f}")
        if not it.last_loss < it.loss:
            found.append(f"{it.name}: it does not learn (a loss of {it.loss:.3f} at first, {it.last_loss:.3f} at last)")
        if it.own and it.graphs > it.regions:  # how others are compiled is theirs
            found.append(f"{it.name}: {it.graphs} graphs were compiled, where {it.regions} are enough")
    return tuple(found)
