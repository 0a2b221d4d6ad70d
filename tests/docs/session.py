"""A page as a session: its YAML is written to a file, section by section, and its commands are run on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from compiler.cli import app

_BLOCK = re.compile(r"^```(yaml|console|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^[^\s#].*?(?=^[^\s#]|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """A command of the page, what the page shows of its output, and what it printed."""

    command: str
    shown: str
    printed: str


def sections(text: str) -> dict[str, str]:
    """The sections of a spec by their keys."""
    return {part.partition(":")[0]: part.rstrip() for part in _SECTION.findall(text)}


def played(page: str, path: Path) -> Iterator[Shown]:
    """Run a page from top to bottom in the folder of `path`, the spec that its YAML makes up."""
    written: dict[str, str] = {}
    for form, text in _BLOCK.findall(page):
        if form == "yaml":
            written |= sections(text)
            path.write_text("\n\n".join(written.values()) + "\n", encoding="utf-8")
        elif form == "python":
            exec(compile(text, "page", "exec"), {"__name__": "page"})  # noqa: S102 # the page is ours
        else:
            yield from _commands(text)


def _commands(text: str) -> Iterator[Shown]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        printed = CliRunner().invoke(app, command.split()[1:]).output
        yield Shown(command, shown.rstrip(), printed.rstrip())


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; a line `…` stands for any lines."""
    pattern = ".*".join(re.escape(part) for part in re.split(r"^…$", shown, flags=re.MULTILINE))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
