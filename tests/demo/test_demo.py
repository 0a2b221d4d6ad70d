"""The demo from end to end, with fewer steps."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("babel")

from compiler.demo import __main__ as demo
from compiler.demo import dates
from compiler.train import Recipe


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which the demo takes seconds."""
    whole = demo._recipe

    def recipe(folder: Path) -> Recipe:
        made = whole(folder)
        return replace(made, set={**made.set, "d_model": "32"}, steps=6, batch=replace(made.batch, size=16), threads=1)

    monkeypatch.setattr(dates, "PARTS", {"train": 2000, "validation": 20, "test": 60})
    monkeypatch.setattr(demo, "_recipe", recipe)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_demo_runs_twice(short: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main() == 0
    said = capsys.readouterr().out
    assert "proved   causal" in said
    assert re.fullmatch(r"exact match: \d+\.\d %", said.splitlines()[-1])
    assert said.count("→") >= demo.SHOWN
    made = {it.name for it in (short / "runs/dates").iterdir()}
    assert made == {"data", "run", "alignment.png"}
    assert (short / "runs/dates/run/diagram.svg").is_file()
    assert demo.main() == 0
    assert (short / "runs/dates-2/run/loss.svg").is_file()
