"""`graphspec export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import AsJson, MapName, Overwrite, Plugins, Settings, SpecPath, complain, load_spec
from compiler.plugins import load_plugins

EXAMPLE = "graphspec export specs/llm/llama.yaml --checkpoint model.safetensors -o DIR"


def command(
    spec: SpecPath,
    checkpoint: Annotated[Path, typer.Option(help="Weights under the spec's own names: a safetensors file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write model.safetensors to.")],
    map: MapName = None,
    settings: Settings = None,
    plugins: Plugins = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write weights in the layout of one of the spec's maps."""
    load_plugins(plugins)
    found = load_spec(spec, settings)
    complain(found.warnings)

    from compiler.checkpoint import export_weights

    done = export_weights(found, checkpoint, output, map, overwrite=overwrite)
    facts = {"file": str(done.file), "tensors": done.tensors, "bytes": done.bytes}
    print(json.dumps(facts) if as_json else f"{done.file}: {done.tensors} tensors, {done.bytes:,} bytes")
