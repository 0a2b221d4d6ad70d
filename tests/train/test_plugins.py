"""A run remembers the operators that its model needs, and says what is missing; code beside it never runs by itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.lower.custom import FOREIGN
from compiler.plugins import load_plugins
from compiler.train import load_run
from graphspec import SpecError
from graphspec.operators import OPERATORS
from tests.operators.test_documentation import PLUGIN, SPEC
from tests.train import tiny


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "ema.py"
    path.write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "averaged.yaml").write_text(SPEC, encoding="utf-8")
    yield path
    sys.modules.pop("ema", None)


def forget() -> None:
    for table in (OPERATORS.custom, FOREIGN):
        table.pop("ema", None)


def test_a_run_remembers_what_it_needs(plugin: Path) -> None:
    tiny.lines(plugin.parent / "text.txt", *["abcabcab"] * 30)
    wanted = {
        "data.train": str(plugin.parent / "text.txt"),
        "run": str(plugin.parent / "run"),
        "threads": "1",
        "steps": "2",
    }
    recipe = tiny.made(plugin.parent / "averaged.yaml", {**wanted, "batch.size": "2", "batch.longest": "8"})
    load_plugins([str(plugin)])
    try:
        result, _ = tiny.trained(recipe)
        assert json.loads((result.folder / "plugins.json").read_text(encoding="utf-8")) == {"ema": "../ema.py"}
        assert len(load_run(result.folder, device="cpu").answer(["abc"], limit=2)[0].text) <= 2
    finally:
        forget()
    for go_on in (lambda: load_run(result.folder, device="cpu"), lambda: tiny.trained(recipe, resume=True)):
        with pytest.raises(SpecError) as caught:
            go_on()
        (found,) = caught.value.diagnostics
        assert found.code == "no-plugin"
        assert "uses the operator `ema`" in found.message
        assert found.help.endswith("ema.py`")
