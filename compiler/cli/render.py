"""`graphspec render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import Settings, SpecPath, complain, load_spec
from graphspec.diagnostics import Report

EXAMPLE = "graphspec render specs/transformer.yaml -o transformer.svg"


def command(
    spec: SpecPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture: .svg, .png, .pdf or .dot.")],
    settings: Settings = None,
) -> None:
    """Draw the diagram; repeated blocks stand once, with their number of turns."""
    from graphspec.render import write

    found = load_spec(spec, settings)
    report = Report()
    write(found.graph, output, report)
    complain((*found.warnings, *report.diagnostics))
    if report.failed:
        raise typer.Exit(1)
