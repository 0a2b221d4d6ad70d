"""`graphspec docs`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from compiler.cli.options import AsJson, Plugins
from compiler.plugins import load_plugins
from graphspec.diagnostics import suggestion

EXAMPLE = "graphspec docs std.attention"


def command(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="An operator or block.", show_default=False)] = "",
    plugins: Plugins = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole reference, as Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what an operator or a block of the standard library does; without a name, list them all."""
    load_plugins(plugins)
    from graphspec.render import reference

    if name and everything:
        raise typer.BadParameter("`--all` is everything, with or without a name", param_hint="--all")
    found = [entry for entry in reference.entries() if name in ("", entry.name)]
    if not found:
        help = suggestion(name, (entry.name for entry in reference.entries()), "operators and blocks")
        raise typer.BadParameter(f"`{name}` is no operator and no block of the standard library; {help}")
    if as_json:
        known = [reference.as_dict(entry) for entry in found]
        print(json.dumps(known[0] if name else known, indent=2, ensure_ascii=False))
    elif everything:
        print(reference.page(), end="")
    else:
        print(reference.entry_text(found[0]) if name else reference.listing())
