"""`graphspec compile`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import AsJson, Plugins, Settings, SpecPath, complain, load_spec
from compiler.cli.plugins import load_plugins
from graphspec.diagnostics import Diagnostic, Report, SpecError

EXAMPLE = "graphspec compile specs/llm/llama.yaml -o llama.py"


def command(
    spec: SpecPath,
    settings: Settings = None,
    plugins: Plugins = None,
    target: Annotated[
        str, typer.Option(metavar="KEY=VALUE,…", help="device, precision, objective, fusion, memory, at.")
    ] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead of printing.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the PyTorch source that runs when the spec is compiled."""
    load_plugins(plugins)
    found = load_spec(spec, settings)
    complain(found.warnings)

    from compiler.emit import emit
    from compiler.target import Target

    report = Report()
    chosen = Target.parse(target, report)
    report.check()
    source = emit(found.graph, chosen)
    if output is None:
        print(json.dumps({"source": source}) if as_json else source, end="")
        return
    try:
        output.write_text(source, encoding="utf-8")
    except OSError as error:
        help = "choose a folder that exists and may be written to"
        raise SpecError(
            [Diagnostic("cannot-write", f"cannot write `{output}`: {error.strerror}", help=help)]
        ) from error
