"""What a spec can be taught is read off its inputs and outputs, and its sizes off the data."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphspec
from compiler.train import folder, sizes
from compiler.train.corpus import gather, resolved
from compiler.train.tasks import Task, candidates, choose
from graphspec import source
from graphspec.diagnostics import Report, format_text
from tests.train import tiny

HEAD = "graphspec: 1\nparams: {vocab: 9, d: 4}\naxes: {B: batch, T: position}\n"


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("transformer.yaml", ["seq2seq"]),
        ("llm/llama.yaml", ["language_model", "labelling"]),
        ("tasks/language_model.yaml", ["language_model", "labelling"]),
        ("tasks/classifier.yaml", ["classification"]),
        ("tasks/tagger.yaml", ["labelling", "language_model"]),
    ],
)
def test_the_task_is_guessed(spec: str, wanted: list[str]) -> None:
    assert [task.name for task in candidates(graphspec.load(tiny.SPECS / spec).graph)] == wanted


def test_the_padding_mask_is_the_optional_boolean_along_the_same_axes() -> None:
    task = transformer()
    assert (task.source.name, task.source.real) == ("source", "source_real")
    assert task.target is not None
    assert (task.target.name, task.target.real) == ("target", None)


def transformer() -> Task:
    (task,) = candidates(graphspec.load(tiny.TRANSFORMER).graph)
    return task


def test_a_spec_that_reads_no_tokens_fits_no_task() -> None:
    text = f"{HEAD}inputs: {{x: B T d}}\nnodes: {{y: {{op: linear, in: x, dim: vocab}}}}\noutputs: {{logits: y}}\n"
    report = Report()
    assert choose(graphspec.loads(text).graph, None, report, None) is None
    assert "input `x` is B T d, and files give tokens alone" in format_text(report.diagnostics)


def test_an_input_without_bound_is_no_tokens() -> None:
    text = f"{HEAD}inputs: {{x: {{type: int B T, below: vocab}}, first: int B}}\nnodes: {{y: {{op: embedding, in: x, size: vocab, dim: vocab}}, z: y + first}}\noutputs: {{logits: z}}\n"
    report = Report()
    assert choose(graphspec.loads(text).graph, None, report, None) is None
    assert "input `x` is int B T at " in format_text(report.diagnostics)
    assert "input `first` is int B without `below`, so no tokens" in format_text(report.diagnostics)


def test_a_task_that_does_not_fit_is_refused_with_those_that_do() -> None:
    report = Report()
    assert choose(graphspec.load(tiny.TRANSFORMER).graph, "classification", report, None) is None
    assert report.diagnostics[0].help == "say `seq2seq`"


# -- sizes that follow from the data -----------------------------------------------------------------------------------


def fitted(tmp_path: Path, **changes: str) -> tuple[sizes.Fitted, Report]:
    recipe = tiny.recipe(tmp_path, tiny.upper(tmp_path), **changes)
    graph = graphspec.load(recipe.spec, **sizes.given(recipe)).graph
    report = Report()
    recipe = resolved(recipe, transformer(), None, report)
    corpus = gather(recipe, transformer(), report)
    assert corpus is not None, format_text(report.diagnostics)
    return sizes.fit(graph, corpus.task, corpus.vocabularies, recipe, report), report


def test_the_size_of_the_vocabulary_is_set_and_said(tmp_path: Path) -> None:
    found, report = fitted(tmp_path)
    assert found.overrides == {"vocab": "10"}
    assert found.said == ("vocab = 10: the characters of the training data and 4 special tokens",)
    assert not report.failed


def test_asking_for_it_is_the_same(tmp_path: Path) -> None:
    assert fitted(tmp_path, set__vocab="vocabulary")[0].overrides == {"vocab": "10"}


def test_a_size_that_is_given_is_kept_if_it_is_large_enough(tmp_path: Path) -> None:
    found, report = fitted(tmp_path, set__vocab="64")
    assert (found.overrides, report.failed) == ({}, False)
    _, report = fitted(tmp_path, set__vocab="9")
    assert tiny.places(report.diagnostics)[0].startswith("vocabulary-too-small")


def test_a_size_that_the_data_does_not_decide_needs_a_number(tmp_path: Path) -> None:
    _, report = fitted(tmp_path, set__d_model="32", set__layers="vocabulary")
    assert tiny.places(report.diagnostics)[0].startswith("no-such-size")


def test_examples_are_as_long_as_the_spec_has_positions(tmp_path: Path) -> None:
    graph = graphspec.load(tiny.SPECS / "tasks/classifier.yaml", longest=50).graph
    assert sizes.longest(graph) == 50
    recipe, report = tiny.recipe(tmp_path, tiny.upper(tmp_path)), Report()
    assert resolved(recipe, transformer(), 50, report).batch.longest == 50
    resolved(tiny.recipe(tmp_path, tiny.upper(tmp_path), batch__longest="51"), transformer(), 50, report)
    assert [it.code for it in report.diagnostics] == ["too-long"]


def test_a_settled_spec_has_the_values_that_were_set() -> None:
    spec = graphspec.load(tiny.TRANSFORMER, layers=2, d_ff="3 * d_model", vocab=10)
    text = folder.settled_text(spec)
    assert "{layers: 2, d_model: 512, heads: 8, d_ff: 3 * d_model, vocab: 10, drop: 0.1}" in text
    assert graphspec.loads(text).graph == spec.graph


def test_libraries_of_blocks_are_found_wherever_they_are_used(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    tiny.lines(tmp_path / "lib/a.yaml", "graphspec: 1", "use: {b: b.yaml}", "blocks: {}")
    tiny.lines(tmp_path / "lib/b.yaml", "graphspec: 1", "blocks: {}")
    read = source.parse("graphspec: 1\nuse: {a: lib/a.yaml}\n", "spec", Report())
    assert read is not None
    assert folder.libraries(read, tmp_path) == [tmp_path / "lib/a.yaml", tmp_path / "lib/b.yaml"]
