"""The folder of a run: everything about it, in files that people and other programs can read.

A checkpoint appears whole or not at all: it is written beside its place and renamed; the one before it goes last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.checkpoint.writing import make_folder
from compiler.train.recipe import Recipe, differences, load, text
from graphspec import Spec
from graphspec.diagnostics import Note, Report, display_name
from graphspec.elaborate.settings import override_value
from graphspec.graph import Graph
from graphspec.operators import OPERATORS, Operator
from graphspec.source import Map, Scalar, Source, read, text_of

if TYPE_CHECKING:
    from torch import Tensor

RECIPE, SPEC, VOCABULARY, SOURCE = "recipe.yaml", "spec.yaml", "vocabulary.json", "model.py"
PLUGINS = "plugins.json"
METRICS, DIAGRAM, CURVE, DATA, WEIGHTS = "metrics.jsonl", "diagram.svg", "loss.svg", "data.json", "weights.json"
MODEL, OPTIMISER, STATE = "model.safetensors", "optimiser.safetensors", "state.json"
_CHECKPOINTS, _PARTIAL = "checkpoints", "checkpoints/partial"


@dataclass(frozen=True)
class Folder:
    """A run folder. Its files are listed at the top of this module."""

    path: Path

    def file(self, name: str) -> Path:
        return self.path / name

    def checkpoint(self) -> Path | None:
        """The folder of the latest checkpoint."""
        found = [it for it in self.path.glob(f"{_CHECKPOINTS}/step-*") if it.is_dir()]
        return max(found, key=_step_of, default=None)

    def save(self, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Path:
        """Write a checkpoint after `step` steps: each mapping of tensors as a file, the state as JSON."""
        from safetensors.torch import save_file

        partial, place = self.path / _PARTIAL, self.path / _CHECKPOINTS / f"step-{step}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, them in tensors.items():
            save_file({key: it.detach().contiguous() for key, it in them.items()}, partial / name)
        (partial / STATE).write_text(json.dumps({"step": step, **state}, indent=1) + "\n", encoding="utf-8")
        earlier = [it for it in place.parent.glob("step-*") if it != place]
        if place.exists():
            shutil.rmtree(place)
        partial.rename(place)
        for it in earlier:
            shutil.rmtree(it)
        return place


def _step_of(checkpoint: Path) -> int:
    number = checkpoint.name.removeprefix("step-")
    return int(number) if number.isdigit() else -1


def is_run(folder: Folder) -> bool:
    """Whether a folder is one that `graphspec train` has written."""
    return all(folder.file(name).is_file() for name in (RECIPE, SPEC, VOCABULARY))


def digests(recipe: Recipe) -> dict[str, str]:
    """SHA-256 of each data file, by its key: a resumed run must read the same."""
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in recipe.data.files.items()}


# -- beginning and going on --------------------------------------------------------------------------------------------


def claim(recipe: Recipe, resume: bool, report: Report) -> Folder | None:
    """The folder of a run about to begin or go on. Reports one that is in use; nothing is written yet."""
    assert recipe.run, "recipes are read with their folder"
    folder, name, place = Folder(recipe.run), display_name(recipe.run), recipe.span("run")
    if recipe.run.exists() and not recipe.run.is_dir():
        report.error("run-exists", f"`{name}` is a file", place, help="name another folder with `run`")
    elif not recipe.run.exists() or not any(recipe.run.iterdir()):
        return folder
    elif not folder.file(RECIPE).exists():
        message = f"`{name}` holds files that are no run's"
        report.error("run-exists", message, place, help="name another folder with `run`")
    elif not resume:
        help = "go on with it by `--resume`, or name another folder with `run`"
        report.error("run-exists", f"`{name}` holds a run already, and nothing is overwritten", place, help=help)
    elif not lacks_plugins(folder, report):
        return folder
    return None


def begin(folder: Folder, recipe: Recipe, spec: Spec) -> None:
    """Write what a run is made of. Raises `SpecError`: `cannot-write`."""
    make_folder(folder.path)
    folder.file(SPEC).write_text(settled_text(spec), encoding="utf-8")
    for library in libraries(spec.source, recipe.spec.parent):
        copy = folder.path / library.relative_to(recipe.spec.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, copy)
    needed = plugins_of(spec.graph, folder.path)
    if needed:
        folder.file(PLUGINS).write_text(json.dumps(needed, indent=1) + "\n", encoding="utf-8")
    folder.file(DATA).write_text(json.dumps(digests(recipe), indent=1) + "\n", encoding="utf-8")
    folder.file(RECIPE).write_text(text(stored(folder, recipe), folder.path), encoding="utf-8")


def plugins_of(graph: Graph, place: Path) -> dict[str, str]:
    """The operators of a graph that are not the language's own, and the files or modules that they come from."""
    nodes = (node for body in graph.bodies() for node in body.nodes)
    used = {node.does.op for node in nodes if isinstance(node.does, Operator) and node.does.op in OPERATORS.custom}
    return {op: _source(OPERATORS.custom[op], place) for op in sorted(used)}


def _source(cls: type[Operator], place: Path) -> str:
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None or "." in cls.__module__:
        return cls.__module__
    return Path(os.path.relpath(file, place)).as_posix()


def plugins(folder: Folder) -> dict[str, str]:
    """The operators that a run needs and that are not the language's own, with what to say to `--plugin`."""
    if not folder.file(PLUGINS).is_file():
        return {}
    found: dict[str, str] = json.loads(folder.file(PLUGINS).read_text(encoding="utf-8"))
    return {
        op: display_name(os.path.normpath(folder.path / it)) if it.endswith(".py") else it for op, it in found.items()
    }


def lacks_plugins(folder: Folder, report: Report) -> bool:
    """Report operators that a run needs and nobody has registered: code of a folder is never run by itself."""
    missing = {op: it for op, it in plugins(folder).items() if op not in OPERATORS}
    for op, it in missing.items():
        message = f"the run in `{display_name(folder.path)}` uses the operator `{op}`, which is not registered"
        report.error("no-plugin", message, None, help=f"if you trust it, add `--plugin {it}`")
    return bool(missing)


def stored(folder: Folder, recipe: Recipe) -> Recipe:
    """The recipe as it stands in its run folder, beside a spec in which all is set."""
    return replace(recipe, spec=folder.file(SPEC), set={}, run=folder.path)


def libraries(source: Source, folder: Path) -> list[Path]:
    """The files of blocks that a sound spec in `folder` uses, those that they use included."""
    use = source.root.get("use")
    found: list[Path] = []
    for _, value in use.entries if isinstance(use, Map) else ():
        path = folder / value.text if isinstance(value, Scalar) else folder
        inner = read(path, Report())
        found += [path, *(libraries(inner, path.parent) if inner else ())]
    return found


def settled_text(spec: Spec) -> str:
    """The spec as it was written, with the values that were set in place of its own.

    One that extends another becomes whole, so that it needs no file but those of its blocks.
    """
    if spec.source.bases:
        return text_of(_with_values(spec))
    lines = spec.text.split("\n")
    params = spec.source.root.get("params")
    entries = params.entries if isinstance(params, Map) else ()
    for key, value in reversed(entries):
        if key.text in spec.overrides:
            place, written = value.span, str(spec.overrides[key.text])
            first, last = lines[place.line - 1], lines[place.end_line - 1]
            changed = first[: place.column - 1] + written + last[place.end_column - 1 :]
            lines[place.line - 1 : place.end_line] = [changed]
    return "\n".join(lines)


def _with_values(spec: Spec) -> Map:
    params = spec.source.root.get("params")
    if not isinstance(params, Map):
        return spec.source.root
    values = [
        (key, override_value(key.text, spec.overrides[key.text], Report())[0] or value)
        if key.text in spec.overrides
        else (key, value)
        for key, value in params.entries
    ]
    changed = replace(params, entries=tuple(values))
    entries = ((key, changed if value is params else value) for key, value in spec.source.root.entries)
    return replace(spec.source.root, entries=tuple(entries))


def check_same(folder: Folder, recipe: Recipe, spec_text: str, report: Report) -> None:
    """Report what differs between the run in a folder and the recipe that is to go on with it."""
    old = load(folder.file(RECIPE), report)
    if old is None:
        return
    changed = [f"`{key}` differs" for key in differences(old, stored(folder, recipe))]
    if folder.file(SPEC).read_text(encoding="utf-8") != spec_text:
        changed.append(f"the spec differs from `{SPEC}`")
    before = json.loads(folder.file(DATA).read_text(encoding="utf-8"))
    changed += [f"the file of `data.{key}` differs" for key, it in digests(recipe).items() if before.get(key) != it]
    if changed:
        message = f"`{display_name(folder.path)}` holds a run of another recipe"
        help = f"to go on as it was: `graphspec train {display_name(folder.file(RECIPE))} --resume`"
        report.error("recipe-changed", message, recipe.span("run"), notes=[Note(it) for it in changed], help=help)
