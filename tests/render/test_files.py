"""From DOT to files: what is written, and what is said where it cannot be."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import graphspec
from graphspec.diagnostics import Report
from graphspec.render import RenderOptions, layout, to_dot, to_svg, write
from tests.render.models import ROOT, model

GRAPH = graphspec.load(ROOT / "specs/tasks/tagger.yaml").graph
needs_graphviz = pytest.mark.skipif(not list(layout._engines("svg")), reason="there is no Graphviz")


def written(path: Path, options: RenderOptions | None = None) -> list[str]:
    """The codes that writing a diagram gives."""
    report = Report()
    write(GRAPH, path, report, options)
    assert all(found.help or found.severity == "warning" for found in report.diagnostics)
    return [found.code for found in report.diagnostics]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for; nothing is in it, nor is the wheel installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(layout.importlib.util, "find_spec", lambda name: None)
    return folder


def program(folder: Path, lines: str) -> None:
    path = folder / "dot"
    path.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
    path.chmod(0o755)


# --- what is written


@needs_graphviz
@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("DOT", b"digraph")]
)
def test_every_format(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"model.{suffix}"
    path.write_text("an older picture")
    assert written(path) == []
    assert path.read_bytes().startswith(start)


@needs_graphviz
def test_a_pdf_says_nothing_of_the_time(tmp_path: Path) -> None:
    assert written(tmp_path / "a.pdf") == []
    data = (tmp_path / "a.pdf").read_bytes()
    dates = re.findall(rb"/CreationDate \(D:(\d+)", data)
    assert set(dates) <= {b"19700101000000"}
    now = data.replace(b"D:19700101000000", b"D:20300102030405")
    assert layout._undated(now) == data
    assert layout._undated(b"not a PDF /CreationDate (D:20300102030405)") != data


@needs_graphviz
def test_the_svg_stands_alone() -> None:
    text = to_svg(GRAPH)
    root = ElementTree.fromstring(text)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "title", "desc", "path", "polygon", "ellipse", "text"}
    assert root.get("role") == "img"
    assert root.get("aria-label") == GRAPH.title
    assert root.findtext("{*}title") == GRAPH.title
    assert "Encoder × layers = 2 (Layer norm, Multi-head attention" in (root.findtext("{*}desc") or "")
    assert {element.get("font-family") for element in root.findall(".//{*}text")} == {
        "Inter, Helvetica, Arial, sans-serif"
    }
    assert not re.search(r"<!--|<!DOCTYPE|href|\bid=", text)
    assert to_svg(GRAPH) == text


@needs_graphviz
def test_words_are_anchored_in_the_middle_of_their_boxes() -> None:
    root = ElementTree.fromstring(to_svg(GRAPH))
    groups = [group for group in root.findall(".//{*}g") if group.get("class") == "node"]
    words = [text for group in groups for text in group.findall(".//{*}text") if text.get("font-weight") == "bold"]
    assert words
    assert {text.get("text-anchor") for text in words} == {"middle"}


@needs_graphviz
def test_a_pointer_shows_paths_and_masks() -> None:
    titles = [title.text for title in ElementTree.fromstring(to_svg(GRAPH)).findall(".//{*}title")]
    assert "encoder.attention · mask: tokens_real" in titles


HOSTILE = (
    "</text><script>alert(1)</script>",
    '"><image href="https://example.org/x"/>',
    "a & b < c > d \\N \\l",
    "&lt;script&gt;",
    "<TABLE><TR>",
    "\u202e right to left",
    "多头注意力 Übung ⊕",
    "\\",
)


def texts(root: ElementTree.Element) -> list[str]:
    """All words that are drawn; that nothing else could be in the picture is made sure of."""
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "title", "desc", "path", "polygon", "ellipse", "text"}
    assert not any(name.startswith("on") or "href" in name for element in root.iter() for name in element.attrib)
    return [(text.text or "").replace("\xa0", " ") for text in root.findall(".//{*}text")]


@needs_graphviz
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_labels_are_words(name: str) -> None:
    quoted = "'" + name.replace("'", "''") + "'"
    nodes = f"y: {{op: linear, in: x, dim: d, label: {quoted}}}\nz: {{block: one, in: y, repeat: 2, label: {quoted}}}"
    block = "one:\n  in: {h: B T d}\n  nodes: {a: {op: linear, in: h, dim: d}}\n  out: a"
    drawn = texts(ElementTree.fromstring(to_svg(model(nodes, "z", block), RenderOptions(title=f"{name} & more"))))
    shown = name.replace("\u202e", "").strip()
    assert drawn.count(shown) == 2
    assert f"{shown} & more" in drawn


@needs_graphviz
def test_very_long_names_stay_in_their_boxes() -> None:
    long = "a_very_" + 200 * "long_" + "name"
    graph = model(
        f"{long}: {{op: linear, in: x, dim: d}}\ny: {long} + {long}_2\n{long}_2: {{op: linear, in: x, dim: d}}", "y"
    )
    assert all(len(text) < 100 for text in texts(ElementTree.fromstring(to_svg(graph))))


# --- what is said


@pytest.mark.parametrize("name", ["model", "model.jpg", "model.sgv"])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    assert written(tmp_path / name) == ["unknown-format"]
    assert list(tmp_path.iterdir()) == []


def test_unwritable(tmp_path: Path) -> None:
    assert written(tmp_path / "no" / "model.dot") == ["cannot-write"]
    assert written(tmp_path) == ["unknown-format"]
    (tmp_path / "folder.dot").mkdir()
    assert written(tmp_path / "folder.dot") == ["cannot-write"]


@pytest.mark.parametrize(
    "options",
    [{"theme": "pink"}, {"direction": "left"}, {"shapes": "some"}, {"theme": ""}],
)
def test_unknown_words(tmp_path: Path, options: dict[str, str]) -> None:
    assert written(tmp_path / "model.dot", RenderOptions(**options)) == ["wrong-word"]


@pytest.mark.parametrize("suffix", ["svg", "dot"])
def test_unknown_focus(tmp_path: Path, suffix: str) -> None:
    assert written(tmp_path / f"model.{suffix}", RenderOptions(focus="encodr")) == ["unknown-focus"]
    assert (
        written(tmp_path / f"model.{suffix}", RenderOptions(focus="encoder", explain="independent"))[-1]
        == "unknown-focus"
    )
    assert list(tmp_path.iterdir()) == []


def test_without_graphviz_the_dot_is_written(tmp_path: Path, programs: Path) -> None:
    assert written(tmp_path / "model.svg") == ["no-layout"]
    assert (tmp_path / "model.dot").read_text(encoding="utf-8") == to_dot(GRAPH)
    assert not (tmp_path / "model.svg").exists()


@pytest.mark.parametrize("lines", ["kill -ABRT $$", "echo broken >&2; exit 1", "exit 0"])
def test_a_program_that_fails(tmp_path: Path, programs: Path, lines: str) -> None:
    program(programs, lines)
    assert written(tmp_path / "model.svg") == ["no-layout"]
    assert (tmp_path / "model.dot").exists()


def test_a_program_that_hangs(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SECONDS", 0.2)
    program(programs, "exec /bin/sleep 20")
    assert written(tmp_path / "model.svg") == ["no-layout"]


def test_where_one_program_fails_the_other_draws(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(programs, "kill -ABRT $$")
    stand_in = [sys.executable, "-c", "import sys; sys.stdin.read(); print('a picture')"]
    engines = [("`dot`", [os.fspath(programs / "dot")]), ("pygraphviz", stand_in)]
    monkeypatch.setattr(layout, "_engines", lambda form: iter(engines))
    assert written(tmp_path / "model.png") == ["layout-failed"]
    assert (tmp_path / "model.png").read_bytes() == b"a picture\n"
