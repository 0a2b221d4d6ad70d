"""`graphspec new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import MapName, Overwrite, Plugins, Settings, SpecPath, parse_settings
from compiler.plugins import load_plugins
from graphspec.diagnostics import Diagnostic, Report, SpecError

EXAMPLE = "graphspec new specs/llm/llama.yaml --config config.json -o mine.yaml"


def command(
    spec: SpecPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The spec to write.")],
    config: Annotated[Path | None, typer.Option(help="The configuration that has the sizes, a JSON file.")] = None,
    map: MapName = None,
    settings: Settings = None,
    plugins: Plugins = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a spec anew with other sizes: those of a configuration file, by one of its maps, and those of --set."""
    load_plugins(plugins)
    from compiler.checkpoint.configuration import configure
    from compiler.checkpoint.writing import claim
    from compiler.train.folder import settled_text
    from graphspec.spec import load_with

    report = Report()
    claim(output, overwrite, report)
    report.check()
    given = parse_settings(settings)
    found = configure(spec, config, map, given)[0] if config else load_with(spec, given)
    try:
        output.write_text(settled_text(found), encoding="utf-8")
    except OSError as error:
        help = "choose a folder that exists and may be written to"
        message = f"cannot write `{output}`: {error.strerror}"
        raise SpecError([Diagnostic("cannot-write", message, help=help)]) from error
