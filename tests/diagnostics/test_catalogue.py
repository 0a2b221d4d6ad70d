"""Every code in the documentation is triggered by its example."""

import re
from pathlib import Path

import pytest

from graphspec.diagnostics import Report
from graphspec.source import parse
from graphspec.spec import build_spec

ROOT = Path(__file__).parents[2]
ENTRY = re.compile(r"^### `([a-z-]+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
PAGE = (ROOT / "docs/diagnostics.md").read_text(encoding="utf-8")
EXAMPLES = [
    pytest.param(code, example, id=code) for code, entry in ENTRY.findall(PAGE) for example in EXAMPLE.findall(entry)
]


def found_in(text: str) -> dict[str, str]:
    """The codes that a spec gives, with their help lines."""
    report = Report()
    source = parse(text, "example.yaml", report)
    if source:
        build_spec(source, ROOT / "specs", {}, report)
    return {diagnostic.code: diagnostic.help for diagnostic in report.diagnostics}


@pytest.mark.parametrize(("code", "example"), EXAMPLES)
def test_the_example_triggers_its_code(code: str, example: str) -> None:
    found = found_in(example)
    assert code in found, f"found only {sorted(found)}"


@pytest.mark.parametrize(("code", "example"), EXAMPLES)
def test_every_place_is_in_the_text(code: str, example: str) -> None:
    report = Report()
    source = parse(example, "example.yaml", report)
    if source:
        build_spec(source, ROOT / "specs", {}, report)
    lines = example.split("\n")
    for diagnostic in report.diagnostics:
        assert diagnostic.span is not None
        assert diagnostic.span.file.name == "example.yaml"
        assert 1 <= diagnostic.span.line <= len(lines)
        assert 1 <= diagnostic.span.column <= len(lines[diagnostic.span.line - 1]) + 1


def test_a_good_spec_triggers_nothing() -> None:
    assert found_in((ROOT / "specs/tasks/tagger.yaml").read_text(encoding="utf-8")) == {}


def test_codes_raised_by_the_language_are_documented() -> None:
    raised: set[str] = set()
    for path in [*(ROOT / "graphspec/elaborate").glob("*.py"), ROOT / "graphspec/document.py"]:
        text = path.read_text(encoding="utf-8")
        raised |= set(re.findall(r'(?:Fault|fault|error|warning)\(\s*"([a-z]+(?:-[a-z]+)+)"', text))
    documented = {code for code, _ in ENTRY.findall(PAGE)}
    assert raised - documented == set()
