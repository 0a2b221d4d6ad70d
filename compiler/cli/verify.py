"""`graphspec verify`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import AsJson, MapName, Plugins, Settings, SpecPath, complain, load_spec
from compiler.plugins import load_plugins

EXAMPLE = "graphspec verify specs/transformer.yaml --set layers=2 --set d_model=64 --set vocab=50"


class Backend(StrEnum):
    eager = "eager"
    compiled = "compiled"


class Precision(StrEnum):
    fp64 = "fp64"
    fp32 = "fp32"
    bf16 = "bf16"


def command(
    spec: SpecPath,
    settings: Settings = None,
    plugins: Plugins = None,
    contract: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Only contracts of this kind; may be repeated.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights, a file of safetensors; random by default.")] = None,
    map: MapName = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    precision: Annotated[
        Precision | None, typer.Option(help="fp64 on the CPU, fp32 on CUDA by default.", show_default=False)
    ] = None,
    backend: Annotated[Backend, typer.Option(help="As it is, or through torch.compile.")] = Backend.eager,
    seed: Annotated[int, typer.Option(min=0, help="The first of the seeds.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many draws of the inputs.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Probe what was compiled: does it keep the contracts that were proved? Exit code 1 if one is violated."""
    load_plugins(plugins)
    found = load_spec(spec, settings)
    complain(found.warnings)
    if map and not checkpoint:
        raise typer.BadParameter("a map is for reading a --checkpoint", param_hint="--map")
    known = {it.kind for it in found.graph.contracts}
    for kind in contract or ():
        if kind not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise typer.BadParameter(f"the spec has no contract `{kind}` (it has {listed})", param_hint="--contract")

    from compiler.target import Target
    from compiler.verify import verify
    from graphspec.diagnostics import Report

    report = Report()
    Target.parse(f"device={device.partition(':')[0]}", report)
    report.check()
    result = verify(
        found,
        kinds=contract or (),
        checkpoint=checkpoint,
        map=map,
        device=device,
        precision=precision.value if precision else None,
        backend=backend.value,
        seed=seed,
        seeds=seeds,
    )
    print(json.dumps(result.as_dict(), indent=2, ensure_ascii=False) if as_json else result.as_text())
    if result.failed:
        raise typer.Exit(1)
