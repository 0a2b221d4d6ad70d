"""Both models as one picture: what is coloured, what stands where, and that nothing is in the way of anything."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

import graphspec
from graphspec.diagnostics import Report, SpecError
from graphspec.difference import Difference
from graphspec.difference.picture import drawing, picture
from graphspec.difference.union import united
from graphspec.graph import Body, inner_bodies
from graphspec.render import RenderOptions, layout
from graphspec.render.compared import Compared
from graphspec.render.picture import Box, Frame, Line, Picture
from tests.difference.edits import ROOT, bare, edit, edited
from tests.render.geometry import faults

needs_graphviz = pytest.mark.skipif(not list(layout._engines("svg")), reason="there is no Graphviz")
PAIRS = [
    ("llm/gpt2", "llm/gpt_neox"),
    ("llm/llama", "llm/mistral"),
    ("llm/mistral", "llm/deepseek_v2"),
    ("encoders/bert", "encoder_decoder/bart"),
    ("transformer", "encoder_decoder/t5"),
]


@cache
def gallery(before: str, after: str) -> Difference:
    return bare(*(graphspec.load(ROOT / f"specs/{name}.yaml") for name in (before, after)))


def painted(made: Picture) -> dict[str, str]:
    """The boxes and frames that are not as they were, without the legend."""
    boxes = (piece for piece in made.pieces if isinstance(piece, Box | Frame))
    return {piece.path: piece.paint for piece in boxes if piece.paint and not piece.path.startswith("•")}


def lines(made: Picture, paint: str) -> set[tuple[str, str]]:
    return {(piece.tail, piece.head) for piece in made.pieces if isinstance(piece, Line) and piece.paint == paint}


def titles(made: Picture) -> dict[str, str]:
    return {piece.path: piece.item.title for piece in made.pieces if isinstance(piece, Box | Frame)}


def drawn(found: Difference, **options: object) -> Picture:
    return picture(found, RenderOptions(**options))  # pyright: ignore[reportArgumentType]


def test_what_is_as_it_was_is_not_painted() -> None:
    assert painted(drawn(graphspec.diff(edited(), edited()))) == {}


def test_a_mask_paints_its_attention() -> None:
    assert painted(drawn(edit(("mask: causal", "mask: causal & window(left=2)")))) == {"layers/attention": "changed"}


def test_what_is_inserted_stands_between() -> None:
    made = drawn(
        edit(("      mid: x + attention\n", "      post: {op: rms_norm, in: attention}\n      mid: x + post\n"))
    )
    assert painted(made) == {"layers/post": "added"}
    assert lines(made, "added") == {("layers/attention", "layers/post"), ("layers/post", "layers/mid")}
    assert lines(made, "removed") == set()


def test_what_is_removed_stands_where_it_stood_and_the_way_past_it_is_new() -> None:
    made = drawn(edit(("norm2: {op: layer_norm, in: mid}\n", "norm2: mid\n")))
    assert painted(made) == {"layers/norm2′": "removed"}
    assert painted(drawn(graphspec.diff(edited(("norm2: {op: layer_norm, in: mid}\n", "norm2: mid\n")), edited()))) == {
        "layers/norm2": "added"
    }
    made = drawn(edit(("  norm: {op: layer_norm}\n", "")))
    assert painted(made) == {"norm": "removed"}
    assert {head for tail, head in lines(made, "removed") if tail == "norm"} == {"logits"}


def test_an_operator_that_became_another_says_both() -> None:
    made = drawn(edit(("norm1: {op: layer_norm", "norm1: {op: rms_norm")))
    assert titles(made)["layers/norm1"] == "Layer norm → RMS norm"


def test_a_norm_that_was_moved_stands_at_both_places() -> None:
    post = (
        ("      norm1: {op: layer_norm, in: x}\n      attention: {block", "      attention: {in: x, block"),
        ("      mid: x + attention\n", "      mid: x + attention\n      norm1: {op: layer_norm, in: mid}\n"),
        ("norm2: {op: layer_norm, in: mid}", "norm2: {op: layer_norm, in: norm1}"),
    )
    made = drawn(edit(*post))
    assert painted(made)["layers/norm1′"] == "removed"
    assert painted(made)["layers/norm1"] == "changed"
    assert ("layers/norm1′", "layers/attention") in lines(made, "removed")


def test_more_layers_are_a_number_in_the_title() -> None:
    made = drawn(edit(("depth: 3", "depth: 5")))
    assert painted(made) == {"layers": "changed"}
    (frame,) = (piece for piece in made.pieces if isinstance(piece, Frame))
    assert frame.item.times == "× depth = 3 → 5"


def test_turns_that_differ_are_drawn_apart() -> None:
    block = ("in: {x: B T d}\n", "in: {x: B T d}\n    params: {mask: mask = causal}\n")
    given = (block, ("mask: causal,", "mask: mask,"))
    cycle = ("repeat: depth}", "repeat: 4, cycle: {mask: [causal, causal & window(left=1)]}}")
    found = graphspec.diff(edited(*given, ("repeat: depth", "repeat: 4")), edited(*given, cycle))
    assert painted(drawn(found)) == {"layers/[1]/attention": "changed"}


def test_what_came_with_all_that_is_in_it() -> None:
    made = drawn(
        edit(("  norm: {op: layer_norm}\n", "  more: {block: part, repeat: depth}\n  norm: {op: layer_norm}\n"))
    )
    inside = {path: paint for path, paint in painted(made).items() if path.startswith("more")}
    assert len(inside) == 7
    assert set(inside.values()) == {"added"}


def test_inputs_and_outputs_of_the_model() -> None:
    found = gallery("encoders/bert", "encoder_decoder/bart")
    texts = {p.path: p.paint for p in drawn(found).pieces if isinstance(p, Box) and p.item.form == "text"}
    assert texts == {
        "source": "changed",
        "target": "added",
        "segment": "removed",
        "→logits": "added",
        "→hidden": "removed",
        "→pooled": "removed",
    }


def test_the_legend_explains_what_is_there_and_nothing_else() -> None:
    def legend(made: Picture) -> list[str]:
        return [p.item.title for p in made.pieces if isinstance(p, Box) and p.path.startswith("•")]

    assert legend(drawn(edit(("mask: causal", "mask: everything")))) == ["Changed"]
    assert legend(drawn(edit(("  norm: {op: layer_norm}\n", "")))) == ["Added", "Removed"]
    assert legend(drawn(graphspec.diff(edited(), edited()))) == []


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_nothing_is_in_the_way_of_anything(pair: tuple[str, str]) -> None:
    for before, after in (pair, pair[::-1]):
        assert [fault for fault in faults(drawn(gallery(before, after))) if "label" not in fault] == []


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_union_can_be_computed_in_its_order(pair: tuple[str, str]) -> None:
    seen = list[Body]()
    waiting = [united(gallery(*pair).body)]
    while waiting:
        body = waiting.pop()
        seen.append(body)
        known = {source.name for source in body.inputs}
        for node in body.nodes:
            assert {ref.name for _, ref in node.inputs} <= known
            known.add(node.name)
            waiting += inner_bodies(node)
    assert any(isinstance(node, Compared) for body in seen for node in body.nodes)


def test_the_three_themes_tell_by_dashes_too() -> None:
    found = edit(("  norm: {op: layer_norm}\n", ""), ("mask: causal", "mask: everything"))
    for theme in ("light", "dark", "print"):
        text = drawing(found, "dot", RenderOptions(theme=theme), Report()).decode()
        (line,) = (line for line in text.splitlines() if line.strip().startswith('"norm" ['))
        assert 'style="rounded,filled,dashed"' in line
    assert 'style="rounded,filled,dotted"' in text


def test_one_block_alone() -> None:
    found = edit(("      mid: x + attention\n", "      post: {op: rms_norm, in: attention}\n      mid: x + post\n"))
    made = drawn(found, focus="part", title="A part")
    assert made.title == "A part"
    assert painted(made) == {"post": "added"}
    with pytest.raises(SpecError, match="unknown-focus"):
        drawn(found, focus="prat")


def test_golden(golden: Callable[[str, str], None]) -> None:
    found = gallery("llm/gpt2", "llm/gpt_neox")
    golden("difference/gpt2_gpt_neox.dot", drawing(found, "dot", RenderOptions(), Report()).decode())


@needs_graphviz
def test_to_a_file(tmp_path: Path) -> None:
    found = edit(("mask: causal", "mask: everything"))
    found.render(tmp_path / "a.svg", theme="dark")
    assert "Changed" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    with pytest.raises(SpecError, match="unknown-format"):
        found.render(tmp_path / "a.gif")
    with pytest.raises(SpecError, match="wrong-word"):
        found.render(tmp_path / "a.svg", explain="causal")
    with pytest.raises(SpecError, match="wrong-word"):
        found.render(tmp_path / "a.svg", params=True)


def test_names_do_not_get_out_of_their_boxes() -> None:
    hostile = ("norm: {op: layer_norm}", 'norm: {op: rms_norm, label: "</TD><script>alert(1)</script>"}')
    text = drawing(edit(hostile), "dot", RenderOptions(), Report()).decode()
    assert "<script" not in text


def test_every_pair_of_a_few_small_models() -> None:
    """Models that have little in common are drawn too."""
    paths = sorted((ROOT / "tests/leaks/specs").glob("*.yaml"))[::4]
    specs = [graphspec.load(path) for path in paths]
    for before, after in combinations(specs, 2):
        made = drawn(bare(before, after))
        assert made.height < 4000, (before.name, after.name)
