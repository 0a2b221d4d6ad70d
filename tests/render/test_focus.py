"""One block drawn alone."""

from __future__ import annotations

import pytest

import graphspec
from graphspec.diagnostics import Report, SpecError
from graphspec.render import RenderOptions, to_dot
from graphspec.render.files import picture
from graphspec.render.focus import focus_of
from graphspec.render.picture import Box
from tests.render.models import ROOT, model

TRANSFORMER = graphspec.load(ROOT / "specs/transformer.yaml").graph


def boxes(focus: str, graph: graphspec.graph.Graph = TRANSFORMER) -> list[str]:
    """The boxes and texts of one block, from below."""
    found = picture(graph, RenderOptions(focus=focus))
    return [piece.item.title for piece in found.pieces if isinstance(piece, Box) and piece.item.title]


def title(focus: str) -> str:
    return picture(TRANSFORMER, RenderOptions(focus=focus)).title


def test_a_node_by_its_path() -> None:
    shown = boxes("decoder.ffn")
    assert shown == ["x", "Linear + ReLU", "Linear", "out"]
    assert title("decoder.ffn") == "Feed-forward"


def test_memories_are_texts_too() -> None:
    shown = boxes("decoder.cross_attention")
    assert {"x", "context", "Cross-attention", "out"} <= set(shown)
    assert "weights" not in shown  # nothing reads them


def test_the_inside_of_a_repeat_is_one_turn() -> None:
    assert boxes("encoder") == boxes("encoder_layer") == boxes("encoder.3")
    assert title("encoder") == "Encoder layer"


def test_a_block_by_its_name_with_or_without_its_library() -> None:
    assert boxes("std.attention") == boxes("attention") == boxes("decoder.self_attention")


def test_turns_that_differ() -> None:
    blocks = "one:\n  in: {h: B T d}\n  params: {wide: int}\n  nodes: {a: {op: linear, in: h, dim: wide}, b: {op: linear, dim: d}}\n  out: b"
    graph = model("y: {block: one, in: x, repeat: 2, each: {wide: [4, 5]}}", "y", blocks)
    dots = [to_dot(graph, RenderOptions(focus=f"y.{turn}", title=False)) for turn in (0, 1)]
    assert "B × T × 4" in dots[0] and "B × T × 5" in dots[1]


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("decoder.self_atention", "did you mean `decoder.self_attention`?"),
        ("atention", "did you mean `attention`?"),
        ("logits", "known blocks: "),
        ("decoder.6.ffn", "did you mean `decoder.ffn`?"),
        ("transformer", "known blocks: "),
        ("decoder.", "did you mean `decoder`?"),
    ],
)
def test_what_has_no_inside(name: str, help: str) -> None:
    report = Report()
    assert focus_of(TRANSFORMER, name, report) is None
    (found,) = report.diagnostics
    assert found.code == "unknown-focus"
    assert found.help.startswith(help)
    with pytest.raises(SpecError, match="unknown-focus"):
        to_dot(TRANSFORMER, RenderOptions(focus=name))
