"""Tiny data, recipes and models for the tests of training."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from compiler.train.recipe import Recipe, from_flags, load
from compiler.train.session import Result, run
from graphspec.diagnostics import Diagnostic, Report, format_text

SPECS = Path(__file__).parents[2] / "specs"
TRANSFORMER = SPECS / "transformer.yaml"

# One layer, 32 features: a step takes a few milliseconds.
SMALL = {"set.layers": "1", "set.d_model": "32", "set.heads": "2", "set.drop": "0.1", "threads": "1"}
QUICK = {"batch.size": "8", "steps": "12", "schedule.warmup": "2", "optimiser.lr": "5e-3", "evaluation.every": "4"}


def upper(folder: Path, count: int = 40, seed: int = 0) -> Path:
    """A file of pairs: a word, and the same in capitals."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abc", k=chance.randint(1, 4))) for _ in range(count)]
    return lines(folder / "pairs.tsv", *(f"{word}\t{word.upper()}" for word in words))


def lines(path: Path, *them: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in them), encoding="utf-8")
    return path


def recipe(folder: Path, data: Path, *, spec: Path = TRANSFORMER, **changes: str) -> Recipe:
    """A recipe with small sizes; `__` in a name stands for the dot of a key."""
    wanted = {"data.train": str(data), "run": str(folder / "run"), **SMALL, **QUICK}
    wanted |= {key.replace("__", "."): value for key, value in changes.items()}
    return made(spec, {key: value for key, value in wanted.items() if value != ""})


def made(spec: Path, changes: Mapping[str, str]) -> Recipe:
    report = Report()
    found = from_flags(spec, changes, report)
    assert found is not None, format_text(report.diagnostics)
    return found


def loaded(path: Path, **changes: str) -> Recipe:
    report = Report()
    found = load(path, report, {key.replace("__", "."): value for key, value in changes.items()})
    assert found is not None, format_text(report.diagnostics)
    return found


def trained(recipe: Recipe, *, resume: bool = False) -> tuple[Result, str]:
    """The result of a run, and what was printed."""
    out = io.StringIO()
    result = run(recipe, resume=resume, console=Console(file=out, width=100))
    return result, out.getvalue()


def places(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    """Each diagnostic as `code line:column`."""
    return [f"{it.code} {it.span.line}:{it.span.column}" if it.span else it.code for it in diagnostics]
