"""The path of a refuted contract, painted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import graphspec
from graphspec.diagnostics import Report
from graphspec.graph import Graph
from graphspec.render import RenderOptions, layout, to_dot, write
from graphspec.render.explain import explanation_of
from graphspec.render.files import drawing, picture
from graphspec.render.picture import Box, Dot, Frame, Line, Picture
from tests.render.geometry import faults
from tests.render.models import ROOT

TRANSFORMER = (ROOT / "specs/transformer.yaml").read_text(encoding="utf-8")
LEAK = graphspec.loads(TRANSFORMER.replace("mask: causal}", "mask: everything}")).graph
needs_graphviz = pytest.mark.skipif(not list(layout._engines("svg")), reason="there is no Graphviz")


def explained(graph: Graph, chosen: str = "causal", **options: object) -> Picture:
    report = Report()
    explanation = explanation_of(graph, chosen, report)
    assert explanation is not None, report.diagnostics
    return picture(graph, RenderOptions(**options), explanation)  # pyright: ignore[reportArgumentType]


def painted(made: Picture) -> dict[str, str]:
    """The boxes and frames on the path."""
    return {piece.path: piece.paint for piece in made.pieces if isinstance(piece, Box | Frame) and piece.paint}


def lines(made: Picture) -> set[tuple[str, str]]:
    return {(piece.tail, piece.head) for piece in made.pieces if isinstance(piece, Line) and piece.paint}


def test_boxes_on_the_way_and_where_it_leaps() -> None:
    assert painted(explained(LEAK)) == {
        "→logits": "path",
        "logits": "path",
        "decoder/norm3": "path",
        "decoder/norm2": "path",
        "decoder/norm1": "path",
        "decoder/self_attention": "leap",
        "decoder_input~2": "path",
        "target": "path",
    }


def test_lines_between_them() -> None:
    assert lines(explained(LEAK)) == {
        ("logits", "→logits"),
        ("decoder/norm3", "logits"),
        ("decoder/norm2", "decoder/norm3"),
        ("decoder/norm1", "decoder/norm2"),
        ("decoder/self_attention", "decoder/norm1"),
        ("decoder/x", "decoder/self_attention"),
        ("decoder_input~2", "decoder/x"),
        ("target", "decoder_input~2"),
    }


def test_points_at_which_values_fork_are_painted_too() -> None:
    dots = {piece.path for piece in explained(LEAK).pieces if isinstance(piece, Dot) and piece.paint}
    assert dots == {"decoder/x", "decoder/norm1•", "decoder/norm2•"}


def test_the_caption() -> None:
    (line,) = (" ".join(explained(LEAK).caption),)
    assert line == (
        "Contract 1, causal (output: logits, input: target), is refuted: logits[t] reads target[t + 1], "
        "at decoder.self_attention (as a value, no mask)"
    )


def test_of_an_open_block_only_the_node_that_leaps() -> None:
    leaps = [path for path, paint in painted(explained(LEAK, depth=2)).items() if paint == "leap"]
    assert leaps == ["decoder/self_attention/attend"]


@pytest.mark.parametrize(
    ("depth", "boxes"),
    [(0, {"decoder"}), (2, {"decoder/self_attention/attend", "decoder/self_attention/v", "decoder/self_attention/o"})],
)
def test_at_other_depths(depth: int, boxes: set[str]) -> None:
    """What lies within a closed box paints the box; what lies within an open one is painted itself."""
    assert boxes <= set(painted(explained(LEAK, depth=depth)))


PATTERN = """\
graphspec: 1
name: pattern
params: {d: 8, vocab: 11}
axes: {B: batch, T: position}
inputs: {x: {type: int B T, below: vocab}}
blocks:
  one:
    in: {h: B T d}
    params: {seen: mask}
    nodes: {a: {block: std.attention, in: h, heads: 2, mask: seen}}
    out: h + a
nodes:
  e: {op: embedding, in: x, size: vocab, dim: d}
  body: {block: one, repeat: 6, cycle: {seen: [causal, everything, causal & window(left=2)]}}
outputs: {y: body}
contracts:
  - independent: {axis: B}
  - causal: {output: y, input: x}
"""


def test_of_different_turns_the_one_that_leaks() -> None:
    leaps = [path for path, paint in painted(explained(graphspec.loads(PATTERN).graph)).items() if paint == "leap"]
    assert leaps == ["body/[1]/a"]


def test_turns_that_are_left_out_are_painted_where_that_is_said() -> None:
    """Equal turns at different places are told apart, and the way leads through all of them."""
    masks = [
        *("causal", "causal & chunk(3)", "causal", "causal & chunk(2)", "causal"),
        "everything",
        "causal",
        "chunk(1)",
    ]
    turns = f"repeat: 8, each: {{seen: [{', '.join(masks)}]}}"
    text = PATTERN.replace("repeat: 6, cycle: {seen: [causal, everything, causal & window(left=2)]}", turns)
    made = explained(graphspec.loads(text).graph)
    assert [path for path, paint in painted(made).items() if paint == "leap"] == ["body/[4]"]
    assert [path for path in painted(made) if path.endswith("/out")] == [f"body/[{at}]/out" for at in (0, 1, 2, 3, 5)]
    assert {("body/[4]", "body/[5]/h"), ("body/[3]/out", "body/[4]")} <= lines(made)


@pytest.mark.parametrize("direction", ["up", "down", "right"])
@pytest.mark.parametrize("depth", [None, 0, 2])
def test_nothing_overlaps(direction: str, depth: int | None) -> None:
    assert faults(explained(LEAK, direction=direction, depth=depth)) == []


def test_the_plain_diagram_stays_as_it_is() -> None:
    assert "#d32020" not in to_dot(LEAK)


def test_the_text_is_pinned(golden: Callable[[str, str], None]) -> None:
    explanation = explanation_of(LEAK, "causal", Report())
    golden("render/leak.dot", drawing(LEAK, "dot", RenderOptions(), Report(), explanation).decode())


@needs_graphviz
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot"])
def test_every_format(tmp_path: Path, suffix: str) -> None:
    report = Report()
    write(LEAK, tmp_path / f"leak.{suffix}", report, RenderOptions(explain="1"))
    assert report.diagnostics == ()
    assert (tmp_path / f"leak.{suffix}").stat().st_size > 1000


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_themes(theme: str) -> None:
    explanation = explanation_of(LEAK, "1", Report())
    dots = {name: drawing(LEAK, "dot", RenderOptions(theme=name), Report(), explanation) for name in ("light", theme)}  # fmt: skip
    assert (dots["light"] == dots[theme]) == (theme == "light")


# -- which contract ---------------------------------------------------------------------------------------------------


def codes(graph: Graph, chosen: str) -> list[tuple[str, str]]:
    report = Report()
    explanation_of(graph, chosen, report)
    return [(found.code, found.severity) for found in report.diagnostics]


def test_by_number_or_kind() -> None:
    assert codes(LEAK, "1") == codes(LEAK, "causal") == []
    assert codes(LEAK, "2") == codes(LEAK, "independent") == [("nothing-to-explain", "warning")]
    assert codes(LEAK, "4") == codes(LEAK, "casual") == [("unknown-contract", "error")]


def test_of_several_of_a_kind_the_first_that_is_refuted() -> None:
    text = PATTERN.replace("  - causal", "  - causal: {output: e, input: x}\n  - causal")
    explanation = explanation_of(graphspec.loads(text).graph, "causal", Report())
    assert explanation is not None
    assert explanation.caption.startswith("Contract 3, causal (output: y")


def test_a_proved_contract_leaves_a_plain_diagram(tmp_path: Path) -> None:
    report = Report()
    write(LEAK, tmp_path / "plain.dot", report, RenderOptions(explain="2"))
    assert [found.code for found in report.diagnostics] == ["nothing-to-explain"]
    assert (tmp_path / "plain.dot").read_text(encoding="utf-8") == to_dot(LEAK)


def test_an_unknown_contract_leaves_nothing(tmp_path: Path) -> None:
    report = Report()
    write(LEAK, tmp_path / "none.dot", report, RenderOptions(explain="casual"))
    assert [(found.code, found.help) for found in report.diagnostics] == [
        ("unknown-contract", "did you mean `causal`?")
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_refutation_without_a_path_has_its_caption() -> None:
    text = PATTERN.replace("  - independent: {axis: B}", "  - uses: {output: e, input: ids}").replace(
        "inputs: {x: {type: int B T, below: vocab}}", "inputs: {x: {type: int B T, below: vocab}, ids: int B T}"
    )
    made = explained(graphspec.loads(text).graph, "uses")
    assert painted(made) == {}
    assert "reads nothing of ids" in " ".join(made.caption)
