"""Data files: what is read from each format, and what is said about files at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.train.data import Examples, open_text, read_examples
from compiler.train.recipe import Data
from graphspec.diagnostics import Report, format_text
from tests.train import tiny


def read(path: Path, **settings: object) -> tuple[Examples | None, Report]:
    report = Report()
    return read_examples(path, Data(train=path, **settings), report), report  # pyright: ignore[reportArgumentType]


def pairs(path: Path, **settings: object) -> list[tuple[str, str]]:
    found, report = read(path, **settings)
    assert found is not None, format_text(report.diagnostics)
    return [(row.input.text, row.output.text) for row in found.rows]


def test_tsv_has_the_input_and_the_output_in_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes("\ufeffa b\tc\r\n\r\nd\te f\r\n".encode())
    assert pairs(path) == [("a b", "c"), ("d", "e f")]


def test_columns_are_chosen_by_number_or_by_name(tmp_path: Path) -> None:
    path = tiny.lines(tmp_path / "a.tsv", "id\tde\ten", "1\tja\tyes")
    assert pairs(path, input="en", output="de") == [("yes", "ja")]
    assert pairs(path, input=3, output=2)[1] == ("yes", "ja")


def test_jsonl_has_keys(tmp_path: Path) -> None:
    path = tiny.lines(
        tmp_path / "a.jsonl", '{"input": "a", "output": 3}', '{"input": ["x", "y"], "output": ["B", "I"]}'
    )
    assert pairs(path) == [("a", "3"), ("x y", "B I")]
    path = tiny.lines(tmp_path / "b.jsonl", '{"text": "a", "label": "good"}')
    assert pairs(path, input="text", output="label") == [("a", "good")]


def test_conll_has_a_token_and_its_label_on_each_line(tmp_path: Path) -> None:
    path = tiny.lines(tmp_path / "a.conll", "the x DET", "cat y NOUN", "", "", "runs z VERB")
    assert pairs(path, output=3) == [("the cat", "DET NOUN"), ("runs", "VERB")]


def test_fields_know_where_they_stand(tmp_path: Path) -> None:
    found, _ = read(tiny.lines(tmp_path / "a.tsv", "a\tb", "cd\tef"))
    assert found is not None
    assert str(found.rows[1].output.span(found.file)).endswith("a.tsv:2:4")


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.tsv", "a\tb\nc\nd\te\tf\n", ["wrong-columns 2:1", "wrong-columns 3:1"]),
        ("a.tsv", "a\tb\n \tc\nd\t\n", ["empty-field 2:1", "empty-field 3:3"]),
        ("a.tsv", "", ["empty-file 1:1"]),
        ("a.tsv", "\n \n", ["empty-file 1:1"]),
        ("a.jsonl", '{"input": "a", "output": "b"}\n{"input": 1,}\n', ["wrong-json 2:13"]),
        ("a.jsonl", '[1]\n{"inputs": "a", "output": "b"}\n', ["wrong-json 1:1", "missing-field 2:1"]),
        ("a.jsonl", '{"input": {}, "output": "b"}\n', ["wrong-field 1:1"]),
        ("a.jsonl", "[" * 200_000 + "\n", ["wrong-json 1:1"]),
        ("a.conll", "the DET\ncat\n", ["wrong-columns 2:1"]),
        ("a.csv", "a,b\n", ["unknown-format"]),
        ("a.txt", "a\n", ["wrong-format"]),
    ],
)
def test_faults_are_reported_in_place(tmp_path: Path, name: str, text: str, wanted: list[str]) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found, report = read(path)
    assert found is None
    assert tiny.places(report.diagnostics) == wanted


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    found, report = read(tiny.lines(tmp_path / "a.tsv", "source\ttarget", "a\tb"), input="sorce", output="target")
    assert found is None
    assert "did you mean `source`?" in format_text(report.diagnostics)


def test_a_missing_file_is_reported_with_what_paths_are_relative_to(tmp_path: Path) -> None:
    _, report = read(tmp_path / "none.tsv")
    assert tiny.places(report.diagnostics) == ["missing-file"]
    assert "no such file" in format_text(report.diagnostics)


def test_a_file_that_is_not_utf_8_is_reported_with_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes("a\tb\nc\tdé\n".encode("latin-1"))
    report = Report()
    assert open_text(path, report) is None
    assert tiny.places(report.diagnostics) == ["wrong-encoding 2:4"]
    assert "0xe9" in format_text(report.diagnostics)


def test_many_faults_are_counted(tmp_path: Path) -> None:
    _, report = read(tiny.lines(tmp_path / "a.tsv", "a\tb", *["c"] * 100))
    assert len(report.diagnostics) == 6
    assert "95 more faults" in report.diagnostics[-1].message
