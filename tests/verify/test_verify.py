"""What is proved of the gallery holds in what runs; how it is run, what is left out, what is reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import compiler
import graphspec
from compiler.cli import app
from compiler.lower import LOWERINGS
from compiler.lower.code import Code
from compiler.lower.site import Site
from compiler.verify import verify
from compiler.verify.inputs import roles_of
from compiler.verify.trial import FOLLOWS
from graphspec.diagnostics import SpecError
from tests.flow.models import CAUSAL, INDEPENDENT, PADDING, decoder
from tests.properties.test_gallery_models import SMALL, SPECS


@pytest.mark.parametrize("name", SMALL)
def test_what_is_proved_of_the_gallery_holds(name: str) -> None:
    found = verify(graphspec.load(SPECS / name, **SMALL[name]), seeds=1, ways=("as compiled", "written out"))
    assert not found.failed, found.as_text()
    proved = [it for it in found.findings if it.verdict == "proved" and it.mode]
    assert {it.status for it in proved if it.lowering == "as compiled"} == {"agrees"}, found.as_text()
    assert {it.said for it in proved if it.status != "agrees"} <= {"this kernel does not take such inputs"}


@pytest.mark.parametrize("name", ["transformer.yaml", "llm/gpt2.yaml", "llm/mixtral.yaml"])
def test_what_is_proved_holds_of_the_fused_form(name: str) -> None:
    """Linears that are merged, functions written otherwise, experts by grouped products."""
    found = verify(graphspec.load(SPECS / name, **SMALL[name]), seeds=1, ways=("fused",))
    assert {it.status for it in found.findings if it.verdict == "proved" and it.mode} == {"agrees"}, found.as_text()


def test_every_way_is_gone() -> None:
    found = verify(graphspec.load(SPECS / "transformer.yaml", **SMALL["transformer.yaml"]), seeds=1)
    ways = {(it.mode, it.lowering) for it in found.findings}
    names = ("as compiled", "SDPA math", "SDPA flash", "written out", "source for cuda", "fused")
    assert ways == {(mode, name) for mode in ("evaluation", "training") for name in names}
    assert {it.data for it in found.findings if it.kind == "causal"} == {"plain (no `source_real`)", "padded"}
    assert {it.data for it in found.findings if it.kind == "ignores_padding"} == {"padded"}
    assert all(it.probes for it in found.findings)


def test_dropout_that_follows_the_data_is_no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws whose number depends on the contents are not held fixed by a seed."""
    sound = LOWERINGS["dropout"]

    def lower(at: Site) -> Code:
        x = at.variable("x")
        return Code(f"(torch.rand(int({x}.abs().sum() * 1e6) % 97 + 1), {sound(at)})[1]")

    monkeypatch.setitem(LOWERINGS, "dropout", lower)  # pyright: ignore[reportArgumentType]
    name = "tasks/language_model.yaml"
    found = verify(graphspec.load(SPECS / name, **SMALL[name]), kinds=["causal"], seeds=1)
    assert not found.failed, found.as_text()
    assert FOLLOWS in {why for it in found.findings if it.mode == "training" for why in it.skipped}


def test_a_budget_is_not_run() -> None:
    (found,) = verify(decoder("parameters: {at_most: 100000}")).findings
    assert (found.status, found.said) == ("not probed", "a budget is counted, not run")


def test_a_way_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="`as compiled`, `SDPA math`"):
        verify(decoder(CAUSAL), ways=("SDPA maths",))


def test_a_contract_for_one_mode() -> None:
    found = verify(decoder("causal: {output: y, input: x, mode: training}"), seeds=1)
    assert {it.mode for it in found.findings} == {"training"}


def test_a_window_beyond_all_lengths_is_not_run() -> None:
    (found, *_) = verify(decoder("reach: {output: y, input: x, left: 5000}")).findings
    assert "at most 384 are run" in found.said


def test_an_inner_node() -> None:
    found = verify(decoder("causal: {output: body, input: x}"), seeds=1)
    assert {it.status for it in found.findings} == {"agrees"}


APART = """
graphspec: 1
params: {d: 8}
axes: {B: batch, T: position}
inputs: {x: B T d, scale: {type: float B = 1}}
nodes: {a: {op: linear, in: x, dim: d}, b: {op: shift, in: a, axis: T, by: 1}, y: b * scale}
outputs: {y: y}
contracts: [{causal: {output: y, input: x}}, {independent: {axis: B}}]
"""


def test_fractions_are_poisoned_where_each_position_stands_alone() -> None:
    spec = graphspec.loads(APART.replace("{type: float B = 1}", "B = 1"))
    found = verify(spec, seeds=1)
    assert not found.failed, found.as_text()
    from compiler.verify.poison import shows_everything

    assert shows_everything(spec.graph)
    assert not shows_everything(decoder(CAUSAL).graph)


def test_inputs_are_drawn_as_what_they_are_for() -> None:
    assert roles_of(decoder(CAUSAL, mask="causal & documents(ids) & real").graph) == {
        "ids": "documents",
        "real": "real",
    }


def test_low_precision_and_torch_compile() -> None:
    spec = decoder(CAUSAL, PADDING, INDEPENDENT, mask="causal & real", turns=1)
    low = verify(spec, precision="bf16", seeds=1)
    assert not low.failed, low.as_text()
    assert "bf16 on cpu" in low.as_text()
    spec = decoder("causal: {output: y, input: x, mode: evaluation}", turns=1)
    compiled = verify(spec, backend="aot_eager", seeds=1)
    assert {it.status for it in compiled.findings} == {"agrees"}, compiled.as_text()
    assert {it.lowering for it in compiled.findings} == {"as compiled"}


# --- checkpoints and devices


def test_the_weights_of_a_file(tmp_path: Path) -> None:
    spec, file = decoder(CAUSAL), tmp_path / "model.safetensors"
    tensors = compiler.compile(spec).state_dict()
    save_file(tensors, file)
    found = verify(spec, checkpoint=file, seeds=1)
    assert not found.failed
    assert "weights of" in found.as_text()
    name, tensor = next(iter(tensors.items()))
    changed = {**tensors, name: tensor[:1].clone(), "stranger": torch.ones(1)}
    del changed["body.1.ffn.up.bias"]
    save_file(changed, file)
    with pytest.raises(SpecError) as caught:
        verify(spec, checkpoint=file)
    assert {it.code for it in caught.value.diagnostics} == {"missing-tensor", "unused-tensor", "tensor-shape"}
    for wrong in ("body.1.ffn.up.bias", "stranger", name):
        assert f"`{wrong}`" in str(caught.value)


@pytest.mark.parametrize("content", [None, "no tensors"])
def test_a_file_that_cannot_be_read(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    if content:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(SpecError, match=r"error\[checkpoint-|error\[file-|error\[no-"):
        verify(decoder(CAUSAL), checkpoint=file)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(SpecError, match="no-device"):
        verify(decoder(CAUSAL), device="cuda")


def test_a_contract_that_makes_no_sense() -> None:
    with pytest.raises(SpecError, match="contract-argument"):
        verify(decoder("causal: {output: y, input: q}"))


# --- the command


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(decoder(CAUSAL, INDEPENDENT, turns=1).text, encoding="utf-8")
    return str(path)


def test_the_command(spec: str) -> None:
    found = CliRunner().invoke(app, ["verify", spec, "--seeds", "1", "--set", "turns=2"])
    assert found.exit_code == 0, found.output
    assert "✓ proved   causal (output: y, input: x)" in found.output
    assert "2 as judged" in found.output


def test_the_command_as_json(spec: str) -> None:
    found = CliRunner().invoke(app, ["verify", spec, "--seeds", "1", "--seed", "7", "--contract", "causal", "--json"])
    facts = json.loads(found.stdout)
    assert facts["seeds"] == [7]
    assert facts["tolerance"] == 1e-9
    assert not facts["failed"]
    assert {it["kind"] for it in facts["findings"]} == {"causal"}
    assert {"mode", "data", "lowering", "status", "probes", "skipped", "violation"} <= facts["findings"][0].keys()


def test_a_violation_is_exit_code_1(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from compiler.verify import session
    from graphspec.analysis.contracts import Verdict

    text = Path(spec).read_text(encoding="utf-8").replace('"causal"', '"everything"')
    Path(spec).write_text(text, encoding="utf-8")
    monkeypatch.setattr(session, "verdicts", lambda graph: [Verdict(it, "proved", "") for it in graph.contracts])
    found = CliRunner().invoke(app, ["verify", spec, "--seeds", "1"])
    assert found.exit_code == 1, found.output
    assert "✗ proved   causal" in found.output
    assert "1 violated, 1 as judged" in found.output
    again = CliRunner().invoke(app, ["verify", spec, "--seeds", "1", "--json"])
    assert again.exit_code == 1
    assert json.loads(again.stdout)["failed"]


def test_misuse(spec: str) -> None:
    assert CliRunner().invoke(app, ["verify", spec, "--contract", "reach"]).exit_code == 2
    assert CliRunner().invoke(app, ["verify", spec, "--backend", "fast"]).exit_code == 2
    with pytest.raises(SpecError, match="unknown-target"):
        CliRunner().invoke(app, ["verify", spec, "--device", "tpu"], catch_exceptions=False)


PLUGIN = """
import compiler
from graphspec.operators import Operator, Signature, operator
from graphspec.operators.flow_mixing import Identity

@operator("smear", family="position")
class Smear(Operator):
    \"\"\"Adds the mean, and claims to add nothing.\"\"\"
    signature = Signature("x: ... T n -> y: ... T n")
    flow = Identity()

def smear(x):
    return x + x.mean(-2, keepdim=True)

compiler.register(Smear, smear)
"""


def test_a_plugin_that_claims_too_little_is_named(tmp_path: Path) -> None:
    text = decoder(CAUSAL, turns=1).text.replace("body * 1", "{op: smear, in: body}")
    (tmp_path / "smear.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "compiler.cli", "verify", "s.yaml", "--plugin", "smear.py", "--seeds", "1"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 1, found.stdout + found.stderr
    line = text[: text.index("{op: smear")].count("\n") + 1
    assert f"first at `after` (smear), s.yaml:{line}:" in found.stdout
