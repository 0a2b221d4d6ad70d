"""`graphspec render`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import Plugins, Settings, SpecPath, complain, load_spec, parse_sizes
from compiler.plugins import load_plugins
from graphspec.diagnostics import Report

if TYPE_CHECKING:
    from graphspec.render import RenderOptions
    from graphspec.render.grid import Grid
    from graphspec.spec import Spec

EXAMPLE = "graphspec render specs/transformer.yaml -o transformer.svg"
_SHAPES = {None: "changes", True: "all", False: "none"}


def command(
    spec: SpecPath,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="What to write: .svg .png .pdf .dot, or .html to explore.", show_default=False
        ),
    ] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    depth: Annotated[
        int | None,
        typer.Option(min=0, help="How many levels of blocks are opened; by default the file's own, no attention."),
    ] = None,
    focus: Annotated[
        str, typer.Option(metavar="BLOCK", help="Draw one block alone: decoder.self_attention, or a block's own name.")
    ] = "",
    direction: Annotated[str, typer.Option(help="Where the data flow to: up, down or right.")] = "up",
    shapes: Annotated[
        bool | None, typer.Option("--shapes/--no-shapes", help="Axes on every box, or on none; else where they change.")
    ] = None,
    params: Annotated[bool, typer.Option("--params", help="How many numbers each box learns.")] = False,
    theme: Annotated[str, typer.Option(help="light, dark or print; auto: light, but a page as the screen.")] = "auto",
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Another title than the spec's.")] = None,
    no_title: Annotated[bool, typer.Option("--no-title", help="No title.")] = False,
    explain: Annotated[
        str, typer.Option(metavar="CONTRACT", help="Paint the path that refutes a contract: its number or its kind.")
    ] = "",
    mask: Annotated[
        str, typer.Option(metavar="NAME", help="Draw a mask instead: its name, or an attention; to a file or here.")
    ] = "",
    reach: Annotated[
        bool, typer.Option("--reach", help="Draw what each place of an output reads of an input; to a file or here.")
    ] = False,
    of: Annotated[str | None, typer.Option(metavar="OUTPUT", help="With --reach: an output or a node.")] = None,
    on: Annotated[str | None, typer.Option(metavar="INPUT", help="With --reach: an input.")] = None,
    at: Annotated[str, typer.Option(metavar="T=12", help="Run-time sizes for --mask and --reach.")] = "",
) -> None:
    """Draw the diagram, a mask, or what an output reads; repeated blocks stand once, with their number of turns."""
    load_plugins(plugins)
    from graphspec.render import RenderOptions

    _check_use(
        {
            "-o": (output is None and not mask and not reach, "name the picture to write"),
            "--mask": (bool(mask) and reach, "draw the mask or the reach"),
            "--explain": (
                bool(explain) and (bool(mask) or reach or bool(focus)),
                "a path is painted on the whole model",
            ),
            "--at": (
                bool(at) and not mask and not reach,
                "in a diagram sizes stand by name; they are for --mask, --reach",
            ),
            "--of": (bool(of or on) and not reach, "`--of` and `--on` are for --reach"),
            "--title": (title is not None and no_title, "a title, or none"),
        }
    )
    found = load_spec(spec, settings)
    options = RenderOptions(
        depth=depth,
        focus=focus,
        direction=direction,  # pyright: ignore[reportArgumentType]
        shapes=_SHAPES[shapes],  # pyright: ignore[reportArgumentType]
        params=params,
        theme=theme,  # pyright: ignore[reportArgumentType]
        title=not no_title if title is None else title,
        explain=explain,
    )
    report = Report()
    if mask:
        _draw(_mask(found, mask, parse_sizes(at, found), report), output, options, report)
    elif reach:
        _draw(_reach(found, of, on, parse_sizes(at, found), report), output, options, report)
    elif output:
        found.write(output, report, options)
    complain((*found.warnings, *report.diagnostics))
    if report.failed:
        raise typer.Exit(1)


def _check_use(misuses: Mapping[str, tuple[bool, str]]) -> None:
    for option, (misused, message) in misuses.items():
        if misused:
            raise typer.BadParameter(message, param_hint=option)


def _mask(spec: Spec, name: str, sizes: Mapping[str, int], report: Report) -> Grid | None:
    from graphspec.render.mask_picture import mask_grid

    return mask_grid(spec.graph, name, sizes, report)


def _reach(spec: Spec, output: str | None, input: str | None, sizes: Mapping[str, int], report: Report) -> Grid | None:
    from graphspec.analysis.reach import reach_of
    from graphspec.render.reach import exact, grid_of

    found = reach_of(spec.graph, output, input, None, report)
    table = exact(found, sizes, report) if found else None
    return grid_of(found, table) if found and table else None


def _draw(grid: Grid | None, output: Path | None, options: RenderOptions, report: Report) -> None:
    """To a file, or in blocks to the terminal."""
    from graphspec.render.grid import as_text, write

    if grid and output:
        write(grid, output, report, options)
    elif grid:
        print(as_text(grid))
