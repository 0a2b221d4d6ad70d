"""`graphspec watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import Plugins, Settings, SpecPath, complain, parse_settings
from compiler.plugins import load_plugins

if TYPE_CHECKING:
    from graphspec.watch.drawing import Drawing

EXAMPLE = "graphspec watch specs/transformer.yaml --open"
PORT = 8765


def command(
    spec: SpecPath,
    settings: Settings = None,
    plugins: Plugins = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where the page is served; 0: any free port.")] = PORT,
    open: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
) -> None:
    """Serve the page of a spec on this machine, and redraw it as the file is saved; Ctrl-C ends it."""
    load_plugins(plugins)
    from graphspec.watch import PortTaken, Session

    if not spec.is_file():
        raise typer.BadParameter(f"there is no file `{spec}`", param_hint="SPEC")
    try:
        session = Session(spec, parse_settings(settings), port, told=_tell)
    except PortTaken as error:
        message = f"port {port} cannot be had: {error}; `--port 0` takes a free one"
        raise typer.BadParameter(message, param_hint="--port") from error
    try:
        with session:
            print(f"{spec} at {session.address}, Ctrl-C ends", flush=True)
            if open:
                typer.launch(session.address)
            session.wait()
    except KeyboardInterrupt:
        print()


def _tell(made: Drawing) -> None:
    complain(made.diagnostics)
