"""Weights that a run begins with: where they are, what belongs to them, and how they come into the model.

A vocabulary belongs to the rows of an embedding. So whatever is numbered by a size of tensors that are taken over is
numbered as it was where they were trained; what is numbered by a size of fresh tensors alone, the data decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from compiler.checkpoint import layout_of
from compiler.checkpoint.accounting import Exempt, account
from compiler.checkpoint.configuration import CONFIG, find_sizes, read_config
from compiler.checkpoint.load import pour
from compiler.checkpoint.maps import choose
from compiler.checkpoint.reading import open_weights
from compiler.train import folder, patterns, tokenizer, vocabulary
from compiler.train.folder import Folder
from compiler.train.recipe import Recipe
from compiler.train.sizes import given
from compiler.train.tasks import Task, numbered
from compiler.train.vocabulary import Labels, Vocabulary
from graphspec import Spec
from graphspec.diagnostics import Report, Span, display_name
from graphspec.graph import Graph, buffer_paths, parameter_paths
from graphspec.spec import read_spec


@dataclass(frozen=True)
class Start:
    """What a run begins with: weights, the parameters of the spec and the vocabularies that come with them.

    `weights` is None where a run begins from chance, or goes on from weights of its own.
    """

    weights: Path | None = None
    sizes: Mapping[str, str] = field(default_factory=dict[str, str])
    vocabularies: Mapping[str, Vocabulary | Labels] = field(default_factory=dict[str, Vocabulary | Labels])


def find(recipe: Recipe, spec: Spec, task: Task, going_on: Folder | None, report: Report) -> Start:
    """What the recipe's weights bring along. Reports what is not there. `going_on`: the run that is resumed."""
    if recipe.weights.source is None:
        _report_idle(recipe, report)
        return Start()
    carried = _carried(recipe, task, spec.graph)
    found = _checkpoint(recipe.weights.source, recipe, spec, task, report)
    if found is None and going_on and going_on.checkpoint():
        found = Start(None, _sizes_of_run(going_on, [*numbered(task), *_configurable(recipe, spec)], report))
    if found is None:
        return _report_absent(recipe, report)
    known = vocabulary.load(going_on.file(folder.VOCABULARY)) if going_on and folder.is_run(going_on) else {}
    known = {**found.vocabularies, **known}
    free = numbered(task).keys() - carried
    sizes = {name: value for name, value in found.sizes.items() if name not in free}
    sized = read_spec(recipe.spec, {**found.sizes, **given(recipe)}, report) or spec
    if carried - known.keys() and not _lacks_tensors(recipe, found, sized, report):
        for name in sorted(carried - known.keys()):
            _report_no_vocabulary(name, recipe, report)
    origin = f"`{display_name(recipe.weights.source)}`"
    taken = {name: replace(it, origin=origin) for name, it in known.items() if name in carried}
    return Start(found.weights, sizes, taken)


def _checkpoint(place: Path, recipe: Recipe, spec: Spec, task: Task, report: Report) -> Start | None:
    """A run with its latest weights, or any other checkpoint; None where there is nothing."""
    run = Folder(place)
    if folder.is_run(run):
        checkpoint = run.checkpoint()
        known = vocabulary.load(run.file(folder.VOCABULARY))
        return Start(checkpoint / folder.MODEL, _sizes_of_run(run, known, report), known) if checkpoint else None
    if not place.exists():
        return None
    beside = Folder(place if place.is_dir() else place.parent)
    return Start(place, _configured(recipe, spec, report), _vocabularies(beside, recipe, task, report))


def _report_idle(recipe: Recipe, report: Report) -> None:
    """Report keys that say something about weights that are not named."""
    for key in ("map", "fresh", "ignore"):
        if getattr(recipe.weights, key):
            message = f"`weights.{key}` is about weights to begin with, but none are named"
            report.error("contradiction", message, recipe.span(f"weights.{key}"), help="add `from: …`, or remove it")


def _report_absent(recipe: Recipe, report: Report) -> Start:
    place = recipe.weights.source
    assert place is not None
    name = display_name(place)
    if folder.is_run(Folder(place)):
        message = f"the run in `{name}` has not saved any weights yet"
        report.error("no-checkpoint", message, recipe.span("weights.from"), help="name a run that has")
    else:
        help = "name a safetensors file, a folder with one, or a run folder"
        report.error("no-weights", f"there is no `{name}`", recipe.span("weights.from"), help=help)
    return Start()


def _vocabularies(beside: Folder, recipe: Recipe, task: Task, report: Report) -> Mapping[str, Vocabulary | Labels]:
    """What lies beside weights: our own file, or the tokenizer of another program, for all tokens that are read."""
    own, other = beside.file(folder.VOCABULARY), beside.file(tokenizer.FILE)
    place, config = recipe.span("weights.from"), beside.file(CONFIG)
    if own.is_file():
        return _own(own, place, report)
    if not other.is_file():
        return {}
    known = tokenizer.read(other, (read_config(config, report) or {}) if config.is_file() else {}, place, report)
    if known is None:
        return {}
    if task.name == "labelling" or (task.name in ("seq2seq", "language_model") and known.marks.end < 0):
        what = "labels stand for words, not for tokens" if task.name == "labelling" else "no `eos_token_id` is named"
        message = f"`{display_name(other)}` does not serve `{task.name}`: {what}"
        report.error("no-vocabulary", message, place, help="another task, or another checkpoint")
    return {str(feed.below): known for feed in task.feeds}


def _own(file: Path, place: Span | None, report: Report) -> Mapping[str, Vocabulary | Labels]:
    try:
        return vocabulary.load(file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        help = "copy it from the run that trained the weights"
        report.error("no-vocabulary", f"`{display_name(file)}` is no vocabulary of a run", place, help=help)
        return {}


def _sizes_of_run(run: Folder, names: Collection[str], report: Report) -> dict[str, str]:
    """Some parameters, as they stand in the spec of a run."""
    spec = read_spec(run.file(folder.SPEC), {}, report)
    settings = spec.graph.settings if spec else ()
    return {it.name: it.text for it in settings if it.name in names and not it.derived}


def _configurable(recipe: Recipe, spec: Spec) -> list[str]:
    """The parameters that the map reads from a configuration."""
    map = spec.checkpoints.get(recipe.weights.map or "")
    return [setting.name for setting in map.config] if map else []


def _configured(recipe: Recipe, spec: Spec, report: Report) -> dict[str, str]:
    """The parameters that the configuration beside the weights sets, by the map."""
    place, name = recipe.weights.source, recipe.weights.map
    config = place / CONFIG if place else Path()
    if name is None or not config.is_file():
        return {}
    map = choose(spec, name, report)
    return {name: str(value) for name, value in find_sizes(map, config, report).items()} if map else {}


# -- what is taken over ------------------------------------------------------------------------------------------------


def fresh(recipe: Recipe, graph: Graph) -> frozenset[str]:
    """The tensors that start anew."""
    return frozenset(name for name in tensors(graph) if any(patterns.fits(it, name) for it in recipe.weights.fresh))


def tensors(graph: Graph) -> list[str]:
    """The names of all that a checkpoint holds."""
    return [name for name, _ in (*parameter_paths(graph.body), *buffer_paths(graph.body))]


def _carried(recipe: Recipe, task: Task, graph: Graph) -> frozenset[str]:
    """The sizes of the task along which tensors are taken over, by the names of their vocabularies."""
    anew = fresh(recipe, graph)
    taken = [it for name, it in parameter_paths(graph.body) if name not in anew]
    along = {symbol for it in taken for size in it.shape for symbol in size.symbols}
    return frozenset(name for name, size in numbered(task).items() if along & size.symbols)


def _report_no_vocabulary(name: str, recipe: Recipe, report: Report) -> None:
    place = recipe.weights.source
    assert place is not None
    message = f"nothing in `{display_name(place)}` says what its tensors number along `{name}`"
    help = f"put its `{folder.VOCABULARY}` or `{tokenizer.FILE}` there; or start what is numbered anew: `fresh`"
    report.error("no-vocabulary", message, recipe.span("weights.from"), help=help)


def _lacks_tensors(recipe: Recipe, start: Start, spec: Spec, report: Report) -> bool:
    """Report tensors that the file lacks: what it does not number needs no vocabulary, but must be fresh."""
    own = Report()
    check(recipe, start, spec, own)
    found = [it for it in own.diagnostics if it.code in ("missing-tensor", "unused-tensor")]
    lacks = any(it.code == "missing-tensor" for it in found)
    report.add(*(found if lacks else ()))
    return lacks


def check(recipe: Recipe, start: Start, spec: Spec, report: Report) -> None:
    """Report patterns that fit nothing, and everything that does not come out between the model and the file."""
    for pattern in recipe.weights.fresh:
        patterns.check(pattern, tensors(spec.graph), recipe.span("weights.fresh"), report)
    if start.weights is not None:
        _account(recipe, start, spec, report, None)


def take_over(recipe: Recipe, start: Start, spec: Spec, model: nn.Module) -> None:
    """Copy the weights into a model, fresh tensors left as they are. Raises `SpecError`."""
    report = Report()
    _account(recipe, start, spec, report, model)
    report.check()


def _account(recipe: Recipe, start: Start, spec: Spec, report: Report, model: nn.Module | None) -> None:
    assert start.weights is not None
    layout = layout_of(spec, recipe.weights.map, report)
    weights = open_weights(start.weights, report)
    if layout is None or weights is None:
        return
    with weights:
        taken = account(layout, weights, report, _exempt(recipe, spec))
        if model is not None and not report.failed:
            pour(taken, layout, weights, model)


def _exempt(recipe: Recipe, spec: Spec) -> Exempt:
    missing = "what shall start anew is said by `weights: {fresh: […]}`"
    if recipe.weights.map is None and spec.checkpoints:
        missing += f"; files in another layout need `map: {next(iter(spec.checkpoints))}`"
    unused = "what shall be left is said by `weights: {ignore: […]}`"
    return Exempt(fresh(recipe, spec.graph), recipe.weights.ignore, missing, unused)


# -- what is remembered ------------------------------------------------------------------------------------------------


def told(recipe: Recipe, start: Start, spec: Spec) -> dict[str, Any]:
    """Where the weights of a run came from, for its folder."""
    assert start.weights is not None and recipe.weights.source is not None
    files = sorted(start.weights.glob("*.safetensors")) if start.weights.is_dir() else [start.weights]
    return {
        "from": recipe.weights.source.resolve().as_posix(),
        "map": recipe.weights.map,
        "sha256": {it.name: _digest(it) for it in files},
        "fresh": sorted(fresh(recipe, spec.graph)),
    }


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
