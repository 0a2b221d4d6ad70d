"""`graphspec show`."""

from __future__ import annotations

import json
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
    parse_sizes,
    parse_target,
)
from compiler.plugins import load_plugins

EXAMPLE = "graphspec show specs/llm/llama.yaml --at B=2,T=128"


def command(
    spec: SpecPath,
    settings: Settings = None,
    plugins: Plugins = None,
    at: Annotated[str, typer.Option(metavar="B=2,T=128", help="Run-time sizes: concrete shapes and costs.")] = "",
    text: Annotated[bool, typer.Option("--text", help="The canonical text: a spec with everything resolved.")] = False,
    kernels: Annotated[bool, typer.Option("--kernels", help="What computes each attention, and why.")] = False,
    memory: Annotated[bool, typer.Option("--memory", help="What a step of training takes, at the sizes --at.")] = False,
    target: TargetText = "",
    kernel: KernelOption = "",
    as_json: AsJson = False,
) -> None:
    """Show the elaborated graph: every node with its type, parameters and FLOPs; or what its compiled form takes."""
    load_plugins(plugins)
    from graphspec.render import table

    found = load_spec(spec, settings)
    complain(found.warnings)
    sizes = parse_sizes(at, found)
    if memory:
        from compiler.cli.memory import show_memory

        show_memory(found.graph, sizes, parse_target(target, kernel), as_json)
    elif kernels or target or kernel:
        from compiler.cli.kernels import show_kernels

        show_kernels(found.graph, parse_target(target, kernel), as_json)
    elif text:
        from graphspec.render.canonical import to_text

        print(to_text(found.graph), end="")
    elif as_json:
        print(json.dumps(table.as_dicts(found.graph, sizes), indent=2, ensure_ascii=False))
    else:
        table.print_table(found.graph, sizes)
