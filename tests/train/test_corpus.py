"""From files to numbers: vocabularies, what is held out, and texts that have no numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphspec
from compiler.train.batches import Pairs, Windows
from compiler.train.corpus import Corpus, gather, resolved
from compiler.train.tasks import candidates
from compiler.train.vocabulary import END, START, Labels
from graphspec.diagnostics import Report, format_text
from tests.train import tiny


def gathered(
    tmp_path: Path, data: Path, spec: str = "transformer.yaml", **changes: str
) -> tuple[Corpus | None, Report]:
    recipe, report = tiny.recipe(tmp_path, data, spec=tiny.SPECS / spec, **changes), Report()
    task = candidates(graphspec.load(recipe.spec).graph)[0]
    return gather(resolved(recipe, task, None, report), task, report), report


def corpus(tmp_path: Path, data: Path, spec: str = "transformer.yaml", **changes: str) -> Corpus:
    found, report = gathered(tmp_path, data, spec, **changes)
    assert found is not None, format_text(report.diagnostics)
    return found


def test_inputs_with_one_bound_share_a_vocabulary(tmp_path: Path) -> None:
    found = corpus(tmp_path, tiny.upper(tmp_path))
    assert list(found.vocabularies) == ["vocab"]
    assert found.source is found.output
    assert isinstance(found.train, Pairs)
    assert found.train.output.row(0)[[0, -1]].tolist() == [START, END]


def test_what_is_held_out_is_not_learnt_from(tmp_path: Path) -> None:
    data = tiny.lines(tmp_path / "a.tsv", *(f"{number:03d}\tx" for number in range(100)))
    found = corpus(tmp_path, data, data__validation="0.2")
    assert isinstance(found.train, Pairs) and isinstance(found.validation, Pairs)

    def texts(part: Pairs) -> set[str]:
        return {found.source.decode(part.source.row(row)) for row in range(len(part))}

    assert (len(texts(found.train)), len(texts(found.validation))) == (80, 20)
    assert not texts(found.train) & texts(found.validation)
    again = corpus(tmp_path, data, data__validation="0.2")
    assert isinstance(again.validation, Pairs)
    assert texts(again.validation) == texts(found.validation)


def test_nothing_is_held_out_where_nothing_is_asked_for(tmp_path: Path) -> None:
    assert corpus(tmp_path, tiny.upper(tmp_path), data__validation="0").validation is None


def test_tokens_outside_the_vocabulary_are_reported_once_each(tmp_path: Path) -> None:
    test = tiny.lines(tmp_path / "test.tsv", "ab\tAB", "axb\tAxB", "é\tA")
    found, report = gathered(tmp_path, tiny.upper(tmp_path), data__test=str(test))
    assert found is None
    assert tiny.places(report.diagnostics) == ["unknown-token 2:2", "unknown-token 3:1"]
    assert report.diagnostics[0].label == "the first of 2"
    assert "unknown: replace" in report.diagnostics[0].help


def test_they_are_replaced_on_request(tmp_path: Path) -> None:
    test = tiny.lines(tmp_path / "test.tsv", "axb\tAB")
    assert corpus(tmp_path, tiny.upper(tmp_path), data__test=str(test), vocabulary__unknown="replace").test


def test_rare_tokens_cannot_be_both_unknown_and_errors(tmp_path: Path) -> None:
    _, report = gathered(tmp_path, tiny.upper(tmp_path), vocabulary__least="2")
    assert [it.code for it in report.diagnostics] == ["contradiction"]


def test_long_examples_are_left_out_with_a_warning(tmp_path: Path) -> None:
    data = tiny.lines(tmp_path / "a.tsv", "abc\tx", "abcdef\tx", "b\tx", "c\tx")
    found, report = gathered(tmp_path, data, batch__longest="5", data__validation="0")
    assert found is not None and len(found.train) == 3
    assert [(it.code, it.severity) for it in report.diagnostics] == [("too-long", "warning")]
    found, report = gathered(tmp_path, data, batch__longest="2", data__validation="0")
    assert found is None and report.failed


def test_every_token_needs_one_label(tmp_path: Path) -> None:
    data = tiny.lines(tmp_path / "a.tsv", "the cat\tDET NOUN", "a dog\tDET", "x\tNOUN")
    _, report = gathered(tmp_path, data, "tasks/tagger.yaml", data__validation="0")
    assert tiny.places(report.diagnostics) == ["label-count 2:7"]


def test_labels_come_from_the_training_data(tmp_path: Path) -> None:
    data = tiny.lines(tmp_path / "a.tsv", "nice\tgood", "awful\tbad")
    found = corpus(tmp_path, data, "tasks/classifier.yaml", data__validation="0")
    assert found.vocabularies["classes"] == Labels(("bad", "good"))
    test = tiny.lines(tmp_path / "test.tsv", "nice\tgod")
    _, report = gathered(tmp_path, data, "tasks/classifier.yaml", data__test=str(test))
    assert tiny.places(report.diagnostics) == ["unknown-label 1:6"]
    assert report.diagnostics[0].help == "did you mean `good`?"


def test_a_text_is_one_row_with_its_end_held_out(tmp_path: Path) -> None:
    data = tiny.lines(tmp_path / "a.txt", "abcdefghi" * 10)
    found = corpus(tmp_path, data, "tasks/language_model.yaml", data__validation="0.25", batch__longest="8")
    assert isinstance(found.train, Windows) and isinstance(found.validation, Windows)
    assert (len(found.train.tokens), len(found.validation.tokens)) == (69, 23)
    assert found.validation.tokens[-1] == END
    assert found.train.batch(np.array([0])).inputs["tokens"].shape == (1, 8)


def test_a_language_model_does_not_learn_from_pairs(tmp_path: Path) -> None:
    _, report = gathered(tmp_path, tiny.upper(tmp_path), "tasks/language_model.yaml")
    assert [it.code for it in report.diagnostics] == ["wrong-format"]


@pytest.mark.parametrize("key", ["train", "validation", "test"])
def test_faults_of_every_file_are_reported(tmp_path: Path, key: str) -> None:
    changes = {"data__validation": str(tmp_path / "x.tsv"), "data__test": str(tmp_path / "y.tsv")}
    _, report = gathered(tmp_path, tmp_path / "z.tsv", **changes)
    assert [it.code for it in report.diagnostics] == ["missing-file"] * 3


def test_an_unknown_label_is_found_on_its_line(tmp_path: Path) -> None:
    data = tiny.lines(tmp_path / "a.conll", "the DET", "cat NOUN")
    test = tiny.lines(tmp_path / "test.conll", "the DET", "", "the DET", "cat NOUM")
    _, report = gathered(tmp_path, data, "tasks/tagger.yaml", data__validation="0", data__test=str(test))
    assert tiny.places(report.diagnostics) == ["unknown-label 4:1"]
