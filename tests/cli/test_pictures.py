"""`graphspec reach`, and what `graphspec render` can be asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compiler.cli import app
from graphspec.diagnostics import SpecError

ROOT = Path(__file__).parents[2]
TRANSFORMER = str(ROOT / "specs/transformer.yaml")
LLAMA = str(ROOT / "specs/llm/llama.yaml")


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    found = CliRunner().invoke(app, arguments)
    if isinstance(found.exception, SpecError):
        return 1, found.stdout, str(found.exception)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.stdout, found.stderr


def test_reach_says_shows_and_draws(tmp_path: Path) -> None:
    code, out, _ = run("reach", LLAMA, "--at", "T=3", "-o", str(tmp_path / "reach.svg"))
    assert code == 0
    assert out.splitlines()[0] == "`logits[t]` reads `tokens[0 … t]`"
    assert "layers, after k turns  tokens[0 … t]" in out
    assert out.splitlines()[-3:] == [
        "logits t ↓ 0 ██····",
        "           1 ████··",
        "           2 ██████",
    ]
    assert (tmp_path / "reach.svg").read_text(encoding="utf-8").startswith("<svg")


def test_reach_as_json() -> None:
    facts = json.loads(run("reach", TRANSFORMER, "--input", "source_real", "--at", "S=2", "--json")[1])
    assert facts["data"] == {"says": "nothing", "pieces": []}
    assert facts["control"]["pieces"] == [{"rates": {}, "offsets": [None, None], "within": [0, "S - 1"]}]
    assert facts["table"] == {"lengths": {"S": 2}, "rows": ["##"]}
    assert [node["node"] for node in facts["nodes"]] == ["encoder", "decoder", "logits"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("reach", TRANSFORMER), "reach-argument"),
        (("reach", TRANSFORMER, "--input", "targt"), "unknown-name"),
        (("reach", LLAMA, "--output", "logit"), "unknown-name"),
        (("reach", LLAMA, "--axis", "S"), "unknown-name"),
        (("reach", LLAMA, "--at", "T=0"), "reach-argument"),
        (("reach", LLAMA, "-o", "reach.gif"), "unknown-format"),
        (("render", LLAMA, "--mask", "layers.atention"), "unknown-mask"),
        (("render", LLAMA, "--mask", "layers", "--at", "T=9999"), "too-large-to-draw"),
        (("render", LLAMA, "-o", "x.svg", "--explain", "casual"), "unknown-contract"),
        (("render", LLAMA, "-o", "x.svg", "--theme", "pink"), "wrong-word"),
        (("render", LLAMA, "-o", "x.svg", "--direction", "left"), "wrong-word"),
        (("render", LLAMA, "-o", "x.svg", "--focus", "layers.atention"), "unknown-focus"),
        (("render", LLAMA, "-o", "x.svg", "--focus", "embedding"), "unknown-focus"),
        (("render", TRANSFORMER, "--reach"), "reach-argument"),
        (("render", LLAMA, "--reach", "--of", "logit"), "unknown-name"),
        (("render", LLAMA, "--reach", "--at", "T=0"), "reach-argument"),
        (("render", LLAMA, "--reach", "-o", "x.gif"), "unknown-format"),
    ],
)
def test_faults(arguments: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, error = run(*arguments)
    assert status == 1
    assert f"error[{code}]" in error
    assert "help:" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("render", LLAMA),
        ("render", LLAMA, "-o", "x.svg", "--at", "T=3"),
        ("render", LLAMA, "--mask", "layers", "--explain", "1"),
        ("render", LLAMA, "-o", "x.svg", "--depth", "-1"),
        ("render", LLAMA, "-o", "x.svg", "--shapes", "all"),
        ("render", LLAMA, "-o", "x.svg", "--title", "a", "--no-title"),
        ("render", LLAMA, "-o", "x.svg", "--focus", "layers", "--explain", "1"),
        ("render", LLAMA, "-o", "x.svg", "--of", "logits"),
        ("render", LLAMA, "--mask", "layers", "--reach"),
        ("reach", LLAMA, "--at", "Q=3"),
    ],
)
def test_misuse(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_a_mask_to_the_terminal_or_to_a_file(tmp_path: Path) -> None:
    code, out, _ = run("render", LLAMA, "--mask", "layers", "--at", "T=3")
    assert code == 0
    assert out.splitlines()[0] == "layers.attention: causal & tokens_real"
    assert any(line.endswith("2 ████··") for line in out.splitlines())  # the last key is padding
    code, out, _ = run("render", LLAMA, "--mask", "layers", "-o", str(tmp_path / "mask.svg"))
    assert (code, out) == (0, "")
    assert "causal" in (tmp_path / "mask.svg").read_text(encoding="utf-8")


def test_the_reach_to_the_terminal_or_to_a_file(tmp_path: Path) -> None:
    code, out, _ = run("render", TRANSFORMER, "--reach", "--of", "decoder_input", "--on", "target", "--at", "T=3")
    assert code == 0
    assert out.splitlines()[0] == "decoder_input[t] reads target[t], at T = 3"
    assert out.splitlines()[-3:] == [
        "decoder_input t ↓ 0 ██····",
        "                  1 ··██··",
        "                  2 ····██",
    ]
    for form, start in (("svg", b"<svg"), ("dot", b"digraph")):
        path = tmp_path / f"reach.{form}"
        assert run("render", LLAMA, "--reach", "-o", str(path)) == (0, "", "")
        assert path.read_bytes().startswith(start)


def test_options_of_diagrams(tmp_path: Path) -> None:
    def dot(*options: str) -> str:
        path = tmp_path / "model.dot"
        assert run("render", LLAMA, "-o", str(path), *options)[0] == 0
        return path.read_text(encoding="utf-8")

    plain = dot()
    assert (
        dot(
            "--direction",
            "up",
            "--theme",
            "light",
            "--title",
            "Llama 3, 8 billion parameters (Grattafiori et al., 2024)",
        )
        == plain
    )
    assert "grouped-query" in plain and "grouped-query" not in dot("--depth", "0")
    assert "B × T" in plain and "B × T" not in dot("--no-shapes")
    assert 'label=<<FONT POINT-SIZE="13"><B>' in plain and 'label=<<FONT POINT-SIZE="13"><B>' not in dot("--no-title")
    assert len({plain, dot("--theme", "dark"), dot("--direction", "right"), dot("--shapes"), dot("--params")}) == 5
    assert "Rotary" in dot("--focus", "layers.attention") and "Embedding" not in dot("--focus", "layers.attention")
    assert "<B>Ours</B>" in dot("--title", "Ours")


def test_a_proved_contract_is_drawn_plain_with_a_warning(tmp_path: Path) -> None:
    code, _, error = run("render", LLAMA, "-o", str(tmp_path / "a.dot"), "--explain", "causal")
    assert code == 0
    assert "warning[nothing-to-explain]: contract 1, `causal`, is proved" in error
