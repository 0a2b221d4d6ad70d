"""Published weights on texts: their tokenizer comes along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from compiler.train import load_run, vocabulary
from compiler.train.tokenizer import Pretrained, read
from compiler.train.vocabulary import Marks
from graphspec.diagnostics import Report
from tests.train import tiny
from tests.train.test_start import faults

GPT2 = tiny.SPECS / "llm/gpt2.yaml"
TEXT = ["the cat sat on the mat", "the dog sat on the log"] * 8


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2 as its authors would publish it: more rows than tokens, and no padding."""
    folder = tmp_path_factory.mktemp("gpt2")
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=270, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    made.train_from_iterator(TEXT, trainer)
    made.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=272, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0, resid_pdrop=0.0
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def recipe(folder: Path, published: Path, **changes: str):  # as `tiny.made` says
    data = tiny.lines(folder / "text.txt", *TEXT)
    wanted = {"data.train": str(data), "run": str(folder / "run"), "weights.from": str(published), "threads": "1"}
    wanted |= tiny.QUICK | {"weights.map": "huggingface", "steps": "30", "optimiser.lr": "1e-2"}
    return tiny.made(GPT2, wanted | {key.replace("__", "."): value for key, value in changes.items()})


def test_gpt2_learns_a_text_and_goes_on_with_it(published: Path, tmp_path: Path) -> None:
    result, said = tiny.trained(recipe(tmp_path, published))
    assert result.finished
    assert "from the weights of" in said
    assert "vocab: 272" in (result.folder / "spec.yaml").read_text(encoding="utf-8")
    assert "of: tokens" in (result.folder / "recipe.yaml").read_text(encoding="utf-8")
    lines = (result.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [json.loads(line)["loss"] for line in lines if "loss" in line]
    assert losses[-1] < losses[0] / 2
    (answer,) = load_run(result.folder, device="cpu").answer(["the cat sat"], limit=8)
    assert answer.text.startswith(" on")
    again, _ = tiny.trained(recipe(tmp_path, published), resume=True)
    assert again.finished


def test_the_first_loss_is_the_reference_s(published: Path, tmp_path: Path) -> None:
    result, _ = tiny.trained(recipe(tmp_path, published, steps="1", batch__size="1", batch__longest="16"))
    known = vocabulary.load(result.folder / "vocabulary.json")["vocab"]
    assert isinstance(known, Pretrained)
    (line,) = [json.loads(it) for it in (result.folder / "metrics.jsonl").read_text().splitlines() if "loss" in it]
    model = GPT2LMHeadModel.from_pretrained(published).eval()
    stream = [*known.encode("\n".join(TEXT) + "\n").tolist(), known.marks.end]
    windows = torch.tensor(stream).unfold(0, 16, 1)
    with torch.no_grad():
        logits = model(windows).logits[:, :-1]
    losses = F.cross_entropy(logits.mT, windows[:, 1:], reduction="none").mean(1)
    assert (losses - line["loss"]).abs().min() < 1e-4
    assert losses.std() > 0.01


def test_marks_come_from_the_configuration(published: Path) -> None:
    def marks(**config: object) -> Marks:
        known = read(published / "tokenizer.json", config, None, Report())
        assert known is not None
        return known.marks

    assert marks(eos_token_id=[5, 6]) == Marks(pad=5, start=5, end=5, unknown=-1)
    assert marks(eos_token_id=1, pad_token_id=0, decoder_start_token_id=0) == Marks(0, 0, 1, -1)
    assert marks(eos_token_id=1, pad_token_id=3, bos_token_id=2) == Marks(3, 2, 1, -1)


def test_tokens_are_cut_as_the_file_says_and_put_together_again(published: Path) -> None:
    known = read(published / "tokenizer.json", {"eos_token_id": 0}, None, Report())
    assert known is not None
    assert known.decode(known.encode("the cat sat, später").tolist()) == "the cat sat, später"
    assert known.size == 270
    assert known.unknown("x") == []


def test_what_cannot_serve_is_refused(published: Path, tmp_path: Path) -> None:
    from shutil import copytree

    other = copytree(published, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    config["eos_token_id"] = None
    (other / "config.json").write_text(json.dumps(config))
    assert "no `eos_token_id` is named" in faults(recipe(tmp_path, other))
    (other / "tokenizer.json").write_text("{}")
    assert "cannot read" in faults(recipe(tmp_path, other))
    (other / "tokenizer.json").unlink()
    assert "number along `vocab`" in faults(recipe(tmp_path, other))
    assert "trained on tokens, not on words" in faults(recipe(tmp_path, published, vocabulary__of="words"))
