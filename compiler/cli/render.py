"""`graphspec render`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import Plugins, Settings, SpecPath, complain, load_spec, parse_sizes
from compiler.cli.plugins import load_plugins
from graphspec.diagnostics import Report

if TYPE_CHECKING:
    from graphspec.render import RenderOptions
    from graphspec.spec import Spec

EXAMPLE = "graphspec render specs/transformer.yaml -o transformer.svg"


def command(
    spec: SpecPath,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The picture: .svg, .png, .pdf or .dot.", show_default=False)
    ] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    depth: Annotated[
        int | None, typer.Option(min=0, help="How many levels of blocks are opened; by default the file's own.")
    ] = None,
    direction: Annotated[str, typer.Option(help="Where the data flow to: up, down or right.")] = "up",
    shapes: Annotated[str, typer.Option(help="On which boxes the axes stand: changes, all or none.")] = "changes",
    theme: Annotated[str, typer.Option(help="light, dark or print.")] = "light",
    title: Annotated[bool, typer.Option(help="Whether the title stands above.")] = True,
    explain: Annotated[
        str, typer.Option(metavar="CONTRACT", help="Paint the path that refutes a contract: its number or its kind.")
    ] = "",
    mask: Annotated[
        str, typer.Option(metavar="NAME", help="Draw a mask instead: its name, or an attention; to a file or here.")
    ] = "",
    at: Annotated[str, typer.Option(metavar="T=12", help="Run-time sizes for --mask.")] = "",
) -> None:
    """Draw the diagram, or a mask; repeated blocks stand once, with their number of turns."""
    load_plugins(plugins)
    from graphspec.render import RenderOptions, write

    if output is None and not mask:
        raise typer.BadParameter("name the picture to write", param_hint="-o")
    if mask and explain:
        raise typer.BadParameter("a mask has no contracts", param_hint="--explain")
    if at and not mask:
        raise typer.BadParameter("sizes are for --mask; in a diagram they stand by name", param_hint="--at")
    found = load_spec(spec, settings)
    options = RenderOptions(depth, direction, shapes, theme, title, explain)  # pyright: ignore[reportArgumentType]
    report = Report()
    if mask:
        _mask(found, mask, parse_sizes(at, found), output, options, report)
    elif output:
        write(found.graph, output, report, options)
    complain((*found.warnings, *report.diagnostics))
    if report.failed:
        raise typer.Exit(1)


def _mask(
    spec: Spec, name: str, sizes: Mapping[str, int], output: Path | None, options: RenderOptions, report: Report
) -> None:
    """To a file, or in blocks to the terminal."""
    from graphspec.render.grid import as_text, write
    from graphspec.render.mask_picture import mask_grid

    grid = mask_grid(spec.graph, name, sizes, report)
    if grid and output:
        write(grid, output, report, options)
    elif grid:
        print(as_text(grid))
