"""Operators that choose, cut, turn and rearrange: what they refuse, and how they say it."""

from __future__ import annotations

import pytest

import graphspec
from graphspec.analysis.contracts import verdicts
from graphspec.axes import dim
from graphspec.operators.pattern import Pattern, PatternError, Word, parse_pattern
from graphspec.render.canonical import to_text
from tests.lower.cases import CASES
from tests.lower.cases import spec as case

HEAD = """graphspec: 1
params: {d: 6, n: 2}
axes: {B: batch, T: position, S: position}
inputs: {x: B T d, ids: int B S, real: bool B T, more: bool B S}
nodes:
"""


def spec(nodes: str, contracts: str = "") -> graphspec.Spec:
    return graphspec.loads(f"{HEAD}  {nodes}\noutputs: {{y: y}}\n{contracts}")


# node -> (the message, the help)
FAULTS: dict[str, tuple[str, str]] = {
    "{op: top, in: x, k: 7, axis: d}": ("`top` cannot choose `7` of `d` = 6", "choose a `k` of at most 6"),
    "{op: top, in: x, k: 0, axis: T}": ("`top` chooses at least one, but `k` is 0", "choose a `k` from 1 up"),
    "{op: top, in: ids, k: 1, axis: S}": ("`x` of `top` holds floating-point numbers", "`{op: cast, to: float}`"),
    "{op: top, in: x, where: x, k: 1, axis: d}": ("`where` of `top` holds truth values", "compare it: `where: x > 0`"),
    "{op: top, in: x, where: more, k: 1, axis: d}": (
        "`where` (`bool B S`) has an axis that `x` (`B T d`) lacks",
        "its axes must be among those of `x`",
    ),
    "{op: top, in: x, k: 1, axis: S}": ("there is no axis `S` in `B T d`", "its axes are `B`, `T`, `d`"),
    "{op: top, where: real, k: 1, axis: T}": ("`top` needs the input `x`", "write `x: …`"),
    "{op: reduce, in: x, over: T, kind: sum, reverse: true}": (
        "`reverse` is for cumulative reductions",
        "add `cumulative: true`, or drop it",
    ),
    "{op: reduce, in: x, over: T, kind: argmax, cumulative: true}": (
        "`argmax` cannot be cumulative",
        "`sum`, `mean`, `max` and `min` can",
    ),
    "cumsum(x)": ("`cumsum` takes a tensor and an axis", ""),
    "{op: split, in: x, axis: d, into: {a: 2, b: 3}}": (
        "the parts have `5` in all, `d` has `d` = 6",
        "choose sizes with the sum `d`",
    ),
    "{op: split, in: x, axis: T, into: [a, b]}": (
        "`T` cannot be cut into 2 equal parts for sure",
        "say their sizes: `into: {name: size, …}`",
    ),
    "{op: split, in: x, axis: d, into: [a, a]}": ("`a` stands twice", "choose another name"),
    "{op: split, in: x, axis: d, into: {a-b: 6}}": ("`a-b` is no name", "names have letters"),
    "{op: split, in: x, axis: d, into: 3}": ("`into` needs named sizes", "or `[name, …]` for equal parts"),
    "{op: flip, in: x, axis: S}": ("there is no axis `S` in `B T d`", "its axes are `B`, `T`, `d`"),
    "{op: roll, in: x, axis: T, by: 1.5}": ("`by` needs a whole number", ""),
    "{op: gather, in: x, at: real, axis: T}": ("`at` of `gather` holds whole numbers", "`{op: cast, to: int}`"),
    '{op: rearrange, in: x, pattern: "B T d"}': ("a pattern has two sides", "write `before -> after`"),
    '{op: rearrange, in: x, pattern: "B T d -> B d"}': ("`T` is gone after `->`", "drop one with `reduce` or `select`"),
    '{op: rearrange, in: x, pattern: "B T d -> B T d q"}': (
        "`q` does not stand before `->`",
        "to repeat along it, say its size: `sizes: {q: …}`",
    ),
    '{op: rearrange, in: x, pattern: "B T (q q) -> B T q q"}': ("`q` stands twice", "`sizes: {q_1: …}`"),
    '{op: rearrange, in: x, pattern: "B T (2 2) -> B T 2 2"}': ("`2` stands twice", "`sizes: {a: 2, b: 2}`"),
    '{op: rearrange, in: x, pattern: "B T (q r) -> B T q r"}': ("`q r` leaves `q` and `r` open", "say all but one"),
    '{op: rearrange, in: x, pattern: "B (T n) d -> B T n d"}': ("`T n` makes `T * n`", "have `T` as their product"),
    '{op: rearrange, in: x, pattern: "B (q n) d -> B q n d"}': (
        "`n` = 2 does not divide `T` for sure",
        "declare the axis as a product",
    ),
    '{op: rearrange, in: x, pattern: "B T -> T B"}': ("needs 2 axes, but `x` is `B T d`", ""),
    '{op: rearrange, in: x, pattern: "... d -> d"}': ("`...` stands on one side only", "begin both sides"),
    '{op: rearrange, in: x, pattern: "B T (d -> B T d"}': ("a parenthesis is not closed", ""),
    '{op: rearrange, in: x, pattern: "B T real -> T B real"}': ("`real` is an input, not an axis", "another name"),
    '{op: rearrange, in: x, pattern: "B T d -> T B d", sizes: {q: 2}}': (
        "`q` is no name of the pattern's own",
        "`sizes` is for names that the spec does not define",
    ),
}


@pytest.mark.parametrize("node", FAULTS)
def test_what_is_refused(node: str) -> None:
    message, help = FAULTS[node]
    written = node if node.startswith("{") else f'"{node}"'
    with pytest.raises(graphspec.SpecError) as caught:
        spec(f"y: {written}")
    text = str(caught.value)
    assert message in text
    assert help in text


# -- patterns ---------------------------------------------------------------------------------------------------------


def meaning(word: Word) -> str:
    return word.text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a b -> b a", "a b -> b a"),
        ("... (a  b) -> ... (b a)", "... (a b) -> ... (b a)"),
        ("a () -> 1 a", "a 1 -> 1 a"),
        ("(a) b -> (b a)", "a b -> (b a)"),
    ],
)
def test_a_pattern_is_written_in_one_way(text: str, written: str) -> None:
    pattern = parse_pattern(text, meaning)
    assert str(pattern) == written
    assert parse_pattern(written, meaning) == pattern


def test_expressions_stand_in_parentheses() -> None:
    words: list[str] = []
    parse_pattern("(T // 2) ((T // 4) n) -> n (T // 4) (T // 2)", lambda word: words.append(word.text) or word.text)
    assert words == ["T // 2", "T // 4", "n"]


@pytest.mark.parametrize("text", ["a -> b -> a", "a) -> a", "a ... -> ... a", "a-b -> a-b", "(()) a -> a"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(PatternError):
        parse_pattern(text, meaning)


def test_a_size_that_stands_twice_gets_a_name_when_it_is_written() -> None:
    """Within a block two names may mean the same size; written out it would stand twice."""
    from graphspec.operators.rearrange import Rearrange

    twice = Rearrange(pattern=Pattern(((dim("d"), dim("d")),), ((1, 0),)))
    assert str(twice.pattern) == "(d d_1) -> (d_1 d)"
    assert twice.sizes == (("d_1", dim("d")),)


TITLES = ["cumulative reductions", "the largest", "parts of an axis", "turning around", "rows by number"]


@pytest.mark.parametrize("title", [*TITLES, "axes split, merged and reordered"])
def test_canonical_text_says_the_same(title: str) -> None:
    graph = graphspec.loads(case(CASES[title])).graph
    text = to_text(graph)
    assert graphspec.loads(text).graph.body == graph.body
    assert to_text(graphspec.loads(text).graph) == text


# -- verdicts ---------------------------------------------------------------------------------------------------------

POSITIONS = """place: "{place}"
  p: {{op: learned_position, at: place, size: 50, dim: d}}
  y: {{block: std.attention, in: x + p, heads: 2, mask: causal & real}}"""
TOP = "t: {{op: top, in: x, k: n, axis: {axis}{more}}}\n  y: t * x"
REARRANGED = 'y: {{op: rearrange, in: x, pattern: "{}"}}'
CAUSAL, LEFT = "causal: {output: y, input: x}", "ignores_padding: {output: y, input: x, where: real, side: left}"
PADDING = "ignores_padding: {output: y, input: x, where: real}"


@pytest.mark.parametrize(
    ("nodes", "contract", "status"),
    [
        ("y: cumsum(x, T)", CAUSAL, "proved"),
        ("y: cummax(x, T)", CAUSAL, "proved"),
        ("y: {op: reduce, in: x, over: T, kind: sum, cumulative: true, reverse: true}", CAUSAL, "refuted"),
        ("a: x * real\n  y: cumsum(a, T)", LEFT, "proved"),
        ("y: cumsum(x, T)", LEFT, "refuted"),
        ("a: x * real\n  y: cummax(a, T)", LEFT, "unknown"),
        (
            "a: x * real\n  y: {op: reduce, in: a, over: T, kind: sum, cumulative: true, reverse: true}",
            PADDING,
            "proved",
        ),
        (POSITIONS.format(place="max(cumsum(real, T) - 1, 0)"), LEFT, "proved"),
        (POSITIONS.format(place="max(cumsum(real, T) - 1, 0)"), CAUSAL, "proved"),
        (TOP.format(axis="d", more=""), "independent: {axis: T}", "proved"),
        (TOP.format(axis="T", more=""), CAUSAL, "refuted"),
        (TOP.format(axis="T", more=""), PADDING, "refuted"),
        (TOP.format(axis="T", more=", where: real"), PADDING, "proved"),
        ("y: {op: top, in: x, axis: T, k: T, where: real}", PADDING, "unknown"),
        ("a: cumsum(more, S)\n  y: x + sum(a, S)", CAUSAL, "proved"),
        ("y: {op: flip, in: x, axis: T}", CAUSAL, "refuted"),
        ("y: {op: flip, in: x, axis: d}", CAUSAL, "proved"),
        ("y: {op: roll, in: x, axis: T, by: 1}", CAUSAL, "refuted"),
        (REARRANGED.format("B T (n q) -> B T (q n)"), CAUSAL, "proved"),
        (REARRANGED.format("B T d -> d T B"), CAUSAL, "proved"),
        ("a: {op: split, in: x, axis: d, into: [p, q]}\n  y: a.q * a.p", CAUSAL, "proved"),
        ("y: {op: gather, in: x, at: ids, axis: T}", "independent: {axis: B}", "proved"),
    ],
)
def test_verdict(nodes: str, contract: str, status: str) -> None:
    (found,) = verdicts(spec(nodes, f"contracts:\n  - {contract}\n").graph)
    assert found.status == status


def test_a_move_that_is_undone_refutes_nothing() -> None:
    """Turned around twice it is what it was: no length shows in it."""
    nodes = "a: {op: flip, in: x, axis: T}\n  y: {op: flip, in: a, axis: T}"
    (found,) = verdicts(spec(nodes, f"contracts:\n  - {CAUSAL}\n").graph)
    assert found.status == "unknown"
