"""What docs/reach.md shows is what the commands print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compiler.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reach.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```console\n\$ graphspec ([^\n]+)\n(.+?)\n```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_page_shows_what_is_printed(command: str, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert CliRunner().invoke(app, command.split()).stdout.rstrip() == output


def test_there_is_something_to_compare() -> None:
    assert len(SHOWN) == 4
