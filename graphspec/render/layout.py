"""DOT → SVG, PNG or PDF: by the program `dot`, else by the pygraphviz wheel, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SECONDS = 60
PIXELS_PER_INCH = 144
_INSTALL = "install Graphviz (on Debian: `apt-get install graphviz`), or `pip install pygraphviz`"
# Draws with the wheel's own Graphviz: DOT from standard input, the picture to standard output.
_WHEEL = (
    "import sys, pygraphviz\n"
    "graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())\n"
    "drawn = graph.draw(format=sys.argv[1], prog='nop2', args=sys.argv[2])\n"
    "sys.stdout.buffer.write(drawn)\n"
)


_DATE = re.compile(rb"(/CreationDate \(D:)\d{14}")
_EPOCH = b"19700101000000"


class NoLayout(Exception):
    """There is nothing that can draw, or all of it failed: why, and what to do."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.message, self.help = message, help


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, and what was tried before in vain."""

    data: bytes
    failures: tuple[str, ...] = ()


def drawn(dot: str, form: str) -> Drawn:
    """The picture in a format of Graphviz, by the first engine that manages. Raises `NoLayout`."""
    failures: list[str] = []
    for name, command in _engines(form):
        try:
            return Drawn(_undated(_run(command, dot)), tuple(failures))
        except _Failed as failed:
            failures.append(f"{name} {failed}")
    if failures:
        raise NoLayout("; ".join(failures), f"draw the .dot file elsewhere, or {_INSTALL}")
    raise NoLayout("there is no Graphviz to draw with", _INSTALL)


class _Failed(Exception):
    pass


def _engines(form: str) -> Iterator[tuple[str, Sequence[str]]]:
    """What can draw on this machine, with the command for it."""
    sharpness = f"-Gdpi={PIXELS_PER_INCH}" if form == "png" else ""
    program = shutil.which("dot")
    if program:
        yield "`dot`", [program, f"-T{form}", *filter(None, [sharpness])]
    if importlib.util.find_spec("pygraphviz"):
        yield "pygraphviz", [sys.executable, "-P", "-c", _WHEEL, form, sharpness]


def _undated(data: bytes) -> bytes:
    """A PDF without the time at which it was made, so that the same diagram is the same file. Nothing in it moves."""
    return _DATE.sub(lambda found: found[1] + _EPOCH, data) if data.startswith(b"%PDF") else data


def _run(command: Sequence[str], dot: str) -> bytes:
    try:
        environment = {"SOURCE_DATE_EPOCH": "0", **os.environ}
        done = subprocess.run(
            command, input=dot.encode(), capture_output=True, timeout=SECONDS, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise _Failed(f"took more than {SECONDS} s") from error
    except OSError as error:
        raise _Failed(f"did not start: {error.strerror}") from error
    if done.returncode == 0 and done.stdout:
        return done.stdout
    if done.returncode < 0:
        raise _Failed(f"was ended by signal {-done.returncode}")
    reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["gave no reason"]
    raise _Failed(f"failed: {reason[0]}")
