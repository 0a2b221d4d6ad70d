"""The examples of docs/checkpoints.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import graphspec
from compiler.checkpoint import layout_of, mapping_text
from graphspec.checkpoints.patterns import parse_pattern
from graphspec.diagnostics import Report

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/checkpoints.md").read_text(encoding="utf-8")
SPEC, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(TABLE,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
PATTERNS = re.findall(r"^\| `([^`:]*->[^`:]*)` \|", PAGE, re.MULTILINE)


def test_the_map_means_what_the_page_prints() -> None:
    report = Report()
    layout = layout_of(graphspec.loads(SPEC), "theirs", report)
    report.check()
    assert layout is not None
    printed = [line.split() for line in mapping_text(layout).splitlines()]
    assert [line.split() for line in TABLE.splitlines()] == printed[: len(TABLE.splitlines())]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_can_be_read(pattern: str) -> None:
    assert parse_pattern(pattern).text == pattern


def test_every_section_is_described() -> None:
    from graphspec.document import Entry, MapEntry

    keys = MapEntry.model_fields.keys() - Entry.model_fields.keys()
    assert {key for key in keys if f"| `{key}` |" not in PAGE} == set()
