"""Whole runs: a model learns, is saved, goes on where it stopped, and answers."""

from __future__ import annotations

import json
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from compiler.train import load_run, session
from compiler.train.folder import Folder
from compiler.train.loop import Loop
from graphspec.diagnostics import SpecError
from tests.train import tiny

MEANT = [
    "recipe.yaml",
    "spec.yaml",
    "vocabulary.json",
    "model.py",
    "diagram.svg",
    "metrics.jsonl",
    "loss.svg",
    "data.json",
]


def metrics(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def losses(folder: Path) -> list[float]:
    return [float(str(line["loss"])) for line in metrics(folder) if "loss" in line]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt to write in capitals."""
    folder = tmp_path_factory.mktemp("learnt")
    changes = {"steps": "300", "batch__size": "16", "evaluation__every": "100", "set__drop": "0"}
    recipe = tiny.recipe(folder, tiny.upper(folder, 120), **changes)
    result, _ = tiny.trained(recipe)
    assert result.finished
    return result.folder


def test_the_loss_falls(learnt: Path) -> None:
    found = losses(learnt)
    assert sum(found[-10:]) < sum(found[:10]) / 10


def test_everything_about_the_run_is_in_its_folder(learnt: Path) -> None:
    assert {it.name for it in learnt.iterdir()} == {*MEANT, "checkpoints"}
    assert [it.name for it in (learnt / "checkpoints").iterdir()] == ["step-300"]
    assert "vocab: 10" in (learnt / "spec.yaml").read_text(encoding="utf-8")


def test_end_is_learnt_and_respected(learnt: Path) -> None:
    found = load_run(learnt, device="cpu").answer(["a", "abc", "cc"])
    assert [(it.text, it.ended) for it in found] == [("A", True), ("ABC", True), ("CC", True)]
    cut = load_run(learnt, device="cpu").answer(["abc"], limit=2)[0]
    assert (cut.text, cut.ended) == ("AB", False)


def test_answers_do_not_depend_on_their_neighbours(learnt: Path) -> None:
    predictor = load_run(learnt, device="cpu")
    texts = ["a", "abcabc", "bb", "c"]
    together = [it.text for it in predictor.answer(texts)]
    assert together == [predictor.answer([text])[0].text for text in texts]


def test_texts_that_the_model_cannot_read_are_reported_in_place(learnt: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_run(learnt, device="cpu").answer(["abc", "axc", "", "a" * 300])
    assert tiny.places(caught.value.diagnostics) == ["unknown-token 2:2", "empty-input 3:1", "too-long 4:1"]


# -- going on ----------------------------------------------------------------------------------------------------------


def interrupted(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let Ctrl-C be pressed during a step."""
    step: Callable[[Loop], int] = Loop.step

    def pressed(loop: Loop) -> int:
        if loop.done + 1 == at:
            signal.raise_signal(signal.SIGINT)
        return step(loop)

    monkeypatch.setattr(Loop, "step", pressed)


@pytest.mark.parametrize("at", [3, 8])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    data = tiny.upper(tmp_path)
    straight, _ = tiny.trained(tiny.recipe(tmp_path, data, run=str(tmp_path / "straight")))
    recipe = tiny.recipe(tmp_path, data)
    with monkeypatch.context() as patch:
        interrupted(patch, at)
        stopped, said = tiny.trained(recipe)
    assert (stopped.finished, stopped.step) == (False, at)
    assert f"stopped after step {at}" in said and "--resume" in said
    went_on, _ = tiny.trained(tiny.loaded(stopped.folder / "recipe.yaml"), resume=True)
    assert went_on.finished
    assert metrics(went_on.folder) == metrics(straight.folder)
    assert same_weights(went_on.folder, straight.folder)


def same_weights(one: Path, other: Path) -> bool:
    found = [Folder(it).checkpoint() for it in (one, other)]
    assert found[0] and found[1]
    return (found[0] / "model.safetensors").read_bytes() == (found[1] / "model.safetensors").read_bytes()


def test_a_run_that_was_killed_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny.upper(tmp_path)
    straight, _ = tiny.trained(tiny.recipe(tmp_path, data, run=str(tmp_path / "straight")))
    recipe = tiny.recipe(tmp_path, data)
    step: Callable[[Loop], int] = Loop.step

    def killed(loop: Loop) -> int:
        if loop.done == 11:
            loop.log.flush()
            raise MemoryError
        return step(loop)

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(Loop, "step", killed)
        tiny.trained(recipe)
    assert len(losses(tmp_path / "run")) == 11  # three more than the checkpoint knows
    with (tmp_path / "run/metrics.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"step": 12, "lo')
    went_on, said = tiny.trained(recipe, resume=True)
    assert "from step 8 to 12" in said
    assert metrics(went_on.folder) == metrics(straight.folder)


def test_the_same_seed_gives_the_same_curve_and_another_another(tmp_path: Path) -> None:
    data = tiny.upper(tmp_path)
    runs = {name: tiny.recipe(tmp_path, data, run=str(tmp_path / name), seed=name[0]) for name in ("1a", "1b", "2")}
    found = {name: losses(tiny.trained(recipe)[0].folder) for name, recipe in runs.items()}
    assert found["1a"] == found["1b"] != found["2"]


def test_a_finished_run_is_not_gone_through_again(learnt: Path) -> None:
    before = (learnt / "metrics.jsonl").read_bytes()
    result, _ = tiny.trained(tiny.loaded(learnt / "recipe.yaml"), resume=True)
    assert result.finished and result.measured.keys() == {"validation"}
    assert (learnt / "metrics.jsonl").read_bytes() == before


# -- what is refused ---------------------------------------------------------------------------------------------------


def refused(recipe: session.Recipe, *, resume: bool = False) -> SpecError:
    with pytest.raises(SpecError) as caught:
        tiny.trained(recipe, resume=resume)
    return caught.value


def test_an_existing_run_is_not_overwritten(learnt: Path) -> None:
    before = {it: it.stat().st_mtime_ns for it in learnt.rglob("*")}
    error = refused(tiny.loaded(learnt / "recipe.yaml"))
    assert [it.code for it in error.diagnostics] == ["run-exists"]
    assert "--resume" in error.diagnostics[0].help
    assert before == {it: it.stat().st_mtime_ns for it in learnt.rglob("*")}


def test_a_folder_with_other_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    tiny.lines(tmp_path / "run" / "thesis.tex", "x")
    assert [it.code for it in refused(tiny.recipe(tmp_path, tiny.upper(tmp_path))).diagnostics] == ["run-exists"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = refused(tiny.recipe(tmp_path, tiny.upper(tmp_path), run=str(tmp_path / "file" / "run")))
    assert [it.code for it in found.diagnostics] == ["cannot-write"]


def test_another_recipe_does_not_go_on_with_a_run(learnt: Path) -> None:
    error = refused(tiny.loaded(learnt / "recipe.yaml", optimiser__lr="1e-4", seed="7", set__drop="0.5"), resume=True)
    assert [it.code for it in error.diagnostics] == ["recipe-changed"]
    notes = [note.message for note in error.diagnostics[0].notes]
    assert notes == ["`optimiser.lr` differs", "`seed` differs", "the spec differs from `spec.yaml`"]


def test_other_data_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    data = tiny.upper(tmp_path)
    recipe = tiny.recipe(tmp_path, data)
    tiny.trained(recipe)
    tiny.upper(tmp_path, seed=5)
    error = refused(recipe, resume=True)
    assert [note.message for note in error.diagnostics[0].notes] == ["the file of `data.train` differs"]


def test_faults_of_spec_and_device_and_metric_are_reported_together(tmp_path: Path) -> None:
    changes = {"evaluation__metric": "accuracy", "set__layrs": "3"} | (
        {} if torch.cuda.is_available() else {"device": "cuda"}
    )
    error = refused(tiny.recipe(tmp_path, tmp_path / "none.tsv", **changes))
    device = {f"no-{key}" for key in changes if key == "device"}
    assert {it.code for it in error.diagnostics} == {"unknown-parameter", "missing-file"} | device
    error = refused(tiny.recipe(tmp_path, tmp_path / "none.tsv", evaluation__metric="accuracy"))
    assert {it.code for it in error.diagnostics} == {"wrong-metric", "missing-file"}


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    error = refused(tiny.recipe(tmp_path, tiny.upper(tmp_path), optimiser__lr="1e30", optimiser__clip="0"))
    assert [it.code for it in error.diagnostics] == ["loss-not-finite"]


def test_a_model_that_sees_the_next_token_is_not_taught_to_predict_it(tmp_path: Path) -> None:
    text = (tiny.SPECS / "tasks/language_model.yaml").read_text(encoding="utf-8")
    spec = tmp_path / "peeking.yaml"
    spec.write_text(text.replace("mask: causal", "mask: everything").split("contracts:")[0], encoding="utf-8")
    changes = {"data.train": str(tiny.lines(tmp_path / "a.txt", "abc" * 50)), "run": str(tmp_path / "run"), **NARROW}
    error = refused(tiny.made(spec, changes))
    assert [it.code for it in error.diagnostics] == ["objective-not-causal"]
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_cannot_answer(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SpecError) as caught:
            load_run(path)
        assert [it.code for it in caught.value.diagnostics] == ["no-run"]


# -- other tasks -------------------------------------------------------------------------------------------------------

SIZES = {"threads": "1", "batch.size": "16", "steps": "60", "schedule.warmup": "5", "optimiser.lr": "5e-3"}
NARROW = {"set.d_model": "32", "set.heads": "2", "set.drop": "0"}


def test_a_classifier_learns(tmp_path: Path) -> None:
    rows = [f"{letter * count}\t{'good' if letter in 'ab' else 'bad'}" for letter in "abcd" for count in range(1, 12)]
    changes = {
        "data.train": str(tiny.lines(tmp_path / "a.tsv", *rows)),
        "run": str(tmp_path / "run"),
        **SIZES,
        **NARROW,
    }
    result, said = tiny.trained(tiny.made(tiny.SPECS / "tasks/classifier.yaml", changes))
    assert "task: classification" in said and "classes = 2" in said
    assert result.metric == "accuracy" and result.measured["validation"] == 1
    assert [it.text for it in load_run(result.folder).answer(["aab", "dcc"])] == ["good", "bad"]


def test_a_tagger_learns(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [f"{letter} {letter.upper()}" if chance.random() < 0.8 else "" for letter in chance.choices("abcd", k=400)]
    changes = {
        "data.train": str(tiny.lines(tmp_path / "a.conll", *rows)),
        "run": str(tmp_path / "run"),
        **SIZES,
        **NARROW,
    }
    result, _ = tiny.trained(tiny.made(tiny.SPECS / "tasks/tagger.yaml", changes))
    assert result.measured["validation"] == 1
    assert [it.text for it in load_run(result.folder).answer(["a b c b", "d"])] == ["A B C B", "D"]


def test_a_language_model_learns_and_goes_on_with_a_text(tmp_path: Path) -> None:
    changes = {"data.train": str(tiny.lines(tmp_path / "a.txt", "abcde " * 300)), "run": str(tmp_path / "run")}
    sizes = {"depth": "1", "d_model": "32", "heads": "2", "kv_heads": "1", "d_ff": "64"}
    changes |= {**SIZES, **{f"set.{name}": size for name, size in sizes.items()}}
    changes |= {"batch.longest": "16", "optimiser.lr": "2e-2", "steps": "120"}
    result, _ = tiny.trained(tiny.made(tiny.SPECS / "llm/llama.yaml", changes))
    assert result.metric == "perplexity" and result.measured["validation"] < 1.5
    assert load_run(result.folder).answer(["abc"], limit=7)[0].text == "de abcd"


def test_bf16_and_compiled_blocks_train(tmp_path: Path) -> None:
    result, _ = tiny.trained(tiny.recipe(tmp_path, tiny.upper(tmp_path), precision="bf16"))
    assert result.finished and losses(result.folder)[-1] < losses(result.folder)[0]


def test_fused_and_plain_learn_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss in pieces, and linears computed together."""
    monkeypatch.setattr("compiler.runtime.linear_loss.PIECE", 64)
    monkeypatch.setattr(sys.modules["compiler.passes.fuse_loss"], "MANY", 1)
    data = tiny.upper(tmp_path)
    for precision, what, error in (("fp32", "linear_cross_entropy(", 1e-3), ("bf16", "merged_linear(", 0.01)):
        found: dict[str, list[float]] = {}
        for fusion in ("fused", "plain"):
            run = str(tmp_path / f"{fusion}-{precision}")
            result, _ = tiny.trained(tiny.recipe(tmp_path, data, run=run, fusion=fusion, precision=precision))
            found[fusion] = losses(result.folder)
            assert (what in (result.folder / "model.py").read_text(encoding="utf-8")) == (fusion == "fused")
        assert found["fused"][:2] == pytest.approx(found["plain"][:2], rel=error)
        assert found["fused"] == pytest.approx(found["plain"], rel=0.05)  # roundings that differ grow


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's own, while tracing
@pytest.mark.parametrize("how", ["blocks", "whole"])
def test_compiled_models_train(tmp_path: Path, how: str) -> None:
    data = tiny.upper(tmp_path)
    eager, _ = tiny.trained(tiny.recipe(tmp_path, data, set__drop="0", run=str(tmp_path / "eager")))
    compiled, _ = tiny.trained(tiny.recipe(tmp_path, data, set__drop="0", compile=how))
    found, wanted = losses(compiled.folder), losses(eager.folder)
    assert found[:2] == pytest.approx(wanted[:2], rel=1e-3)  # later, roundings that differ have grown
    assert found == pytest.approx(wanted, rel=0.05)
