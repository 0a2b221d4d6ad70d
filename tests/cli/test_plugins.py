"""`--plugin`: code that registers operators runs because the user names it, and never otherwise."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from compiler.cli import COMMANDS
from compiler.plugins import load_plugins
from graphspec import SpecError
from tests.operators.test_documentation import PLUGIN, SPEC


def graphspec(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "compiler.cli", *arguments]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
    assert "Traceback" not in found.stderr, found.stderr
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/ema.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "averaged.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_a_spec_runs_no_code_and_a_plugin_does(folder: Path) -> None:
    without = graphspec("check", "averaged.yaml", cwd=folder)
    assert without.returncode == 1
    assert "there is no operator `ema`" in without.stderr
    found = graphspec("check", "averaged.yaml", "--plugin", "mine/ema.py", cwd=folder)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("proved ") == 2


@pytest.mark.parametrize("module", COMMANDS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_command_that_reads_a_spec_takes_plugins(module: ModuleType) -> None:
    assert "plugins" in inspect.signature(module.command).parameters


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("absent.py", None, "no-plugin"),
        ("no_such_module", None, "no-plugin"),
        ("two-words.py", "", "no-plugin"),
        ("json.py", "", "module-taken"),
        ("broken_one.py", "import math\n\nmath.nothing\n", "broken-plugin"),
        ("broken_two.py", "def (:\n", "broken-plugin"),
        ("broken_three.py", "import no_such_module\n", "broken-plugin"),
        ("clashing.py", PLUGIN.replace('"ema", family', '"linear", family'), "operator-taken"),
    ],
)
def test_what_a_plugin_can_do_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, said: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / name
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_plugins([str(path) if name.endswith(".py") else name])
    (found,) = caught.value.diagnostics
    assert found.code == said
    assert found.help or found.span
    assert path.stem not in sys.modules or name == "json.py"


def test_the_line_of_a_broken_plugin_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "broken_four.py").write_text("import math\n\n\nmath.nothing\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_plugins([str(tmp_path / "broken_four.py")])
    (found,) = caught.value.diagnostics
    assert found.span is not None
    assert (found.span.line, found.span.file.line(4)) == (4, "math.nothing")
