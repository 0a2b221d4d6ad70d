"""Recipes: what is read, and what is said about those at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.train import recipe as recipes
from graphspec.diagnostics import Report, format_text
from tests.train import tiny

FAULTY = """\
spec: ../t.yaml
set: {layers: 2, d: [1]}
tsk: seq2seq
data: {train: a.tsv, validation: 1.5, formt: tsv}
batch: {size: 4 * x, longest: 2.5}
optimiser: {lr: 0, betas: [0.9], clip: -1}
schedule: {then: cosin}
steps: 1/0
seed:
evaluation: often
"""


def read(tmp_path: Path, text: str) -> tuple[recipes.Recipe | None, Report]:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    report = Report()
    return recipes.load(path, report), report


def test_all_faults_are_reported_at_once_and_in_place(tmp_path: Path) -> None:
    found, report = read(tmp_path, FAULTY)
    assert found is None
    assert tiny.places(report.diagnostics) == [
        "wrong-value 2:21",
        "unknown-key 3:1",
        "wrong-value 4:34",
        "unknown-key 4:39",
        "bad-expression 5:19",
        "wrong-value 5:31",
        "wrong-value 6:17",
        "wrong-value 6:27",
        "wrong-value 6:40",
        "wrong-value 7:18",
        "bad-expression 8:8",
        "missing-value 9:1",
        "wrong-form 10:13",
    ]


def test_an_unknown_key_is_shown_with_the_nearest_name(tmp_path: Path) -> None:
    _, report = read(tmp_path, "spec: t.yaml\ndata: {train: a.tsv}\nbatch: {sise: 3}\n")
    text = format_text(report.diagnostics)
    assert "unknown key `sise`" in text
    assert "r.yaml:3:9" in text
    assert "did you mean `size`?" in text


def test_what_is_required_is_said(tmp_path: Path) -> None:
    _, report = read(tmp_path, "steps: 3\ndata: {test: a.tsv}\n")
    assert tiny.places(report.diagnostics) == ["missing-key 1:1", "missing-key 2:1"]
    assert all("add `" in it.help for it in report.diagnostics)


def test_numbers_are_expressions_and_paths_start_at_the_recipe(tmp_path: Path) -> None:
    found, report = read(
        tmp_path, "spec: ../t.yaml\ndata: {train: a.tsv}\nbatch: {size: 4 * 32}\noptimiser: {lr: 3e-4}\n"
    )
    assert found is not None, format_text(report.diagnostics)
    assert (found.batch.size, found.optimiser.lr) == (128, 3e-4)
    assert (found.spec, found.data.train) == (tmp_path / "../t.yaml", tmp_path / "a.tsv")
    assert found.run == Path("runs/r")


def test_changes_override_keys_and_their_paths_start_where_one_stands(tmp_path: Path) -> None:
    path = tiny.lines(tmp_path / "r.yaml", "spec: t.yaml", "data: {train: a.tsv}", "batch: {size: 2, bucket: 3}")
    found = tiny.loaded(path, batch__size="7", data__train="b.tsv", steps="2 * 3")
    assert (found.batch.size, found.batch.bucket, found.steps) == (7, 3, 6)
    assert found.data.train == Path("b.tsv")


def test_faults_in_flags_point_at_the_flag() -> None:
    report = Report()
    changes = {"data.train": "a.tsv", "steps": "none", "batch.sze": "3"}
    assert recipes.from_flags("t.yaml", changes, report) is None
    assert [str(it.span) for it in report.diagnostics] == ["command line:1:36", "command line:1:41"]


def test_a_recipe_written_out_reads_the_same(tmp_path: Path) -> None:
    before = tiny.made(Path("specs/t.yaml"), {"data.train": "a b.tsv", "set.n": "2 * k", "data.input": "Text"})
    path = tmp_path / "written.yaml"
    path.write_text(recipes.text(before, tmp_path), encoding="utf-8")
    after = tiny.loaded(path)
    assert recipes.differences(before, after) == []


def test_differences_leave_out_what_changes_no_result() -> None:
    one = tiny.made(Path("t.yaml"), {"data.train": "a.tsv"})
    other = tiny.made(Path("t.yaml"), {"data.train": "a.tsv", "threads": "2", "run": "x", "seed": "1"})
    assert recipes.differences(one, other) == ["seed"]


def test_a_recipe_is_told_from_a_spec(tmp_path: Path) -> None:
    assert recipes.is_recipe(tiny.lines(tmp_path / "r.yaml", "spec: t.yaml"), Report())
    assert recipes.is_recipe(tiny.lines(tmp_path / "r.yaml", "data: {train: a.tsv}"), Report())
    assert not recipes.is_recipe(tiny.TRANSFORMER, Report())


def test_every_key_is_documented() -> None:
    described = {key: about for key, _, about in recipes.describe()}
    assert {"spec", "data.train", "batch.size", "optimiser.lr", "compile"} <= described.keys()
    assert all(described.values())


@pytest.mark.parametrize("path", sorted((tiny.SPECS / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_of_the_gallery_are_sound(path: Path) -> None:
    found = tiny.loaded(path)
    assert found.spec.is_file()
