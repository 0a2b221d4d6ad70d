"""What the commands share: options, reading a spec, printing what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphspec.diagnostics import Diagnostic, format_text

if TYPE_CHECKING:
    from graphspec.spec import Spec

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.", show_default=False)]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter of the spec; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def complain(diagnostics: Sequence[Diagnostic]) -> None:
    if diagnostics:
        print(format_text(diagnostics, colour=sys.stderr.isatty()), file=sys.stderr)
    errors = sum(found.severity == "error" for found in diagnostics)
    if errors:
        print(f"\n{errors} error{'s' * (errors != 1)}", file=sys.stderr)


def parse_settings(settings: Sequence[str] | None) -> dict[str, str]:
    """`["layers=2"]` as `{"layers": "2"}`; misuse is an exit with code 2."""
    found: dict[str, str] = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise typer.BadParameter(f"`{setting}` is not of the form NAME=VALUE", param_hint="--set")
        found[name.strip()] = value.strip()
    return found


def load_spec(path: Path, settings: Sequence[str] | None) -> Spec:
    from graphspec.spec import load_with

    return load_with(path, parse_settings(settings))
