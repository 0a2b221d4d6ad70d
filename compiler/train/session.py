"""A run from its recipe to its last measurement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from compiler.train import curve, folder, optimise, patterns, sizes, start, vocabulary
from compiler.train.corpus import Corpus, check_files, gather, resolved
from compiler.train.folder import Folder
from compiler.train.interrupt import Stop
from compiler.train.loop import Loop
from compiler.train.model import build
from compiler.train.progress import Progress
from compiler.train.recipe import METRICS, Recipe
from compiler.train.start import Start
from compiler.train.tasks import Task, choose
from graphspec import Spec, SpecError
from graphspec.diagnostics import Report, display_name, format_text
from graphspec.spec import read_spec

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Job:
    """All that a run needs, checked; nothing is written yet."""

    recipe: Recipe
    spec: Spec
    corpus: Corpus
    folder: Folder
    device: torch.device
    begin: Start
    said: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """How a run ended. `measured`: the task's metric by `validation` and `test`, of the finished run."""

    folder: Path
    step: int
    finished: bool
    metric: str
    measured: Mapping[str, float] = field(default_factory=dict)


def prepare(recipe: Recipe, resume: bool, report: Report) -> Job | None:
    """Check the recipe against its spec, its data, its device and its folder. Reports every fault."""
    device, place = optimise.device_of(recipe, report), folder.claim(recipe, resume, report)
    if place is None and resume and report.failed:
        return None
    first = read_spec(recipe.spec, sizes.given(recipe), report)
    task = choose(first.graph, recipe.task, report, recipe.span("task") or recipe.span("spec")) if first else None
    if first is None or task is None:
        check_files(recipe, report)
        return None
    begin = start.find(recipe, first, task, place if resume else None, report)
    first = read_spec(recipe.spec, {**begin.sizes, **sizes.given(recipe)}, report) if begin.sizes else first
    if first is None:
        return None
    task = task.marked(begin.vocabularies)
    recipe, said = _settled(recipe, task, first, begin, report)
    corpus = gather(recipe, task, report, begin.vocabularies)
    if corpus is None:
        return None
    recipe = replace(recipe, set={**begin.sizes, **sizes.given(recipe)})
    fitted = sizes.fit(first.graph, task, corpus.vocabularies, recipe, report, begin.sizes.keys() | begin.vocabularies)
    recipe = replace(recipe, set={**sizes.given(recipe), **fitted.overrides})
    spec = read_spec(recipe.spec, recipe.set, report) if not report.failed else None
    if spec is None:
        return None
    start.check(recipe, begin, spec, report)
    patterns.check_rules(recipe, spec.graph, report)
    if report.failed or place is None:
        return None
    job = Job(recipe, spec, corpus, place, device, begin, (*said, *fitted.said))
    if resume and place.file(folder.RECIPE).exists():
        folder.check_same(place, recipe, folder.settled_text(spec), report)
    return job


def _settled(recipe: Recipe, task: Task, spec: Spec, begin: Start, report: Report) -> tuple[Recipe, list[str]]:
    """The recipe with what follows from the task, and a sentence on what was guessed."""
    said = [] if recipe.task else [f"task: {task.name}, from the inputs and outputs of `{spec.name}`"]
    positions = sizes.longest(spec.graph)
    recipe = resolved(recipe, task, positions, report, begin.vocabularies)
    known, metric = METRICS[task.name], recipe.evaluation.metric or METRICS[task.name][0]
    if metric not in known:
        help = f"say {' or '.join(f'`{it}`' for it in known)}"
        message = f"`{metric}` does not measure `{task.name}`"
        report.error("wrong-metric", message, recipe.span("evaluation.metric"), help=help)
    return replace(recipe, evaluation=replace(recipe.evaluation, metric=metric)), said


def run(recipe: Recipe, *, resume: bool = False, console: Console | None = None) -> Result:
    """Train a model as the recipe says and write its run folder. Raises `SpecError` with every fault found.

    Ctrl-C saves and returns a result that is not finished.
    """
    screen = console or _console()
    report = Report()
    job = prepare(recipe, resume, report)
    report.check()
    assert job is not None, "what cannot be prepared is reported"
    if report.diagnostics:
        screen.print(format_text(report.diagnostics), markup=False, highlight=False, soft_wrap=True)
    with optimise.arithmetic(job.recipe, job.device), Stop() as stop:
        return _run(job, screen, stop)


def _run(job: Job, console: Console, stop: Stop) -> Result:
    models = build(job.spec, job.corpus.task, job.recipe, job.device)
    if job.folder.checkpoint() is None and job.begin.weights:
        start.take_over(job.recipe, job.begin, job.spec, models.learner)
    loop = Loop(job.recipe, job.corpus, models, job.folder, job.device, stop)
    if not job.folder.file(folder.RECIPE).exists():
        _begin(job, models.source)
    loop.restore()
    progress = Progress(console, job.recipe.steps, loop.done)
    _introduce(job, loop, progress)
    with progress:
        loop.train(progress)
        finished = _finish(loop, progress) if loop.done == job.recipe.steps else {}
    curve.draw(job.folder.file(folder.METRICS), job.folder.file(folder.CURVE))
    done = loop.done == job.recipe.steps and not stop()
    name = display_name(job.folder.path)
    if done:
        progress.say(f"saved in {name}")
    else:
        progress.say(f"stopped after step {loop.done}; go on with: {resume_command(job.folder)}")
    return Result(job.folder.path, loop.done, done, str(job.recipe.evaluation.metric), finished)


def resume_command(place: Folder) -> str:
    """What a user types to go on with a run."""
    plugins = "".join(f" --plugin {it}" for it in dict.fromkeys(folder.plugins(place).values()))
    return f"graphspec train {display_name(place.file(folder.RECIPE))} --resume{plugins}"


def _begin(job: Job, source: str) -> None:
    place = job.folder
    folder.begin(place, job.recipe, job.spec)
    place.file(folder.SOURCE).write_text(source, encoding="utf-8")
    if job.begin.weights:
        told = start.told(job.recipe, job.begin, job.spec)
        place.file(folder.WEIGHTS).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    vocabulary.save(place.file(folder.VOCABULARY), list(job.corpus.vocabularies.items()))


def _introduce(job: Job, loop: Loop, progress: Progress) -> None:
    recipe, corpus = job.recipe, job.corpus
    for sentence in job.said:
        progress.say(sentence)
    every = list(loop.models.learner.parameters())
    learnt = sum(it.numel() for it in every if it.requires_grad)
    parameters = f"{sum(it.numel() for it in every):,} parameters"
    parameters += "" if all(it.requires_grad for it in every) else f", {learnt:,} of them learn"
    held = f", {len(corpus.validation):,} for validation" if corpus.validation else ""
    held += f", {len(corpus.test):,} for test" if corpus.test else ""
    progress.say(f"{job.spec.name}: {parameters}, {len(corpus.train):,} examples{held}, on {job.device}")
    if job.begin.weights and not loop.done:
        progress.say(f"from the weights of {display_name(job.begin.weights)}")
    begun = f"from step {loop.done} to {recipe.steps}" if loop.done else f"{recipe.steps} steps"
    progress.say(f"{begun} of {recipe.batch.size}, in {display_name(job.folder.path)}")
    _draw(job, progress)


def _draw(job: Job, progress: Progress) -> None:
    """The diagram, if there is a program to lay it out."""
    path = job.folder.file(folder.DIAGRAM)
    if path.exists():
        return
    try:
        job.spec.render(path)
    except SpecError as error:
        progress.say(f"no diagram: {error.diagnostics[0].message}")


def _finish(loop: Loop, progress: Progress) -> dict[str, float]:
    """The measurements of a finished run: all of validation, all of test; those already made are not made again."""
    found: dict[str, float] = {}
    for name, dataset in (("validation", loop.corpus.validation), ("test", loop.corpus.test)):
        before = loop.log.measurement(loop.done, name, True)
        made = None if before else loop.measure(name, dataset, progress)
        if before or made:
            found[name] = before["value"] if before else made.value if made else 0.0
    return found


def _console() -> Console:
    from rich.console import Console

    return Console()
