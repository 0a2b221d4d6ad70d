"""`graphspec reach`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import AsJson, Plugins, Settings, SpecPath, complain, load_spec, parse_sizes
from compiler.plugins import load_plugins
from graphspec.diagnostics import Report

EXAMPLE = "graphspec reach specs/llm/llama.yaml --output logits --input tokens -o reach.svg"


def command(
    spec: SpecPath,
    output: Annotated[str | None, typer.Option(help="An output or a node; the only output by default.")] = None,
    input: Annotated[str | None, typer.Option(help="An input; the only one by default.")] = None,
    axis: Annotated[str | None, typer.Option(help="An axis of the input; its position axis by default.")] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    at: Annotated[str, typer.Option(metavar="T=12", help="Run-time sizes for the exact table.")] = "",
    picture: Annotated[Path | None, typer.Option("-o", "--picture", help="Draw it: .svg, .png, .pdf or .dot.")] = None,
    theme: Annotated[str, typer.Option(help="light, dark or print.")] = "light",
    as_json: AsJson = False,
) -> None:
    """Say what an output may read of an input: at any size, from node to node, and exactly at a small size."""
    load_plugins(plugins)
    from graphspec.analysis.reach import reach_of
    from graphspec.render import RenderOptions, reach
    from graphspec.render.grid import write

    found = load_spec(spec, settings)
    sizes, report = parse_sizes(at, found), Report()
    answer = reach_of(found.graph, output, input, axis, report)
    needed = bool(picture or sizes)
    table = reach.exact(answer, sizes, report if needed else Report()) if answer else None
    if answer and not report.failed:
        facts = reach.as_dict(answer, table)
        print(json.dumps(facts, indent=2, ensure_ascii=False) if as_json else reach.as_text(answer, table))
    if answer and table and picture:
        write(reach.grid_of(answer, table), picture, report, RenderOptions(theme=theme))  # pyright: ignore[reportArgumentType]
    complain((*found.warnings, *report.diagnostics))
    if report.failed:
        raise typer.Exit(1)
