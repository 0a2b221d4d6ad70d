"""The `graphspec` command: a file a command.

Exit codes: 0 all is well, 1 the spec (or what it was given) is at fault, 2 the command was misused. torch is imported
only by the commands that need it.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import graphspec
from compiler.cli import (
    bench,
    check,
    compile,
    diff,
    docs,
    export,
    gallery,
    import_,
    new,
    predict,
    reach,
    render,
    show,
    train,
    verify,
    watch,
)
from compiler.cli.options import complain
from graphspec.diagnostics import SpecError

COMMANDS = (
    *(check, show, reach, render, watch, diff, compile, train, verify, bench, predict),
    *(import_, export, new, docs, gallery),
)

app = typer.Typer(
    name="graphspec",
    help="Check, draw, compile and train neural architectures described in YAML.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for module in COMMANDS:
    app.command(module.__name__.rpartition(".")[2].rstrip("_"), epilog=f"Example: {module.EXAMPLE}")(module.command)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show:
        print(f"graphspec {graphspec.__version__}")
        raise typer.Exit


def main() -> None:
    """The entry point: problems in specs are printed as diagnostics, never as tracebacks."""
    try:
        app()
    except SpecError as error:
        complain(error.diagnostics)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
