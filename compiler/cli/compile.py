"""`graphspec compile`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import (
    AsJson,
    KernelOption,
    Plugins,
    Settings,
    SpecPath,
    TargetText,
    complain,
    load_spec,
    parse_target,
)
from compiler.plugins import load_plugins
from graphspec.diagnostics import Diagnostic, SpecError

EXAMPLE = "graphspec compile specs/llm/llama.yaml -o llama.py"


def command(
    spec: SpecPath,
    settings: Settings = None,
    plugins: Plugins = None,
    target: TargetText = "",
    kernel: KernelOption = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead of printing.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the PyTorch source that runs when the spec is compiled."""
    load_plugins(plugins)
    found = load_spec(spec, settings)
    complain(found.warnings)

    from compiler.emit import emit

    source = emit(found.graph, parse_target(target, kernel))
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
