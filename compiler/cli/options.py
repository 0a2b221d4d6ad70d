"""What the commands share: options, reading a spec, printing what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphspec.diagnostics import Diagnostic, format_text

if TYPE_CHECKING:
    from compiler.target import Target
    from graphspec.spec import Spec

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.", show_default=False)]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter of the spec; may be repeated.")
]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE|MODULE", help="Run Python code that registers operators; may be repeated."),
]
MapName = Annotated[
    str | None, typer.Option("--map", metavar="NAME", help="Which of the spec's checkpoint maps; the only one.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
TargetText = Annotated[
    str,
    typer.Option(
        "--target", metavar="KEY=VALUE,…", help="device, precision, objective, fusion, returns, kernel, memory, at."
    ),
]
KernelOption = Annotated[
    str,
    typer.Option("--kernel", metavar="NAME", help="Compute attention by sdpa, flex, varlen or explicit, if exact."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def complain(diagnostics: Sequence[Diagnostic]) -> None:
    if diagnostics:
        print(format_text(diagnostics, colour=sys.stderr.isatty()), file=sys.stderr)
    errors = sum(found.severity == "error" for found in diagnostics)
    if errors:
        print(f"\n{errors} error{'s' * (errors != 1)}", file=sys.stderr)


def parse_settings(settings: Sequence[str] | None, option: str = "--set") -> dict[str, str]:
    """`["layers=2"]` as `{"layers": "2"}`; misuse is an exit with code 2."""
    found: dict[str, str] = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise typer.BadParameter(f"`{setting}` is not of the form NAME=VALUE", param_hint=option)
        found[name.strip()] = value.strip()
    return found


def load_spec(path: Path, settings: Sequence[str] | None) -> Spec:
    from graphspec.spec import load_with

    return load_with(path, parse_settings(settings))


def parse_target(text: str, kernel: str = "") -> Target:
    """The target of `--target` and `--kernel`. Raises `SpecError`: `unknown-target`, `unknown-objective`."""
    from compiler.target import Target
    from graphspec.diagnostics import Report

    report = Report()
    target = Target.parse(",".join(filter(None, (text, kernel and f"kernel={kernel}"))), report)
    report.check()
    return target


def parse_sizes(text: str, spec: Spec) -> dict[str, int]:
    """`B=2,T=128` as sizes of run-time axes; misuse is an exit with code 2."""
    known = [axis.name for axis in spec.graph.axes if axis.size is None]
    found: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in known or not value.strip().isdigit():
            message = f"`{part}` is not of the form AXIS=SIZE with an axis of {', '.join(known) or 'this spec (none)'}"
            raise typer.BadParameter(message, param_hint="--at")
        found[name.strip()] = int(value)
    return found
