"""`graphspec diff`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import AsJson, Plugins, Settings, complain, parse_settings
from compiler.plugins import load_plugins
from graphspec.diagnostics import Report, as_dict

if TYPE_CHECKING:
    from graphspec.difference import Difference
    from graphspec.spec import Spec

EXAMPLE = "graphspec diff HEAD~3:specs/llm/llama.yaml specs/llm/llama.yaml -o diff.svg"


def command(
    before: Annotated[str, typer.Argument(metavar="A", help="A spec: a file, or REVISION:FILE.", show_default=False)],
    after: Annotated[
        str, typer.Argument(metavar="[B]", help="The spec to compare it with; none with --since.", show_default=False)
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="REVISION", help="Compare A with what it was at a revision of its repository.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Both as one picture: .svg, .png, .pdf or .dot.")
    ] = None,
    settings: Settings = None,
    plugins: Plugins = None,
    depth: Annotated[
        int | None,
        typer.Option(min=0, help="How many levels of blocks are opened; by default the file's own, no attention."),
    ] = None,
    focus: Annotated[
        str, typer.Option(metavar="BLOCK", help="Draw one block alone, by its path or name in the later spec.")
    ] = "",
    direction: Annotated[str, typer.Option(help="Where the data flow to: up, down or right.")] = "up",
    theme: Annotated[str, typer.Option(help="light, dark or print.")] = "light",
    title: Annotated[str, typer.Option(metavar="TEXT", help="Another title than the names of both.")] = "",
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 if there is a difference.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two specs, or two revisions of one: nodes, sizes, costs, verdicts, and which weights still fit."""
    load_plugins(plugins)
    if bool(after) == bool(since):
        raise typer.BadParameter("name two specs, or one and --since REVISION", param_hint="B")
    if focus and output is None:
        raise typer.BadParameter("name the picture to write with -o", param_hint="--focus")
    report = Report()
    found = _found(before, after, since, parse_settings(settings), report)
    if found is not None and output:
        look = {"depth": depth, "focus": focus, "direction": direction, "theme": theme, "title": title or True}
        _draw(found, output, look, report)
    if as_json:
        problems = [as_dict(problem) for problem in report.diagnostics]
        facts = {"diagnostics": problems, **(found.as_dict() if found is not None else {})}
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        complain(report.diagnostics)
        if found is not None:
            print(found)
    if report.failed or (exit_code and found):
        raise typer.Exit(1)


def _found(before: str, after: str, since: str, settings: dict[str, str], report: Report) -> Difference | None:
    from graphspec.compare import compared, read_named, read_since

    specs: tuple[Spec | None, Spec | None]
    if since:
        specs = read_since(since, before, settings, report)
    else:
        specs = read_named(before, settings, report), read_named(after, settings, report)
    return compared(*specs, report)


def _draw(found: Difference, output: Path, look: Mapping[str, object], report: Report) -> None:
    from graphspec.difference.picture import write
    from graphspec.render import RenderOptions

    write(found, output, report, RenderOptions(**look))  # pyright: ignore[reportArgumentType]
