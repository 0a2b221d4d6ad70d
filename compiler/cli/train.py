"""`graphspec train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import MapName, Plugins, Settings, parse_settings
from compiler.plugins import load_plugins
from graphspec.diagnostics import Report

EXAMPLE = "graphspec train specs/transformer.yaml --data pairs.tsv --set layers=2 --steps 500"


def command(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE|SPEC", help="A recipe, or a spec with --data.")],
    settings: Settings = None,
    plugins: Plugins = None,
    data: Annotated[Path | None, typer.Option(help="The file to learn from.")] = None,
    validation: Annotated[str | None, typer.Option(help="A file to measure on, or a share of the data.")] = None,
    test: Annotated[Path | None, typer.Option(help="A file to measure on once, at the end.")] = None,
    task: Annotated[str | None, typer.Option(help="seq2seq, language_model, classification or labelling.")] = None,
    weights: Annotated[
        Path | None, typer.Option("--from", help="Weights to begin with: a run folder, a safetensors file, a folder.")
    ] = None,
    map: MapName = None,
    steps: Annotated[int | None, typer.Option(help="Steps of training.")] = None,
    run: Annotated[Path | None, typer.Option(help="The folder to write; runs/NAME by default.")] = None,
    options: Annotated[
        list[str] | None, typer.Option("--with", metavar="KEY=VALUE", help="Any key of a recipe: optimiser.lr=1e-3.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Train a model from files; every measurement, the source and the weights go to a run folder."""
    load_plugins(plugins)
    from compiler import heap
    from compiler.train import recipe as recipes
    from compiler.train import session

    changes = {f"set.{name}": value for name, value in parse_settings(settings).items()}
    changes |= parse_settings(options, "--with")
    flags = {
        "data.train": data,
        "data.validation": validation,
        "data.test": test,
        "task": task,
        "weights.from": weights,
        "weights.map": map,
        "steps": steps,
        "run": run,
    }
    changes |= {key: str(value) for key, value in flags.items() if value is not None}
    report = Report()
    if recipes.is_recipe(recipe, report):
        found = recipes.load(recipe, report, _absolute(changes))
    else:
        report.check()
        if data is None:
            raise typer.BadParameter("a spec needs data to learn from", param_hint="--data")
        found = recipes.from_flags(recipe, changes, report)
    report.check()
    assert found is not None
    heap.keep()
    result = session.run(found, resume=resume)
    if not result.finished:
        raise typer.Exit(130)


def _absolute(changes: dict[str, str]) -> dict[str, str]:
    """Paths given as flags are relative to the working directory, those in a recipe to its folder."""
    paths = ("data.train", "data.test", "weights.from", "run")
    found = {key: str(Path(value).absolute()) if key in paths else value for key, value in changes.items()}
    if Path(found.get("data.validation", "")).is_file():
        found["data.validation"] = str(Path(found["data.validation"]).absolute())
    return found
