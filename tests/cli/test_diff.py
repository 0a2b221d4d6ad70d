"""`graphspec diff` as a user types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compiler.cli import app
from tests.difference.edits import SMALL

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/diff.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```console\n\$ graphspec ([^\n]+)\n(.+?)\n```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where two specs are."""
    (tmp_path / "a.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(SMALL.replace("mask: causal", "mask: everything"), encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(SMALL.replace("op: linear", "op: linaer"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def diff(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    found = CliRunner().invoke(app, ["diff", *arguments])
    text = str(found.exception) if found.exception and not isinstance(found.exception, SystemExit) else ""
    return found.exit_code, found.stdout, found.stderr + text


def test_the_report() -> None:
    code, out, _ = diff("a.yaml", "b.yaml")
    assert code == 0
    assert out.startswith("a.yaml → b.yaml\n\nnodes        ~ layers.*.attention.attend  b.yaml:12:7\n")
    assert "✓ proved → ✗ refuted  causal" in out


def test_exit_codes() -> None:
    assert diff("a.yaml", "a.yaml", "--exit-code")[0] == 0
    assert diff("a.yaml", "b.yaml", "--exit-code")[0] == 1
    assert diff("a.yaml", "bad.yaml")[0] == 1
    assert diff("a.yaml")[0] == 2
    assert diff("a.yaml", "b.yaml", "--since", "HEAD")[0] == 2


def test_no_difference_is_said_too() -> None:
    assert "no architectural difference" in diff("a.yaml", "a.yaml")[1]


def test_faults_of_both_are_told() -> None:
    code, out, err = diff("bad.yaml", "nowhere.yaml")
    assert (code, out) == (1, "")
    assert "bad.yaml:21:16" in err
    assert "did you mean `linear`?" in err
    assert "file-unreadable" in err


def test_as_json() -> None:
    facts = json.loads(diff("a.yaml", "b.yaml", "--json")[1])
    assert facts["diagnostics"] == []
    assert facts["same"] is False
    assert facts["weights"]["load"] is True
    (change,) = facts["nodes"]
    assert change["places"] == ["layers.*.attention.attend"]
    (field,) = change["fields"]
    places = {"before_at": change["before_at"], "after_at": change["after_at"]}
    assert field == {"name": "mask", "before": "causal", "after": "everything", "both": None, **places}
    assert facts["contracts"][0]["after"]["verdict"] == "refuted"
    broken = json.loads(diff("a.yaml", "bad.yaml", "--json")[1])
    assert [found["code"] for found in broken["diagnostics"]] == ["unknown-operator"]


def test_a_picture(folder: Path) -> None:
    assert diff("a.yaml", "b.yaml", "-o", "d.dot", "--theme", "print", "--direction", "right")[0] == 0
    assert "Changed" in (folder / "d.dot").read_text(encoding="utf-8")
    code, out, err = diff("a.yaml", "b.yaml", "-o", "d.gif")
    assert (code, "unknown-format" in err, out.startswith("a.yaml → b.yaml")) == (1, True, True)
    assert diff("a.yaml", "b.yaml", "-o", "d.dot", "--focus", "part", "--depth", "1")[0] == 0
    assert "Part, a.yaml → b.yaml" in (folder / "d.dot").read_text(encoding="utf-8")
    assert "unknown-focus" in diff("a.yaml", "b.yaml", "-o", "d.dot", "--focus", "prat")[2]
    assert diff("a.yaml", "b.yaml", "--focus", "part")[0] == 2
    assert "wrong-word" in diff("a.yaml", "b.yaml", "-o", "d.dot", "--theme", "pink")[2]


def test_parameters_are_set_in_both() -> None:
    out = diff("a.yaml", "b.yaml", "--set", "depth=1")[1]
    assert "all 19 tensors fit" in out
    assert "unknown-parameter" in diff("a.yaml", "b.yaml", "--set", "depht=1")[2]


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_page_shows_what_is_printed(command: str, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert CliRunner().invoke(app, command.split()).stdout.rstrip() == output


def test_there_is_something_to_compare() -> None:
    assert len(SHOWN) == 2
