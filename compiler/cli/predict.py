"""`graphspec predict`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import AsJson, Plugins
from compiler.plugins import load_plugins
from graphspec.diagnostics import File, Report

EXAMPLE = "graphspec predict runs/dates 'den 3. mai 2021'"


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `graphspec train` has written.")],
    inputs: Annotated[list[str] | None, typer.Argument(metavar="[INPUT …|-]", help="Texts; `-` reads lines.")] = None,
    file: Annotated[Path | None, typer.Option(help="Answer every line of a file.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The most tokens to write; by default until END.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Let a trained model answer: a line for every input."""
    load_plugins(plugins)
    if (file is None) == (not inputs):
        raise typer.BadParameter("give texts, `-` for standard input, or --file", param_hint="INPUT")
    from compiler.train import predict as predicting

    predictor = predicting.load(run, device=device)
    for answer in predictor.stream([_given(inputs or (), file)], limit=limit):
        if as_json:
            print(json.dumps({"input": answer.input, "answer": answer.text, "ended": answer.ended}, ensure_ascii=False))
            continue
        print(answer.text, flush=True)
        if not answer.ended:
            print(f"(cut off before END: {answer.input})", file=sys.stderr)


def _given(inputs: Sequence[str], file: Path | None) -> File:
    """What is to be answered, as a text of lines."""
    if file is not None:
        from compiler.train.data import open_text

        report = Report()
        found = open_text(file, report)
        report.check()
        assert found is not None
        return found
    return File("standard input", sys.stdin.read()) if list(inputs) == ["-"] else File("input", "\n".join(inputs))
