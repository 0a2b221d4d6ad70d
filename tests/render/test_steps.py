"""Which boxes a diagram has: what is left out, what is drawn as one, what it is called."""

from __future__ import annotations

import pytest

from graphspec.render import RenderOptions
from graphspec.render.scenes import scene_of
from tests.render.models import model, outline

EMBEDDING = "e: {op: embedding, in: tokens, size: vocab, dim: d}\np: {op: sinusoidal_position, over: T, dim: d}"


@pytest.mark.parametrize(
    ("nodes", "boxes"),
    [
        (f"{EMBEDDING}\ny: dropout(sqrt(d) * e + p, 0.1)", ["Embedding + positions [embedding]"]),
        (f"{EMBEDDING}\nf: {{op: embedding, in: tokens, size: 3, dim: d}}\ny: e + f + p", ["Embeddings + positions [embedding]"]),
        ("l: {op: linear, in: x, dim: d}\np: {op: sinusoidal_position, over: T, dim: d}\ny: l + p", ["Linear [linear]", "Add positions [position]"]),
        ("l: {op: linear, in: x, dim: d}\ns: x + l\ny: {op: layer_norm, in: s}", ["Linear [linear]", "Add & Norm + [norm]"]),
        ("l: {op: linear, in: x, dim: d}\ns: x + l\nn: {op: layer_norm, in: s}\ny: s + n", ["Linear [linear]", "+", "Layer norm [norm]", "+"]),
        ("l: {op: linear, in: x, dim: d}\ny: gelu(l)", ["Linear + GELU [linear]"]),
        ("l: {op: linear, in: x, dim: d}\ny: x + l + dropout(l, 0.5)", ["Linear [linear]", "+"]),
        ("l: {op: linear, in: x, dim: d}\nm: silu(l) * x\ny: m", ["Linear + SiLU [linear]", "×"]),
        ("g: {op: parameter, shape: [d]}\nl: {op: linear, in: x, dim: d}\ny: x + g * l", ["Linear [linear]", "+"]),
        ("y: sum(x * real, T) / sum(real, T)", ["Y over T [reduce]"]),
        ("l: {op: linear, in: x, dim: d}\nunused: {op: linear, in: l, dim: d}\ny: {op: rms_norm, in: l}", ["Linear [linear]", "RMS norm [norm]"]),
        ("y: {op: linear, in: x, dim: d, label: Read out}", ["Read out [linear]"]),
        ("y: dropout(1 + x / 2, 0.1)", []),
        ("y: (1 - x) * (1 / x) ** 2", ["1 − x [pointwise]", "1 / x [pointwise]", "Square [pointwise]", "×"]),
        ("y: {op: select, in: x, axis: T}", ["First of T [shape]"]),
        ('y: "x / sqrt(sum(x ** 2, d))"', ["L2 norm [norm]"]),
        ('y: "x / sqrt(sum(x ** 3, d))"', ["x³ [pointwise]", "Sum over d [reduce]", "Square root [pointwise]", "÷"]),
        ('z: x + x\ny: "z / sqrt(sum(x ** 2, d))"', ["+", "Square [pointwise]", "Sum over d [reduce]", "Square root [pointwise]", "÷"]),
        ('l: {op: linear, in: x, dim: d}\ny: "sum(l * x, d)"', ["Linear [linear]", "Dot product over d [reduce]"]),
        ('y: "sum(x * real, T)"', ["Sum over T [reduce]"]),
        ('s: {op: parameter, shape: []}\ny: "exp(s) * sum(x, d)"', ["Sum over d [reduce]"]),
        ('y: "mean(x, d)"', ["Mean over d [reduce]"]),
        ('n: "sum(real, T)"\ne: {op: embedding, in: n, size: 9, dim: d}\ny: x + e', ["Sum over T [reduce]", "Embedding [embedding]", "+"]),
        ("y: {op: contract, a: x, b: x, over: d}", ["Dot product over d [linear]"]),
        ("l: {op: linear, in: x, dim: d}\ny: l + real", ["Linear [linear]", "Add [pointwise]"]),
        ("y: x ** 0.3", ["x to the 0.3 [pointwise]"]),
        ('p: {op: learned_position, at: "max(cumsum(real, T) - 1, 0)", size: 9, dim: d}\ny: x + p', ["Add positions [position]"]),
    ],
)  # fmt: skip
def test_boxes(nodes: str, boxes: list[str]) -> None:
    assert outline(model(nodes, "y")) == boxes


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        ("heads: 2", "Multi-head attention [attention]"),
        ("heads: 1", "Single-head attention [attention]"),
        ("heads: 2, mask: causal", "Masked multi-head attention [attention]"),
        ("heads: 4, kv_heads: 2, mask: causal & window(left=3)", "Masked grouped-query attention [attention]"),
        ("heads: 4, kv_heads: 1", "Multi-query attention [attention]"),
        ("heads: 2, context: memory", "Cross-attention [cross]"),
        ("heads: 2, context: x", "Multi-head attention [attention]"),
    ],
)
def test_attention_is_named_after_what_it_does(arguments: str, title: str) -> None:
    assert outline(model(f"y: {{block: std.attention, in: x, {arguments}}}", "y")) == [title]


def test_blocks_of_primitives_are_closed_and_named_after_the_block() -> None:
    blocks = "mixer_ffn:\n  in: {h: B T d}\n  nodes: {u: {op: linear, in: h, dim: 4 * d}, y: {op: linear, in: relu(u), dim: d}}\n  out: y"
    assert outline(model("y: {block: mixer_ffn, in: x}", "y", blocks)) == ["Mixer feed-forward [ffn]"]


LAYER = "one_layer:\n  in: {h: B T d}\n  nodes: {a: {block: std.attention, in: h, heads: heads}}\n  out: h + a"


def test_repeats_and_blocks_of_blocks_are_opened() -> None:
    inside = ["  Multi-head attention [attention]", "  +"]
    assert outline(model("y: {block: one_layer, in: x}", "y", LAYER)) == ["Y []", *inside]
    assert outline(model("y: {block: one_layer, in: x, repeat: turns}", "y", LAYER)) == ["Y × turns = 3 []", *inside]
    assert outline(model("y: {block: one_layer, in: x, repeat: 3}", "y", LAYER)) == ["Y × 3 []", *inside]


def test_depth_says_how_many_levels_are_opened() -> None:
    graph = model("y: {block: one_layer, in: x, repeat: turns}", "y", LAYER)
    assert outline(graph, RenderOptions(depth=0)) == ["Y × 3 [stack]"]
    assert len(outline(graph, RenderOptions(depth=1))) == 3
    assert "    Linear [linear]" in outline(graph, RenderOptions(depth=2))


def test_attentions_stay_closed() -> None:
    own = "heart:\n  in: {h: B T d}\n  nodes:\n    n: {block: std.ffn, in: h, hidden: 4}\n    q: {op: heads, in: n, heads: heads}\n    a: {op: attend, query: q, key: q, value: q}\n    o: {op: merge}\n  out: o"
    graph = model("y: {block: heart, in: x}", "y", own)
    assert outline(graph) == ["Heart [attention]"]
    assert len(outline(graph, RenderOptions(depth=1))) == 5


def test_a_label_comes_before_all_names() -> None:
    block = "heart:\n  label: A heart\n  in: {h: B T d}\n  nodes: {a: {block: std.attention, in: h, heads: heads}}\n  out: a"
    assert outline(model("y: {block: heart, in: x}", "y", block), RenderOptions(depth=0)) == ["A heart [attention]"]
    assert outline(model("y: {block: heart, in: x, label: Mine}", "y", block), RenderOptions(depth=0)) == [
        "Mine [attention]"
    ]
    assert outline(model("y: {block: heart, in: x, repeat: 2}", "y", block), RenderOptions(depth=0)) == [
        "Y × 2 [stack]"
    ]


MASKED = "one_layer:\n  in: {h: B T d}\n  params: {seen: mask}\n  nodes: {a: {block: std.attention, in: h, heads: heads, mask: seen}}\n  out: h + a"


def test_a_pattern_of_turns_is_drawn_once() -> None:
    node = "y: {block: one_layer, in: x, repeat: 6, cycle: {seen: [causal, causal & window(left=1)]}}"
    lines = [line for line in outline(model(node, "y", MASKED)) if line.endswith("[]")]
    assert lines == ["Y × 3 []", "  One layer []", "  One layer []"]


def test_turns_that_look_alike_are_one() -> None:
    node = "y: {block: one_layer, in: x, repeat: 4, cycle: {seen: [causal & window(left=4), causal & window(left=5)]}}"
    assert outline(model(node, "y", MASKED))[0] == "Y × 4 []"


def test_many_different_turns_are_left_out() -> None:
    masks = ", ".join(("causal", f"window(left={at})", "everything")[at % 3] for at in range(20))
    node = f"y: {{block: one_layer, in: x, repeat: 20, each: {{seen: [{masks}]}}}}"
    scene = scene_of(model(node, "y", MASKED), RenderOptions()).items
    inner = next(item.inner for item in scene if item.inner)
    assert [item.title for item in inner.items if item.form == "text"] == ["… 15 more …"]


def test_shapes_stand_where_they_are_news() -> None:
    graph = model("a: {op: linear, in: x, dim: 3 * d}\nn: {op: layer_norm}\ny: {op: linear, dim: d}", "y")

    def shapes(wanted: str) -> list[str]:
        items = scene_of(graph, RenderOptions(shapes=wanted)).items
        return [item.shape for item in items if item.form == "box"]

    assert shapes("changes") == ["a · B × T × 3·d", "", "y · B × T × d"]
    assert shapes("all") == ["a · B × T × 3·d", "B × T × 3·d", "y · B × T × d"]
    assert shapes("none") == ["a", "", "y"]


def test_masks_are_no_lines_but_glyphs() -> None:
    scene = scene_of(model("y: {block: std.attention, in: x, heads: 2, mask: real & causal}", "y"), RenderOptions())
    assert [item.name for item in scene.items] == ["x", "y", "→result"]
    assert scene.items[1].note == "mask: real & causal"
    assert scene.items[1].glyph == ("#.....", "##....", "###...", "####..", "####..", "####..")
