"""Windows as they are written: sizes that follow, and what is wrong, with its place and how to mend it."""

from __future__ import annotations

import pytest

import graphspec
from graphspec.diagnostics import Diagnostic
from graphspec.render.canonical import to_text

HEAD = """graphspec: 1
name: windows
params: {d: 8, k: 3, patch: 4, odd: 3}
axes:
  B: batch
  T: position
  S: {size: (T - 1) // 2 + 1, role: position}
  L: {size: T * k, role: position}
  H: {size: 32, role: position}
  W: {size: 32, role: position}
inputs: {x: B T d, image: B H W 3, long: B L d}
"""


def load(text: str) -> graphspec.Spec:
    return graphspec.loads(f"{HEAD}nodes:\n  y: {{{text}}}\noutputs: {{y: y}}\n")


def one_problem(text: str) -> Diagnostic:
    with pytest.raises(graphspec.SpecError) as caught:
        load(text)
    (found,) = [one for one in caught.value.diagnostics if one.severity == "error"]
    return found


SIZES = {
    "op: convolution, in: x, over: T, dim: 4, kernel: 3": "B (T - 2) 4",
    "op: convolution, in: x, over: T, dim: 4, kernel: k": "B (T + 1 - k) 4",
    "op: convolution, in: x, over: T, dim: 4, kernel: k, padding: same": "B T 4",
    "op: convolution, in: x, over: T, dim: 4, kernel: k, padding: 1": "B T 4",
    "op: convolution, in: x, over: [T], dim: 4, kernel: [k], padding: causal, dilation: 2": "B T 4",
    "op: convolution, in: x, over: T, dim: 4, kernel: k, padding: [2, 1]": "B (T + 4 - k) 4",
    "op: convolution, in: x, over: T, dim: 4, kernel: 3, padding: [1, 1], stride: 2": "B S 4",
    "op: convolution, in: x, over: T, dim: 4, kernel: k, padding: same, stride: 2": "B S 4",
    "op: convolution, in: x, over: T, dim: d, kernel: 3, groups: d, padding: same": "B T d",
    "op: convolution, in: image, over: [H, W], dim: d, kernel: patch, stride: patch": "B (H // patch) (W // patch) d",
    "op: convolution, in: image, over: [W, H], dim: d, kernel: [3, 5]": "B (H - 4) (W - 2) d",
    "op: convolution, in: image, over: [H, W], dim: d, kernel: 3, padding: [[1, 1], [2, 0]]": "B H W d",
    "op: convolution, in: image, over: [H, W], dim: d, kernel: 3, padding: [1, 1]": "B H W d",
    "op: pool, in: image, over: [H, W], kind: max, kernel: 2": "B (H // 2) (W // 2) 3",
    "op: pool, in: x, over: T, kind: mean, kernel: 3, stride: 2, padding: same": "B S d",
    "op: pool, in: x, over: d, kind: max, kernel: 2": "B T (d // 2)",
    "op: pool, in: long, over: L, kind: max, kernel: k": "B T d",
    "op: group_norm, in: image, groups: 3, over: [W, H]": "B H W 3",
    "op: batch_norm, in: image, momentum: 0.01": "B H W 3",
}


@pytest.mark.parametrize("text", SIZES)
def test_the_size_that_follows(text: str) -> None:
    assert str(load(text).graph.body.node("y").type) == SIZES[text]


@pytest.mark.parametrize("text", SIZES)
def test_the_canonical_text_reads_as_the_same(text: str) -> None:
    spec = load(text)
    again = graphspec.loads(to_text(spec.graph))
    assert again.graph.body == spec.graph.body


def test_derived_sizes_are_found_by_what_they_are_made_of() -> None:
    """Both axes are 16 long; each is known by its own name."""
    text = """nodes:
  a: {op: pool, in: image, over: [H, W], kind: max, kernel: 2}
  y: {op: convolution, in: a, over: [W // 2, H // 2], dim: 4, kernel: [3, 1]}
outputs: {y: y}
"""
    assert str(graphspec.loads(HEAD + text).graph.body.node("y").type) == "B (H // 2) ((W - 4) // 2) 4"


PROBLEMS = {
    "op: convolution, in: x, over: H, dim: 4, kernel: 3": ("there is no axis `H` in `B T d`", "H", "axes that `x` has"),
    "op: convolution, in: x, over: d, dim: 4, kernel: 3": ("the axis `d` is the last", "d", "axes before it"),
    "op: convolution, in: image, over: [H, H], dim: 4, kernel: 3": ("`H` is named twice", "[H, H]", "each axis once"),
    "op: convolution, in: x, over: [], dim: 4, kernel: 3": ("one to three axes, not 0", "[]", "over: T"),
    "op: convolution, in: x, over: T, dim: 4, kernel: [3, 3]": (
        "`kernel` has 2 sizes, but `over` has 1 axis",
        "[3, 3]",
        "one for each",
    ),
    "op: convolution, in: x, over: T, dim: 4, kernel: T": ("known only at run time", "T", "`reduce`"),
    "op: convolution, in: x, over: T, dim: 4, kernel: 0": ("must be at least 1", "0", ""),
    "op: convolution, in: x, over: T, dim: 4, kernel: 3, stride: 0": ("`stride` is `0`", "0", ""),
    "op: convolution, in: x, over: T, dim: 4, kernel: 3, groups: odd": ("do not divide `d` = 8", "odd", "must divide"),
    "op: convolution, in: x, over: T, dim: 3, kernel: 3, groups: 4": ("do not divide `3`", "4", "must divide"),
    "op: convolution, in: image, over: [H, W], dim: 4, kernel: 33": (
        "over 33 places does not fit into `H`",
        "33",
        "pad",
    ),
    "op: convolution, in: x, over: T, dim: 4, kernel: 3, padding: [-1, 0]": ("at least 0", "[-1, 0]", ""),
    "op: convolution, in: image, over: [H, W], dim: 4, kernel: 3, padding: [1, 2]": (
        "of each of the 2",
        "[1, 2]",
        "pair",
    ),
    "op: pool, in: x, over: T, kind: max, kernel: 2, padding: 2": ("may hold nothing else", "2", "at most 1"),
    "op: pool, in: x, over: T, kind: max, kernel: 2, count_padding: true": ("does not count padding", "true", "leave"),
    "op: group_norm, in: x, groups: odd": ("do not divide `d` = 8 features", "odd", "must divide"),
    "op: group_norm, in: x, groups: d": ("a single number", "d", "fewer groups"),
    "op: group_norm, in: x, groups: 2, over: d": ("the axis `d` is the last", "d", "axes before it"),
}


@pytest.mark.parametrize("text", PROBLEMS)
def test_what_does_not_fit(text: str) -> None:
    found, (message, at, help) = one_problem(text), PROBLEMS[text]
    assert found.code == "shape-mismatch"
    assert message in found.message
    assert help in found.help
    assert found.span is not None
    line = f"{HEAD}nodes:\n  y: {{{text}}}\n".split("\n")[found.span.line - 1]
    assert line[found.span.column - 1 :].startswith(at)


def test_one_feature_vector_has_no_batch() -> None:
    with pytest.raises(graphspec.SpecError, match="nothing to average over"):
        graphspec.loads("graphspec: 1\nname: a\ninputs: {x: 4}\nnodes: {y: {op: batch_norm, in: x}}\noutputs: {y: y}\n")


@pytest.mark.parametrize(
    ("padding", "code", "help"),
    [
        ("sam", "wrong-word", "`same`"),
        ("[1, 1, 1]", "wrong-form", "[left, right]"),
        ("[[1, 1], 2]", "wrong-form", "one such pair for each axis"),
        ("{left: 1}", "wrong-form", "[left, right]"),
        ("0.5", "wrong-kind", ""),
    ],
)
def test_padding_that_cannot_be_read(padding: str, code: str, help: str) -> None:
    found = one_problem(f"op: convolution, in: x, over: T, dim: 4, kernel: 3, padding: {padding}")
    assert found.code == code
    assert help in found.help


def test_the_words_of_a_block_reach_it() -> None:
    text = """
blocks:
  smooth:
    in: {h: ... T c}
    params: {padding: word, width: int}
    nodes: {moved: {op: convolution, in: h, over: T, dim: c, kernel: width, padding: padding, groups: c}}
    out: moved
nodes: {y: {block: smooth, in: x, padding: causal, width: 5}}
outputs: {y: y}
"""
    assert str(graphspec.loads(HEAD + text).graph.body.node("y").type) == "B T d"
