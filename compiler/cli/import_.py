"""`graphspec import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import (
    AsJson,
    MapName,
    Overwrite,
    Plugins,
    Settings,
    SpecPath,
    complain,
    load_spec,
    parse_settings,
)
from compiler.plugins import load_plugins
from graphspec.diagnostics import Report

if TYPE_CHECKING:
    from graphspec.spec import Spec

EXAMPLE = "graphspec import specs/llm/llama.yaml --from DIR -o model.safetensors"


def command(
    spec: SpecPath,
    source: Annotated[
        Path | None, typer.Option("--from", help="A safetensors file, or a folder with one and its config.json.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The file to write.")] = None,
    map: MapName = None,
    settings: Settings = None,
    plugins: Plugins = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the mapping, check the files, write none.")] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Bring weights in another layout under the spec's own names, by one of its maps."""
    load_plugins(plugins)
    if not dry_run and (source is None or output is None):
        raise typer.BadParameter("give --from and -o, or --dry-run", param_hint="--from")
    from compiler.checkpoint import import_weights
    from compiler.checkpoint.configuration import read_spec_for

    found = read_spec_for(spec, source, map, parse_settings(settings)) if source else load_spec(spec, settings)
    complain(found.warnings)
    if dry_run:
        _show(found, source, map, as_json)
        return
    assert source is not None and output is not None
    done = import_weights(found, source, output, map, overwrite=overwrite)
    facts = {"file": str(done.file), "tensors": done.tensors, "bytes": done.bytes}
    print(json.dumps(facts) if as_json else f"{done.file}: {done.tensors} tensors, {done.bytes:,} bytes")


def _show(spec: Spec, source: Path | None, map: str | None, as_json: bool) -> None:
    """The mapping; and with files at hand, everything in them that does not come out."""
    from compiler.checkpoint import choose, layout_of, mapping, mapping_text
    from compiler.checkpoint.accounting import account
    from compiler.checkpoint.reading import open_weights

    report = Report()
    given = choose(spec, map, report)
    layout = layout_of(spec, given.name, report) if given else None
    report.check()
    assert layout is not None
    rows = [dict(zip(("parameter", "shape", "file", "how"), row, strict=True)) for row in mapping(layout)]
    print(json.dumps(rows, indent=2, ensure_ascii=False) if as_json else mapping_text(layout))
    weights = open_weights(source, report) if source else None
    if weights:
        with weights:
            account(layout, weights, report)
    report.check()
