"""What a model is compiled for, as text and as a value; and objectives, which become a part of the graph."""

from __future__ import annotations

import contextlib
import itertools
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import graphspec
from compiler.build import compile
from compiler.emit import emit
from compiler.features import lacks, refuse_what_it_lacks
from compiler.target import Objective, Target
from graphspec.diagnostics import Report, SpecError
from tests.build.test_compile import transformer
from tests.lower.cases import spec

SPECS = Path(__file__).parents[2] / "specs"
NEXT = "next_token(logits, target, ignore=0, smoothing=0.1)"


def parse(text: str) -> Target:
    report = Report()
    target = Target.parse(text, report)
    report.check()
    return target


# --- as text


def test_text_and_value() -> None:
    assert parse("") == Target()
    assert parse("device=cuda, precision=bf16") == Target(device="cuda", precision="bf16")
    wanted = Objective("next_token", "logits", "target", 0, 0.1)
    assert parse(f"objective={NEXT},device=cpu") == Target(device="cpu", objective=wanted)
    assert Target(objective=NEXT).goal == wanted
    assert parse("objective=cross_entropy").goal == Objective("cross_entropy")


@pytest.mark.parametrize(
    "text", ["device=cpu", f"device=cuda,precision=bf16,objective={NEXT}", "objective=cross_entropy"]
)
def test_it_prints_what_it_reads(text: str) -> None:
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("devise=cpu", "unknown-target.*a target has no `devise`.*did you mean `device`"),
        ("device=cud", "unknown-target.*`device` cannot be `cud`.*did you mean `cuda`"),
        ("device", "unknown-target.*`device` cannot be ``"),
        ("device=cpu,device=cuda", "unknown-target.*`device` is given twice"),
        ("objective=nxt(logits)", "unknown-objective.*there is no objective `nxt`"),
        ("objective=next_token(logits", "unknown-"),
        ("objective=next_token(1)", "unknown-objective.*takes the name of an output"),
        ("objective=next_token(logits, ignored=1)", "unknown-objective.*no `ignored`"),
    ],
)
def test_problems_are_told(text: str, said: str) -> None:
    with pytest.raises(graphspec.SpecError) as caught:
        parse(text)
    assert re.search(said, str(caught.value), re.DOTALL), str(caught.value)


def test_all_problems_at_once() -> None:
    report = Report()
    assert Target.parse("device=tpu,precision=bf16,colour=red", report) == Target(precision="bf16")
    assert [str(found.span) for found in report.diagnostics] == ["--target:1:1", "--target:1:27"]


# --- objectives


def test_next_token_is_shifted_and_smoothed_and_ignores() -> None:
    inputs = {"source": torch.arange(14).view(2, 7), "target": torch.tensor([[3, 4, 5, 0, 0], [9, 8, 7, 6, 0]])}
    made = compile(transformer(), Target(objective=NEXT)).eval()(**inputs)
    logits, labels = made.logits[:, :-1].flatten(0, 1), inputs["target"][:, 1:].flatten()
    torch.testing.assert_close(made.loss, F.cross_entropy(logits, labels, ignore_index=0, label_smoothing=0.1))


def test_cross_entropy_takes_labels() -> None:
    tagger = graphspec.load(SPECS / "tasks" / "tagger.yaml", layers=1)
    made = compile(tagger, Target(objective="cross_entropy")).eval()
    tokens = torch.arange(6).view(2, 3)
    labels = torch.tensor([[0, 1, -100], [1, -100, 0]])
    out = made(tokens, labels, torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(out.loss, F.cross_entropy(out.logits.flatten(0, 1), labels.flatten()))


def test_labels_without_positions_and_of_any_name() -> None:
    classifier = graphspec.load(SPECS / "tasks" / "classifier.yaml", layers=1)
    made = compile(classifier, Target(objective="cross_entropy(logits, answers)")).eval()
    answers = torch.tensor([0, 1])
    out = made(tokens=torch.arange(6).view(2, 3), answers=answers)
    torch.testing.assert_close(out.loss, F.cross_entropy(out.logits, answers))


def test_the_objective_stands_in_the_source() -> None:
    text = emit(transformer().graph, Target(device="cpu", objective=NEXT))
    assert f"for `device=cpu,precision=fp32,objective={NEXT},fusion=plain`" in text.replace("\n", " ")


PEEKING = spec("""
inputs: {ids: int B T, real: bool B T = true}
nodes:
  embedding: {op: embedding, in: ids, size: vocab, dim: d}
  mixed: {block: std.attention, in: embedding, heads: heads, mask: real}
  out: {op: linear, in: mixed, dim: vocab}
""")


def test_predicting_what_was_read_is_refused_with_the_path() -> None:
    with pytest.raises(graphspec.SpecError, match="objective-not-causal") as caught:
        compile(graphspec.loads(PEEKING), Target(objective="next_token"))
    text = str(caught.value)
    assert "`out` reads later positions of `ids`" in text
    assert "note: `mixed`" in text
    assert "<text>:9:3" in text


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("next_token(logits)", "there is no output `logits`"),
        ("next_token(out, real)", "no input `real` holds whole numbers along the axes of the output"),
        ("cross_entropy(out, real)", "`real` is no input of whole numbers"),
        ("cross_entropy(out, mixed)", "`mixed` is no input of whole numbers"),
    ],
)
def test_an_objective_that_does_not_fit(objective: str, said: str) -> None:
    with pytest.raises(graphspec.SpecError) as caught:
        emit(graphspec.loads(PEEKING).graph, Target(objective=objective))
    assert "unknown-objective" in str(caught.value)
    assert said in str(caught.value)


def test_one_of_several_outputs_must_be_named() -> None:
    text = PEEKING.replace("{out: out}", "{out: out, mixed: mixed}")
    with pytest.raises(graphspec.SpecError, match="could be about any of 2 outputs"):
        emit(graphspec.loads(text).graph, Target(objective="cross_entropy"))


# --- what the device lacks


@pytest.fixture
def old_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that is there, but can neither bf16 nor tf32."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")


@pytest.mark.usefixtures("old_gpu")
@pytest.mark.parametrize("precision", ["bf16", "tf32"])
def test_a_precision_that_the_gpu_lacks_is_refused_with_the_alternative(precision: str) -> None:
    (found,) = lacks("cuda", precision)
    assert (found.code, found.help) == ("no-such-precision", "say `precision=fp32`")
    assert found.message == f"`Tesla T4` cannot compute in {precision}"
    assert not list(lacks("cuda", "fp32"))


def test_what_is_not_there_or_not_of_a_processor() -> None:
    assert [it.code for it in lacks("cpu", "tf32")] == ["no-such-precision"]
    assert not [*lacks("cpu", "bf16"), *lacks("meta", "bf16")]
    if not torch.cuda.is_available():
        assert [it.code for it in lacks("cuda:3", "bf16")] == ["no-device"]
        with pytest.raises(SpecError, match="no-device"):
            refuse_what_it_lacks(Target(device="cuda"))


SPEECH = """
graphspec: 1
name: speech
params: {d: 6, classes: 5}
axes: {B: batch, F: position, S: {size: (F - 1) // 2 + 1, role: position}}
inputs: {sound: B F d, real: bool B F = true}
nodes:
  frames: {op: convolution, in: sound, over: F, dim: d, kernel: 3, stride: 2, padding: 1}
  logits: {op: linear, in: frames, dim: classes}
  lengths: (sum(real, F) - 1) // 2 + 1
outputs: {logits: logits, lengths: lengths}
"""


def test_labels_spelt_by_frames() -> None:
    model = compile(graphspec.loads(SPEECH), Target(objective="ctc(logits, letters, lengths, blank=4)")).eval()
    labels = torch.tensor([[0, 1, 1], [3, -100, -100]])
    real = torch.arange(11) < torch.tensor([[11], [6]])
    made = model(torch.randn(2, 11, 6, generator=torch.Generator().manual_seed(0)), labels, real)
    assert made.lengths.tolist() == [6, 3]
    rows = []
    for row, count, letters in zip(made.logits.log_softmax(-1), (6, 3), ([0, 1, 1], [3]), strict=True):
        rows.append(-spellings(row[:count].exp(), letters, 4).log() / len(letters))
    torch.testing.assert_close(made.loss, torch.stack(rows).mean())


def spellings(chances: torch.Tensor, letters: list[int], blank: int) -> torch.Tensor:
    """The probability of a word, by going through every way of spelling it."""
    total = torch.zeros(())
    for way in itertools.product(range(chances.shape[1]), repeat=chances.shape[0]):
        joined = [it for at, it in enumerate(way) if at == 0 or it != way[at - 1]]
        if [it for it in joined if it != blank] == letters:
            total = total + torch.stack([chances[frame, it] for frame, it in enumerate(way)]).prod()
    return total


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("ctc(logits, labels, real)", "no output or input `real` holds a whole number for each row"),
        ("ctc(logits, sound)", "there is a `sound` already"),
        ("ctc(logits, labels, lengths, blank=5)", "`blank` is 5, but there are 5 classes"),
        ("ctc(logits, labels, smoothing=0.1)", "has no `smoothing` of this kind"),
        ("ctc(logits, a, b, c)", "and that of the lengths"),
    ],
)
def test_what_does_not_spell(objective: str, said: str) -> None:
    with pytest.raises(graphspec.SpecError) as caught:
        emit(graphspec.loads(SPEECH).graph, Target(device="cpu", objective=objective))
    assert said in str(caught.value)


def test_all_frames_count_unless_told() -> None:
    text = emit(graphspec.loads(SPEECH).graph, Target(device="cpu", objective="ctc(logits)"))
    assert "loss = ctc_loss(logits, labels)" in text
