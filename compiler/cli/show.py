"""`graphspec show`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import AsJson, Plugins, Settings, SpecPath, complain, load_spec, parse_sizes
from compiler.cli.plugins import load_plugins

if TYPE_CHECKING:
    from graphspec.spec import Spec

EXAMPLE = "graphspec show specs/llm/llama.yaml --at B=2,T=128"

PRECISIONS = ("fp32", "bf16", "fp16")


def command(
    spec: SpecPath,
    settings: Settings = None,
    plugins: Plugins = None,
    at: Annotated[str, typer.Option(metavar="B=2,T=128", help="Run-time sizes: concrete shapes and costs.")] = "",
    text: Annotated[bool, typer.Option("--text", help="The canonical text: a spec with everything resolved.")] = False,
    memory: Annotated[bool, typer.Option("--memory", help="What a step of training takes, at the sizes --at.")] = False,
    precision: Annotated[str, typer.Option(help="For --memory: fp32, bf16 or fp16.")] = "fp32",
    device: Annotated[str, typer.Option(help="For --memory: cpu or cuda.")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """Show the elaborated graph: every node with its type, parameters and FLOPs; or what its training takes."""
    load_plugins(plugins)
    from graphspec.render import table

    found = load_spec(spec, settings)
    complain(found.warnings)
    sizes = parse_sizes(at, found)
    if memory:
        _memory(found, sizes, precision, device, as_json)
    elif text:
        from graphspec.render.canonical import to_text

        print(to_text(found.graph), end="")
    elif as_json:
        print(json.dumps(table.as_dicts(found.graph, sizes), indent=2, ensure_ascii=False))
    else:
        table.print_table(found.graph, sizes)


def _memory(spec: Spec, sizes: dict[str, int], precision: str, device: str, as_json: bool) -> None:
    from graphspec.analysis.memory import recompute, training_memory
    from graphspec.render.memory import memory_dict, memory_text

    missing = [axis.name for axis in spec.graph.axes if axis.size is None and axis.name not in sizes]
    if missing:
        raise typer.BadParameter(f"memory depends on the size of {', '.join(missing)}", param_hint="--at")
    for value, known, hint in ((precision, PRECISIONS, "--precision"), (device, ("cpu", "cuda"), "--device")):
        if value not in known:
            raise typer.BadParameter(f"`{value}` is none of {', '.join(known)}", param_hint=hint)
    try:
        memory = training_memory(spec.graph, sizes, precision, device)
        least = training_memory(recompute(spec.graph, memory.turns), sizes, precision, device)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from error
    if as_json:
        print(json.dumps(memory_dict(memory, least), indent=2))
    else:
        print(memory_text(memory, least, sizes, precision))
