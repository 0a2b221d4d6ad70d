"""The command as a user types it: output, exit codes, no traceback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRANSFORMER = str(ROOT / "specs/transformer.yaml")


def graphspec(*arguments: str, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    found = subprocess.run(
        [sys.executable, "-m", "compiler.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd or ROOT,
        input=stdin,
        check=False,
    )
    assert "Traceback" not in found.stderr, found.stderr
    return found


COMMANDS = (
    *("check", "show", "reach", "render", "diff", "compile", "train", "verify", "bench", "predict", "import"),
    *("export", "new", "docs", "gallery"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    found = graphspec(command, "--help")
    assert found.returncode == 0
    assert f"Example: graphspec {command}" in found.stdout


def test_check_says_what_a_spec_is() -> None:
    found = graphspec("check", TRANSFORMER)
    assert found.returncode == 0, found.stderr
    for text in ("logits: B T vocab", "63,082,496", "encoder", "proved   causal", "proved   independent", "per token"):
        assert text in found.stdout


def test_check_as_json() -> None:
    facts = json.loads(graphspec("check", TRANSFORMER, "--json", "--set", "layers=2").stdout)
    assert facts["diagnostics"] == []
    assert facts["settings"]["layers"] == 2
    assert facts["contracts"][0]["verdict"] == "proved"


def test_a_leak_is_refuted_with_exit_code_1(tmp_path: Path) -> None:
    spec = tmp_path / "leak.yaml"
    text = (ROOT / "specs/transformer.yaml").read_text(encoding="utf-8").replace("mask: causal}", "mask: everything}")
    spec.write_text(text, encoding="utf-8")
    found = graphspec("check", str(spec))
    assert found.returncode == 1
    assert "refuted  causal" in found.stdout
    assert "self_attention" in found.stdout


def test_all_faults_at_once_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "graphspec: 1\nname: bad\naxes: {B: batch}\ninputs: {x: B 4}\n"
        "nodes:\n  a: {op: linaer, in: x}\n  b: x + c\noutputs: {b: b}\n",
        encoding="utf-8",
    )
    found = graphspec("check", "bad.yaml", cwd=tmp_path)
    assert found.returncode == 1
    assert "bad.yaml:6:11" in found.stderr
    assert "did you mean `linear`?" in found.stderr
    assert "bad.yaml:7:10" in found.stderr
    assert "2 errors" in found.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", TRANSFORMER, "--set", "layers"),
        ("show", TRANSFORMER, "--at", "Q=2"),
        ("chekc", TRANSFORMER),
        ("predict", "runs/none"),
    ],
)
def test_misuse_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert graphspec(*arguments).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("check", "nowhere.yaml"), "file-"),
        (("check", TRANSFORMER, "--set", "layrs=2"), "unknown-parameter"),
        (("render", TRANSFORMER, "-o", "picture.gif"), ""),
        (("compile", TRANSFORMER, "--target", "device=tpu"), ""),
        (("compile", TRANSFORMER, "--kernel", "flex", "--target", "device=cpu"), "kernel-not-exact"),
        (("show", TRANSFORMER, "--kernel", "flx"), "unknown-target"),
        (("compile", TRANSFORMER, "-o", "no/such/folder/model.py"), "cannot-write"),
        (("predict", "no-such-run", "hello"), "no-run"),
        (("train", "nowhere.yaml"), "file-"),
    ],
)
def test_faults_are_diagnostics_with_help(arguments: tuple[str, ...], code: str, tmp_path: Path) -> None:
    found = graphspec(*arguments, cwd=tmp_path)
    assert found.returncode == 1, found.stdout + found.stderr
    assert f"error[{code}" in found.stderr
    assert "help:" in found.stderr


def test_show_gives_a_table_text_and_data() -> None:
    assert "encoder_layer × layers" in graphspec("show", TRANSFORMER).stdout
    assert "2 128 512" in graphspec("show", TRANSFORMER, "--at", "B=2,S=128,T=128").stdout
    rows = json.loads(graphspec("show", TRANSFORMER, "--json").stdout)
    assert rows[0]["node"] == "source_embedding"
    assert graphspec("show", TRANSFORMER, "--text").stdout.startswith("graphspec: 1\nname: transformer\n")


def test_show_says_what_computes_each_attention() -> None:
    printed = graphspec("show", TRANSFORMER, "--kernels", "--target", "device=cpu").stdout
    assert "device=cpu,precision=fp32" in printed
    assert re.search(r"decoder\.\*\.self_attention\.attend × 6 +causal +SDPA, is_causal", printed)
    forced = graphspec("show", TRANSFORMER, "--kernel", "explicit", "--json").stdout
    assert {row["kernel"] for row in json.loads(forced)["kernels"]} == {"written out"}


def test_compile_prints_the_source(tmp_path: Path) -> None:
    printed = graphspec("compile", TRANSFORMER).stdout
    assert "class EncoderLayer(nn.Module):" in printed
    assert graphspec("compile", TRANSFORMER, "-o", "model.py", cwd=tmp_path).returncode == 0
    assert (tmp_path / "model.py").read_text(encoding="utf-8") == printed


@pytest.mark.parametrize(
    "command", [("check",), ("show",), ("reach", "--input", "target"), ("render", "-o", "{}/t.svg")]
)
def test_looking_at_a_spec_does_not_import_torch(command: tuple[str, ...], tmp_path: Path) -> None:
    arguments = [part.format(tmp_path) for part in (command[0], TRANSFORMER, *command[1:])]
    program = (
        f"import sys; sys.argv = ['graphspec', *{arguments!r}]\n"
        "from compiler.cli import app; app(standalone_mode=False); sys.exit('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stderr


def test_that_checker_can_fail() -> None:
    program = "import sys, torch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 1


def test_misuse_names_the_option_at_fault() -> None:
    assert "--with" in graphspec("train", TRANSFORMER, "--data", "pairs.tsv", "--with", "steps").stderr


def test_show_says_what_training_takes() -> None:
    found = graphspec("show", TRANSFORMER, "--set", "layers=2", "--memory", "--at", "B=2,S=10,T=10")
    assert found.returncode == 0, found.stderr
    for text in ("a step of training in fp32 at B = 2, S = 10, T = 10", "AdamW", "peak", "with all 4 turns"):
        assert text in found.stdout
    facts = json.loads(graphspec("show", TRANSFORMER, "--memory", "--at", "B=2,S=10,T=10", "--json").stdout)
    assert facts["optimiser"] == 2 * facts["parameters"] < facts["peak"] and facts["kept"]["linear"] > 0
    missing = graphspec("show", TRANSFORMER, "--memory", "--at", "B=2")
    assert missing.returncode == 2 and "S, T" in missing.stderr


def test_show_says_what_training_takes_where_the_loss_is_fused() -> None:
    form = ("--target", "fusion=fused,returns=loss,objective=next_token")
    at = ("--memory", "--at", "B=64,S=10,T=100", "--json")
    plain, fused = (json.loads(graphspec("show", TRANSFORMER, *more, *at).stdout) for more in ((), form))
    assert fused["parameters"] == plain["parameters"] and fused["peak"] < 0.8 * plain["peak"]
    assert "cross_entropy" in plain["kept"] and "cross_entropy" not in fused["kept"]
