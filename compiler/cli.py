"""The `graphspec` command.

Exit codes: 0 all is well, 1 the spec (or what it was given) is at fault, 2 the command was misused. torch is imported
only by the commands that need it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import graphspec
from graphspec.diagnostics import Diagnostic, Report, SpecError, as_dict, format_text

if TYPE_CHECKING:
    from graphspec.analysis.contracts import Verdict

    from graphspec.spec import Spec

app = typer.Typer(
    name="graphspec",
    help="Check, draw, compile and train neural architectures described in YAML.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.", show_default=False)]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter of the spec; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def main() -> None:
    """The entry point: problems in specs are printed as diagnostics, never as tracebacks."""
    try:
        app()
    except SpecError as error:
        _complain(error.diagnostics)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)


def _complain(diagnostics: Sequence[Diagnostic]) -> None:
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


def _load(path: Path, settings: Sequence[str] | None) -> Spec:
    from graphspec.spec import load_with

    return load_with(path, parse_settings(settings))


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show:
        print(f"graphspec {graphspec.__version__}")
        raise typer.Exit


@app.command(epilog="Example: graphspec check specs/transformer.yaml --set layers=2")
def check(
    spec: SpecPath,
    settings: Settings = None,
    strict: Annotated[bool, typer.Option(help="Fail on contracts that are neither proved nor refuted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report every problem of a spec; or what it is: types, sizes, costs, contracts with verdicts."""
    from graphspec.render.summary import summary

    report = Report()
    found, verdicts = _checked(spec, settings, report)
    if as_json:
        facts = summary(found, verdicts).as_dict() if found else {}
        print(
            json.dumps({"diagnostics": [as_dict(d) for d in report.diagnostics], **facts}, indent=2, ensure_ascii=False)
        )
    else:
        _complain(report.diagnostics)
        if found:
            print(summary(found, verdicts).as_text())
    bad = {"refuted", "unknown"} if strict else {"refuted"}
    if report.failed or any(verdict.status in bad for verdict in verdicts):
        raise typer.Exit(1)


def _checked(path: Path, settings: Sequence[str] | None, report: Report) -> tuple[Spec | None, Sequence[Verdict]]:
    from graphspec.analysis.contracts import check_contracts, verdicts

    from graphspec.spec import read_spec

    spec = read_spec(path, parse_settings(settings), report)
    if spec is None:
        return None, ()
    check_contracts(spec.graph, report)
    return (None, ()) if report.failed else (spec, verdicts(spec.graph))


@app.command(epilog="Example: graphspec show specs/llm/llama.yaml --at B=2,T=128")
def show(
    spec: SpecPath,
    settings: Settings = None,
    at: Annotated[str, typer.Option(metavar="B=2,T=128", help="Run-time sizes: concrete shapes and costs.")] = "",
    text: Annotated[bool, typer.Option("--text", help="The canonical text: a spec with everything resolved.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the elaborated graph: every node with its type, parameters and FLOPs."""
    from graphspec.render import table

    found = _load(spec, settings)
    _complain(found.warnings)
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


@app.command(epilog="Example: graphspec render specs/transformer.yaml -o transformer.svg")
def render(
    spec: SpecPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture: .svg, .png, .pdf or .dot.")],
    settings: Settings = None,
) -> None:
    """Draw the diagram; repeated blocks stand once, with their number of turns."""
    from graphspec.render import write

    found = _load(spec, settings)
    report = Report()
    write(found.graph, output, report)
    _complain((*found.warnings, *report.diagnostics))
    if report.failed:
        raise typer.Exit(1)


@app.command("compile", epilog="Example: graphspec compile specs/llm/llama.yaml -o llama.py")
def compile_(
    spec: SpecPath,
    settings: Settings = None,
    target: Annotated[str, typer.Option(metavar="KEY=VALUE,…", help="device, precision, objective, fusion.")] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead of printing.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the PyTorch source that runs when the spec is compiled."""
    found = _load(spec, settings)
    _complain(found.warnings)

    from compiler import Target, emit

    report = Report()
    chosen = Target.parse(target, report)
    report.check()
    source = emit(found.graph, chosen)
    if output is None:
        print(json.dumps({"source": source}) if as_json else source, end="")
        return
    try:
        output.write_text(source, encoding="utf-8")
    except OSError as error:
        help = "choose a folder that exists and may be written to"
        raise SpecError(
            [Diagnostic("cannot-write", f"cannot write `{output}`: {error.strerror}", help=help)]
        ) from error


if __name__ == "__main__":
    main()
