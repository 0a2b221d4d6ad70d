"""The DOT text: pinned for the main specs, the same every time, as large as the distinct bodies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

import graphspec
from graphspec.render import RenderOptions, to_dot
from graphspec.render.dot import escaped, quoted
from tests.render.models import ROOT, model

MAIN = ("transformer", "llm/llama", "tasks/classifier")


@pytest.mark.parametrize("name", MAIN)
def test_the_text_is_pinned(name: str, golden: Callable[[str, str], None]) -> None:
    graph = graphspec.load(ROOT / "specs" / f"{name}.yaml").graph
    golden(f"render/{name.rpartition('/')[2]}.dot", to_dot(graph))


def test_the_text_is_the_same_in_every_process() -> None:
    program = "import graphspec, graphspec.render as r; print(r.to_dot(graphspec.load('specs/transformer.yaml').graph), end='')"
    here = to_dot(graphspec.load(ROOT / "specs/transformer.yaml").graph)
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
        command = [sys.executable, "-c", program]
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=60)
        assert run.stdout.decode() == here


def test_a_thousand_turns_cost_what_two_do() -> None:
    few, many = (graphspec.load(ROOT / "specs/llm/llama.yaml", depth=depth).graph for depth in (2, 1000))
    assert to_dot(few).count("\n") == to_dot(many).count("\n")
    start = time.perf_counter()
    to_dot(many)
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [('a"b', '"a\\"b"'), ("a\\", '"a\\\\"'), ("a\nb\0c", '"a bc"'), ("\u202eevil", '"evil"'), ("×", '"×"')],
)
def test_strings_cannot_be_left(text: str, expected: str) -> None:
    assert quoted(text) == expected


def test_labels_hold_no_markup() -> None:
    assert escaped('<B>&"</B>') == "&lt;B&gt;&amp;&quot;&lt;/B&gt;"


def test_long_names_are_shortened_in_the_middle() -> None:
    graph = model(f"y: {{op: linear, in: x, dim: d, label: {'first' + 100 * 'x' + 'last'}}}", "y")
    (line,) = (line for line in to_dot(graph).splitlines() if line.startswith('  "y" ['))
    assert "first" in line and "…" in line and "xlast" in line
    assert len(line) < 250


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_themes_colour_by_kind(theme: str) -> None:
    graph = graphspec.load(ROOT / "specs/transformer.yaml").graph
    light, themed = to_dot(graph), to_dot(graph, RenderOptions(theme=theme))
    assert (light == themed) == (theme == "light")


def test_titles() -> None:
    graph = graphspec.load(ROOT / "specs/transformer.yaml").graph
    assert "Vaswani" in to_dot(graph)
    assert "Vaswani" not in to_dot(graph, RenderOptions(title=False))
    own = to_dot(graph, RenderOptions(title='Ours & "theirs" <b>'))
    assert "Ours &amp; &quot;theirs&quot; &lt;b&gt;" in own and "Vaswani" not in own
    assert to_dot(graph, RenderOptions(title="")) == to_dot(graph, RenderOptions(title=False))


def test_what_is_learned() -> None:
    graph = graphspec.load(ROOT / "specs/llm/llama.yaml").graph
    assert " M<" not in to_dot(graph)
    dot = to_dot(graph, RenderOptions(params=True))
    for said in ("B × T × vocab · 525 M<", ">41.9 M<", ">176 M<", ">  6.98 G<", ">4.1 k<"):
        assert said in dot, said


def test_turns_that_learn_differently_are_drawn_apart_where_it_is_said() -> None:
    blocks = "one:\n  in: {h: B T d}\n  params: {wide: int}\n  nodes: {a: {op: linear, in: h, dim: wide}, b: {op: linear, dim: d}}\n  out: b"
    graph = model("y: {block: one, in: x, repeat: 2, each: {wide: [4, 5]}}", "y", blocks)
    assert to_dot(graph).count(">One</B>") == 0
    assert to_dot(graph, RenderOptions(params=True)).count(">One</B>") == 2
