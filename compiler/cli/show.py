"""`graphspec show`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import AsJson, Settings, SpecPath, complain, load_spec

if TYPE_CHECKING:
    from graphspec.spec import Spec


EXAMPLE = "graphspec show specs/llm/llama.yaml --at B=2,T=128"


def command(
    spec: SpecPath,
    settings: Settings = None,
    at: Annotated[str, typer.Option(metavar="B=2,T=128", help="Run-time sizes: concrete shapes and costs.")] = "",
    text: Annotated[bool, typer.Option("--text", help="The canonical text: a spec with everything resolved.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the elaborated graph: every node with its type, parameters and FLOPs."""
    from graphspec.render import table

    found = load_spec(spec, settings)
    complain(found.warnings)
    sizes = _sizes(at, found)
    if text:
        from graphspec.render.canonical import to_text

        print(to_text(found.graph), end="")
    elif as_json:
        print(json.dumps(table.as_dicts(found.graph, sizes), indent=2, ensure_ascii=False))
    else:
        table.print_table(found.graph, sizes)


def _sizes(text: str, spec: Spec) -> dict[str, int]:
    known = [axis.name for axis in spec.graph.axes if axis.size is None]
    found: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in known or not value.strip().isdigit():
            message = f"`{part}` is not of the form AXIS=SIZE with an axis of {', '.join(known) or 'this spec (none)'}"
            raise typer.BadParameter(message, param_hint="--at")
        found[name.strip()] = int(value)
    return found
