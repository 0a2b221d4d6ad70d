"""docs/guide.md is a session: every block of it is run from top to bottom, and prints what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphspec
from graphspec.analysis.cost import Costs
from tests.docs.session import agrees, played, sections

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
FINISHED = ROOT / "specs/llm/gpt2.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_shows_what_is_printed(folder: Path) -> None:
    steps = list(played(PAGE, folder / "gpt2.yaml"))
    assert len(steps) == PAGE.count("\n$ graphspec")
    for step in steps:
        assert agrees(step.shown, step.printed), f"$ {step.command}\n{step.printed}"
    assert (folder / "gpt2.svg").exists()
    assert graph_facts(folder / "gpt2.yaml") == graph_facts(FINISHED)


def graph_facts(path: Path) -> tuple[int, tuple[str, ...], list[tuple[str, str]]]:
    """What the page's file and the finished one have in common."""
    spec = graphspec.load(path)
    costs, nodes = Costs(spec.graph), spec.graph.body.nodes
    verdicts = [(found.contract.kind, found.status) for found in spec.check()]
    return costs.number(costs.parameters()), tuple(node.name for node in nodes), verdicts


def test_a_section_takes_the_place_of_the_one_before() -> None:
    assert sections("a: 1\n\nb:\n  c: 2\n") == {"a": "a: 1", "b": "b:\n  c: 2"}


def test_what_differs_is_found() -> None:
    assert agrees("one\n…\nfour", "one\ntwo\nthree\nfour")
    assert not agrees("one\n…\nfour", "one\ntwo")
    assert not agrees("one", "one\ntwo")
