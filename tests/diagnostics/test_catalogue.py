"""Every code in the documentation is triggered by its example."""

import re
from pathlib import Path

import pytest

from graphspec.analysis.contracts import check_contracts
from graphspec.analysis.masks import check_masks
from graphspec.diagnostics import Report
from graphspec.source import parse
from graphspec.spec import build_spec

ROOT = Path(__file__).parents[2]
ENTRY = re.compile(r"^### `([a-z-]+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
PACKAGES = ("graphspec", "compiler")
ROW = re.compile(r"^\| `([a-z]+(?:-[a-z]+)+)` \|", re.MULTILINE)
RAISED = re.compile(r'(?:Fault|fault|error|warning|add|Diagnostic|Mismatch)\(\s*"([a-z]+(?:-[a-z]+)+)"')
EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
PAGE = (ROOT / "docs/diagnostics.md").read_text(encoding="utf-8")
EXAMPLES = [
    pytest.param(code, example, id=code) for code, entry in ENTRY.findall(PAGE) for example in EXAMPLE.findall(entry)
]


def reported(text: str) -> Report:
    """What is said of a spec and of its contracts."""
    report = Report()
    source = parse(text, "example.yaml", report)
    spec = build_spec(source, ROOT / "specs", {}, report) if source else None
    if spec:
        check_contracts(spec.graph, report)
        check_masks(spec.graph, report)
    return report


def found_in(text: str) -> dict[str, str]:
    """The codes that a spec gives, with their help lines."""
    report = reported(text)
    return {diagnostic.code: diagnostic.help for diagnostic in report.diagnostics}


@pytest.mark.parametrize(("code", "example"), EXAMPLES)
def test_the_example_triggers_its_code(code: str, example: str) -> None:
    found = found_in(example)
    assert code in found, f"found only {sorted(found)}"


@pytest.mark.parametrize(("code", "example"), EXAMPLES)
def test_every_place_is_in_the_text(code: str, example: str) -> None:
    report = reported(example)
    lines = example.split("\n")
    for diagnostic in report.diagnostics:
        assert diagnostic.span is not None
        assert diagnostic.span.file.name == "example.yaml"
        assert 1 <= diagnostic.span.line <= len(lines)
        assert 1 <= diagnostic.span.column <= len(lines[diagnostic.span.line - 1]) + 1


@pytest.mark.parametrize(("size", "found"), [("d // 3", ["remainder"]), ("(d - 1) // 3 + 1", []), ("(d + 2) // 3", [])])
def test_a_division_that_says_how_it_rounds_leaves_no_remainder(size: str, found: list[str]) -> None:
    text = "graphspec: 1\nparams: {d: 8}\naxes: {B: batch}\ninputs: {x: B d}\noutputs: {y: y}\n"
    assert list(found_in(f"{text}nodes: {{y: {{op: linear, in: x, dim: {size}}}}}\n")) == found


def test_an_output_that_is_computed_is_no_unused_node() -> None:
    text = "graphspec: 1\naxes: {B: batch}\ninputs: {x: B 4}\nnodes: {y: {op: linear, in: x, dim: 4}}\n"
    assert not found_in(f"{text}outputs: {{y: 30 * tanh(y / 30)}}\n")


def test_a_good_spec_triggers_nothing() -> None:
    assert found_in((ROOT / "specs/tasks/tagger.yaml").read_text(encoding="utf-8")) == {}


def test_every_code_is_documented_and_every_documented_code_is_raised() -> None:
    raised: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            raised |= set(RAISED.findall(path.read_text(encoding="utf-8")))
    documented = {code for code, _ in ENTRY.findall(PAGE)} | set(ROW.findall(PAGE))
    assert raised - documented == set()
    sources = "\n".join(path.read_text(encoding="utf-8") for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    made = {f"unused-{what}" for what in ("input", "parameter", "block")}
    assert {code for code in documented - made if f'"{code}"' not in sources} == set()
