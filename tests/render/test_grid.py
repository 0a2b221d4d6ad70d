"""Grids as blocks and as pictures; masks as grids."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import graphspec
from graphspec.diagnostics import Report
from graphspec.graph import Graph
from graphspec.render import RenderOptions, layout
from graphspec.render.grid import Grid, as_text, draw, drawing, write
from graphspec.render.mask_picture import MOST, mask_grid
from graphspec.render.theme import PALETTES

SMALL = Grid("a mask", ("#..", "##.", "?##"), "queries T", "keys S", ("a note",))
needs_graphviz = pytest.mark.skipif(not list(layout._engines("svg")), reason="there is no Graphviz")


# -- in blocks --------------------------------------------------------------------------------------------------------


def test_blocks() -> None:
    assert as_text(SMALL).splitlines() == [
        "a mask",
        "",
        "              keys S →",
        "              0",
        "queries T ↓ 0 ██····",
        "            1 ████··",
        "            2 ▒▒████",
        "",
        "a note",
        "grey: perhaps; the flow of some operator is known as a bound only",
    ]


def test_a_single_row_has_no_number() -> None:
    assert as_text(Grid("", ("####..",), "logits", "source s")).splitlines() == [
        "       source s →",
        "       0       4",
        "logits ████████····",
    ]


def test_large_grids_have_two_rows_a_line() -> None:
    rows = tuple("#" * (at + 1) + "." * (34 - at) for at in range(35))
    lines = as_text(Grid("", rows, "q", "k")).splitlines()
    assert len(lines) == 2 + 18
    assert lines[2] == "q ↓  0 █▄"
    assert lines[-1] == "    34 " + "▀" * 35


def test_large_grids_with_something_in_doubt_have_a_row_a_line() -> None:
    rows = tuple("#" * at + "?" + "." * (34 - at) for at in range(35))
    lines = as_text(Grid("", rows, "q", "k")).splitlines()
    assert lines[2:4] == ["q ↓  0 ▒" + "·" * 34, "     1 █▒" + "·" * 33]
    assert len(lines) == 2 + 35 + 2


def test_what_is_too_wide_is_not_shown() -> None:
    assert as_text(Grid("", ("#" * 500,), "q", "k")) == "1 × 500: too wide to show here, draw it with `-o`"


# -- as pictures ------------------------------------------------------------------------------------------------------


def test_the_svg_stands_alone_and_is_the_same_each_time() -> None:
    grid = Grid('</text> & "x"', SMALL.rows, "q", "k", ("<note>",))
    text = drawing(grid, "svg", RenderOptions()).decode()
    root = ElementTree.fromstring(text)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {"svg", "title", "desc", "rect", "text"}
    assert root.get("aria-label") == grid.title
    assert "5 of 3 × 3 pairs" in (root.findtext("{*}desc") or "")
    assert drawing(grid, "svg", RenderOptions()).decode() == text


@pytest.mark.parametrize("theme", PALETTES)
@pytest.mark.parametrize("side", [1, 12, 40, 300])
def test_everything_lies_within_the_drawing(theme: str, side: int) -> None:
    rows = tuple("#" * (at + 1) + "." * (side - at - 1) for at in range(side))
    made = draw(Grid("a long title of the mask that is drawn here " * 3, rows, "queries", "keys", ("note",)), PALETTES[theme])  # fmt: skip
    root = ElementTree.fromstring(drawing(Grid("", rows, "q", "k"), "svg", RenderOptions(theme=theme)))
    assert root.get("viewBox")
    for shape in made.shapes:
        assert 0 <= shape.x <= made.width
        assert 0 <= shape.y <= made.height


def test_squares_of_one_row_are_one_rectangle() -> None:
    text = drawing(Grid("", ("####", "##.."), "q", "k"), "svg", RenderOptions()).decode()
    dark = PALETTES["light"].border
    assert len(re.findall(f'<rect [^>]*fill="{dark}"', text)) == 2


@needs_graphviz
@pytest.mark.parametrize(("form", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph")])
def test_other_formats(tmp_path: Path, form: str, start: bytes) -> None:
    report = Report()
    write(SMALL, tmp_path / f"mask.{form}", report, RenderOptions())
    assert report.diagnostics == ()
    assert (tmp_path / f"mask.{form}").read_bytes().startswith(start)


def test_faults_of_files(tmp_path: Path) -> None:
    codes: list[str] = []
    for name, options in (("m.gif", RenderOptions()), ("no/m.svg", RenderOptions()), ("m.svg", RenderOptions(theme="pink"))):  # fmt: skip
        report = Report()
        write(SMALL, tmp_path / name, report, options)
        codes += [found.code for found in report.diagnostics]
    assert codes == ["unknown-format", "cannot-write", "wrong-word"]


# -- masks ------------------------------------------------------------------------------------------------------------

MASKS = """\
graphspec: 1
name: masks
params: {d: 8, heads: 2, vocab: 11, w: 4095}
axes: {B: batch, T: position, S: position}
inputs:
  tokens: {type: int B T, below: vocab}
  ids: int B T
  edges: bool B T T'
  memory: B S d
  real: bool B S = true
masks:
  near: causal & window(left=w)
  packed: documents(ids) & causal
  unused: causal | prefix(3)
blocks:
  one:
    in: {h: B T d, other: B S d}
    params: {seen: mask}
    nodes:
      attention: {block: std.attention, in: h, heads: heads, mask: seen}
      cross: {block: std.attention, in: attention, context: other, heads: heads, mask: real}
    out: h + cross
nodes:
  e: {op: embedding, in: tokens, size: vocab, dim: d}
  layers: {block: one, repeat: 6, cycle: {seen: [near, packed]}, other: memory}
  g: {block: std.attention, in: layers, heads: heads, mask: graph(edges)}
outputs: {y: g}
"""
GRAPH = graphspec.loads(MASKS).graph


def grid(name: str, graph: Graph = GRAPH, **lengths: int) -> Grid:
    report = Report()
    found = mask_grid(graph, name, lengths, report)
    assert found is not None, report.diagnostics
    return found


def test_a_mask_by_its_name() -> None:
    found = grid("near")
    assert (found.title, found.readers, found.places) == ("near: causal & window(left=w)", "queries T", "keys T")
    assert found.rows[5] == "..####......"
    assert found.notes == ("drawn smaller: 4,095 as 3; --at gives true sizes",)


def test_a_mask_that_nothing_uses() -> None:
    found = grid("unused", T=5)
    assert (found.readers, found.rows) == ("queries", ("###..", "###..", "###..", "####.", "#####"))


def test_an_attention_by_its_path() -> None:
    cross = grid("layers.cross", S=4, T=3)
    assert (cross.readers, cross.places) == ("queries T", "keys S")
    assert cross.rows == ("###.",) * 3
    assert "the last 1 are padding" in cross.notes[-1]
    assert grid("layers.attention").notes[0].startswith("the turns of `layers` differ")
    assert grid("layers.1.attention").title == "layers.1.attention: documents(ids) & causal"
    assert grid("g").notes == ("edges holds an example: a ring with two chords",)


def test_documents_hold_an_example() -> None:
    found = grid("packed")
    assert found.rows[:6] == (
        "#...........",
        "##..........",
        "###.........",
        "####........",
        "#####.......",
        ".....#......",
    )
    assert found.notes == ("ids holds an example: three documents",)


def test_given_sizes_are_true() -> None:
    graph = graphspec.loads(MASKS, w=20).graph
    found = grid("near", graph, T=40)
    assert found.rows[39] == "." * 19 + "#" * 21
    assert found.notes == ()


@pytest.mark.parametrize(
    ("name", "code", "help"),
    [
        ("neer", "unknown-mask", "did you mean `near`?"),
        ("layers", "unknown-mask", "name one of them: `layers.attention`, `layers.cross`"),
        ("layers.9.attention", "unknown-mask", "did you mean `layers.attention`?"),
    ],
)
def test_faults_of_names(name: str, code: str, help: str) -> None:
    report = Report()
    assert mask_grid(GRAPH, name, {}, report) is None
    assert [(found.code, found.help) for found in report.diagnostics] == [(code, help)]


def test_too_large_to_draw() -> None:
    report = Report()
    assert mask_grid(GRAPH, "near", {"T": MOST + 1}, report) is None
    assert [found.code for found in report.diagnostics] == ["too-large-to-draw"]
