"""The table of `graphspec show --memory`: what a step of training takes, and how little it could."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from compiler.target import Target
    from graphspec.graph import Graph


def show_memory(graph: Graph, sizes: Mapping[str, int], target: Target, as_json: bool) -> None:
    """Print what training at some sizes takes, on a processor unless the target names another device."""
    from compiler.passes import FORM, run
    from graphspec.analysis.memory import recompute, training_memory
    from graphspec.render.memory import memory_dict, memory_text

    missing = [axis.name for axis in graph.axes if axis.size is None and axis.name not in sizes]
    if missing:
        raise typer.BadParameter(f"memory depends on the size of {', '.join(missing)}", param_hint="--at")
    device = "cuda" if target.device == "cuda" else "cpu"
    graph = run(graph, target, FORM) if target.goal else graph
    precision = "fp32" if target.precision == "tf32" else target.precision
    try:
        memory = training_memory(graph, sizes, precision, device)
        least = training_memory(recompute(graph, memory.turns), sizes, precision, device)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from error
    print(json.dumps(memory_dict(memory, least), indent=2) if as_json else memory_text(memory, least, sizes, precision))
