"""Runs that begin with trained weights: what is taken over, what starts anew, what learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from compiler.checkpoint.accounting import fits
from compiler.train import load_run
from compiler.train.recipe import Recipe
from compiler.train.session import prepare
from graphspec.diagnostics import Report, SpecError, format_text
from tests.train import tiny

READER = """
graphspec: 1
name: reader
params: {d: 16, vocab: 30, labels: 2}
axes: {B: batch, T: position}
inputs: {tokens: {type: int B T, below: vocab}, tokens_real: bool B T = true}
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  layers: {block: std.pre_norm_encoder_layer, repeat: 2, heads: 2, hidden: 32, mask: causal & tokens_real}
  norm: {op: layer_norm}
"""
MODEL = f"{READER}  logits: {{op: linear, dim: vocab, bias: false}}\noutputs: {{logits: logits}}\n"
MODEL = MODEL.replace(", labels: 2", "")
JUDGE = f"{READER}  head: {{op: linear, in: 'mean(norm, T)', dim: labels}}\noutputs: {{kind: head}}\n"
THEIRS = """
checkpoints:
  theirs:
    config: {d: width, vocab: vocab_size}
    nodes: {embedding: wte, "layers.{i}": "h.{i}", norm: last, head: score}
    blocks: {std.pre_norm_encoder_layer: {"norm{1,2}": "{a,b}", "attention.{q,k,v,o}": "attn.{q,k,v,o}", "ffn.{up,down}": "mlp.{up,down}"}}
"""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a small language model."""
    folder = tmp_path_factory.mktemp("earlier")
    recipe = written(folder, MODEL, text(folder), steps="8", batch__longest="12")
    return tiny.trained(recipe)[0].folder


def text(folder: Path) -> Path:
    return tiny.lines(folder / "text.txt", *["abba cab", "bacca", "cabba"] * 12)


def judged(folder: Path) -> Path:
    rows = [f"{word}\t{kind}" for word, kind in (("abba", "old"), ("cab", "new"), ("bac", "new"), ("acca", "old"))]
    return tiny.lines(folder / "kinds.tsv", *rows * 8)


def written(folder: Path, spec: str, data: Path, **changes: str) -> Recipe:
    """A recipe for a spec given as text; `__` stands for a dot."""
    path = folder / "spec.yaml"
    path.write_text(spec, encoding="utf-8")
    wanted = {key.replace("__", "."): value for key, value in changes.items()}
    wanted = {"data.train": str(data), "run": str(folder / "run"), "threads": "1", **tiny.QUICK, **wanted}
    return tiny.made(path, wanted)


def weights(run: Path) -> dict[str, torch.Tensor]:
    (file,) = run.glob("checkpoints/*/model.safetensors")
    return load_file(file)


def faults(recipe: Recipe) -> str:
    report = Report()
    prepare(recipe, False, report)
    return format_text(report.diagnostics)


# -- going on from a run -----------------------------------------------------------------------------------------------


def test_a_run_begins_with_the_weights_and_the_vocabulary_of_another(earlier: Path, tmp_path: Path) -> None:
    data = tiny.lines(tmp_path / "more.txt", *["bab", "baba"] * 20)  # fewer characters, in another order
    recipe = written(
        tmp_path, MODEL, data, weights__from=str(earlier), steps="1", optimiser__lr="1e-12", batch__longest="12"
    )
    result, said = tiny.trained(recipe)
    assert "from the weights of" in said
    assert (result.folder / "vocabulary.json").read_text() == (earlier / "vocabulary.json").read_text()
    before, after = weights(earlier), weights(result.folder)
    assert all(torch.allclose(before[name], after[name]) for name in before)
    told = json.loads((result.folder / "weights.json").read_text(encoding="utf-8"))
    assert told["from"] == earlier.resolve().as_posix()
    assert len(told["sha256"]["model.safetensors"]) == 64
    assert [it.text for it in load_run(result.folder, device="cpu").answer(["ab"], limit=4)]


def test_a_new_head_starts_anew_only_where_it_is_said(earlier: Path, tmp_path: Path) -> None:
    recipe = written(tmp_path, JUDGE, judged(tmp_path), weights__from=str(earlier))
    found = faults(recipe)
    assert all(it in found for it in ("`head.weight`", "`head.bias`", "weights: {fresh: […]}", "`logits.weight`"))
    ignoring = {"weights__from": str(earlier), "weights__ignore": "logits"}
    recipe = written(tmp_path, JUDGE, judged(tmp_path), **ignoring, weights__fresh="head.bias")
    found = faults(recipe)
    assert "`head.weight`" in found
    assert "no-vocabulary" not in found
    recipe = written(tmp_path, JUDGE, judged(tmp_path), weights__from=str(earlier), weights__fresh="head")
    found = faults(recipe)
    assert "`logits.weight`" in found
    assert "weights: {ignore: […]}" in found
    recipe = written(tmp_path, JUDGE, judged(tmp_path), **ignoring, weights__fresh="head", steps="2")
    result, _ = tiny.trained(recipe)
    assert result.finished
    assert json.loads((result.folder / "weights.json").read_text())["fresh"] == ["head.bias", "head.weight"]
    known = json.loads((result.folder / "vocabulary.json").read_text())
    assert known["labels"] == {"labels": ["new", "old"]}
    assert known["vocab"] == json.loads((earlier / "vocabulary.json").read_text())["vocab"]


def test_characters_that_the_weights_do_not_know_are_reported(earlier: Path, tmp_path: Path) -> None:
    data = tiny.lines(tmp_path / "more.txt", "abz")
    found = faults(written(tmp_path, MODEL, data, weights__from=str(earlier), batch__longest="12"))
    assert "`z` is not in the vocabulary" in found
    assert "earlier" in found


def test_what_a_token_is_comes_with_the_weights(earlier: Path, tmp_path: Path) -> None:
    changes = {"weights__from": str(earlier), "vocabulary__of": "words", "batch__longest": "12"}
    assert "trained on characters, not on words" in faults(written(tmp_path, MODEL, text(tmp_path), **changes))


# -- a checkpoint in another layout ------------------------------------------------------------------------------------


def in_another_layout(earlier: Path, folder: Path) -> Path:
    """The weights of a run under other names, with a configuration."""
    folder.mkdir()
    ways = {"embedding": "wte", "layers": "h", "norm": "last", "norm1": "a", "norm2": "b", "attention": "attn"}
    ways |= {"ffn": "mlp"}
    made = {
        ".".join(ways.get(step, step) for step in name.split(".")): it
        for name, it in weights(earlier).items()
        if not name.startswith("logits")
    }
    save_file(made, folder / "model.safetensors")
    config = {"width": 16, "vocab_size": len(weights(earlier)["embedding.weight"])}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_a_map_brings_weights_and_sizes(earlier: Path, tmp_path: Path) -> None:
    place = in_another_layout(earlier, tmp_path / "theirs")
    changes = {"weights__from": str(place), "weights__map": "theirs", "weights__fresh": "head"}
    recipe = written(tmp_path, JUDGE + THEIRS, judged(tmp_path), **changes, steps="1", optimiser__lr="1e-12")
    assert "number along `vocab`" in faults(recipe)  # rows without a vocabulary are noise
    (place / "vocabulary.json").write_text("[]", encoding="utf-8")
    assert "is no vocabulary of a run" in faults(recipe)
    (place / "vocabulary.json").write_bytes((earlier / "vocabulary.json").read_bytes())
    result, _ = tiny.trained(recipe)
    before, after = weights(earlier), weights(result.folder)
    assert all(torch.allclose(before[name], after[name]) for name in before.keys() & after.keys())
    assert before.keys() - after.keys() == {"logits.weight"}


def test_a_layout_that_is_not_named_is_hinted_at(earlier: Path, tmp_path: Path) -> None:
    place = in_another_layout(earlier, tmp_path / "theirs")
    recipe = written(
        tmp_path, JUDGE + THEIRS, judged(tmp_path), weights__from=str(place), weights__fresh="head,embedding"
    )
    (place / "vocabulary.json").write_bytes((earlier / "vocabulary.json").read_bytes())
    assert "map: theirs" in faults(recipe)


# -- what learns -------------------------------------------------------------------------------------------------------


def test_what_is_frozen_stays_and_has_no_state(earlier: Path, tmp_path: Path) -> None:
    changes = {"weights__from": str(earlier), "trainable.*": "false", "trainable.layers.1": "true", "steps": "4"}
    recipe = written(tmp_path, MODEL, text(tmp_path), **changes, batch__longest="12")
    result, said = tiny.trained(recipe)
    assert "of them learn" in said
    before, after = weights(earlier), weights(result.folder)
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if not name.startswith("layers.1")}
    (file,) = result.folder.glob("checkpoints/*/optimiser.safetensors")
    assert {name.split(".", 1)[1] for name in load_file(file)} == before.keys() - same


def test_a_frozen_run_goes_on_without_the_weights_it_began_with(earlier: Path, tmp_path: Path) -> None:
    from shutil import copytree, rmtree

    away = copytree(earlier, tmp_path / "away")
    changes = {"weights__from": str(away), "trainable.embedding": "false", "steps": "8", "batch__longest": "12"}
    recipe = written(tmp_path, MODEL, text(tmp_path), **changes)
    whole = tiny.trained(recipe)[0].folder
    wanted = weights(whole)
    rmtree(whole / "checkpoints")
    half = written(tmp_path, MODEL, text(tmp_path), **(changes | {"run": str(tmp_path / "half")}))
    interrupted(half, after=4)
    rmtree(away)
    result, _ = tiny.trained(half, resume=True)
    found = weights(result.folder)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def interrupted(recipe: Recipe, after: int) -> None:
    from compiler.train.loop import Loop

    class Cut(Exception):
        pass

    step = Loop.step

    def cut(self: Loop) -> int:
        if self.done >= after:
            raise Cut
        return step(self)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Cut):
        patch.setattr(Loop, "step", cut)
        tiny.trained(recipe)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trainable.enbedding": "false"}, "did you mean `embedding`"),
        ({"trainable.*": "false"}, "no tensor of the model learns"),
        ({"weights__fresh": "head"}, "none are named"),
        ({"weights__from": "nowhere"}, "there is no `nowhere`"),
        ({"trainable.norm": "maybe"}, "`true` or `false`"),
    ],
)
def test_rules_that_mean_nothing(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    try:
        assert said in faults(written(tmp_path, MODEL, text(tmp_path), **changes, batch__longest="12"))
    except AssertionError as error:
        assert said in str(error)


def test_a_run_without_weights_has_nothing_to_give(earlier: Path, tmp_path: Path) -> None:
    from shutil import copytree, ignore_patterns

    empty = copytree(earlier, tmp_path / "empty", ignore=ignore_patterns("checkpoints"))
    recipe = written(tmp_path, MODEL, text(tmp_path), weights__from=str(empty), batch__longest="12")
    with pytest.raises(SpecError, match="no-checkpoint"):
        tiny.trained(recipe)


def test_a_pattern_names_a_tensor_or_what_is_around_it() -> None:
    assert fits("layers", "layers.0.norm.weight")
    assert fits("layers.0", "layers.0.norm.weight")
    assert fits("*.bias", "layers.0.norm.bias")
    assert not fits("layer", "layers.0.norm.weight")
    assert not fits("layers.1", "layers.0.norm.weight")
