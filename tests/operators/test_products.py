"""Products over axes, recurrences, padding, rows of one: what they refuse, what is proved through them, how they look."""

from __future__ import annotations

import pytest

import graphspec
from compiler.emit import emit
from compiler.target import Target
from graphspec.analysis.contracts import verdicts
from graphspec.analysis.cost import Costs
from graphspec.render.canonical import to_text
from tests.lower.cases import CASES
from tests.lower.cases import spec as case

HEAD = """graphspec: 1
params: {d: 6, n: 2, other: 6}
axes: {B: batch, T: position, S: position}
inputs: {x: B T d, a: B T n, ids: int B T, real: bool B T, pairs: B T T', wide: B T other, split: B T n d, rows: int S}
nodes:
"""


def spec(nodes: str, contracts: str = "") -> graphspec.Spec:
    return graphspec.loads(f"{HEAD}  {nodes}\noutputs: {{y: y}}\n{contracts}")


# node -> (the message, the help)
FAULTS: dict[str, tuple[str, str]] = {
    "{op: scan, in: x, over: T}": ("`scan` needs the input `decay`", "write `decay: …`"),
    "{op: scan, in: x, decay: ids, over: T}": (
        "`decay` of `scan` holds floating-point numbers",
        "`{op: cast, to: float}`",
    ),
    "{op: scan, in: x, decay: x, over: S}": ("there is no axis `S` in `B T d`", "its axes are `B`, `T`, `d`"),
    "{op: scan, in: x, decay: x, start: a, over: T}": (
        "`start` of `scan` is `B T n`, but what stands before the first place lies along `B d`",
        "it has no axis `T`",
    ),
    "{op: scan, in: x, decay: a, over: T}": ("one operand has `d` = 6 features, the other `n` = 2", ""),
    "{op: contract, a: x}": ("`contract` needs the input `b`", "write `b: …`"),
    "{op: contract, a: x, b: ids, over: T}": (
        "`b` of `contract` holds floating-point numbers",
        "`{op: cast, to: float}`",
    ),
    "{op: contract, a: x, b: a, over: d}": ("there is no axis `d` in `b` (`B T n`)", "both have what is summed over"),
    "{op: pad, in: x, axis: T, left: -1}": (
        "`left` is -1, but padding only adds places",
        "cut places off with `slice`",
    ),
    "{op: pad, in: x, axis: S, left: 1}": ("there is no axis `S` in `B T d`", "its axes are `B`, `T`, `d`"),
    "{op: pad, in: ids, axis: T, left: 1, value: 0.5}": ("holds whole numbers, so that `value` cannot be 0.5", ""),
    "{op: pad, in: real, axis: T, left: 1, value: 2}": ("holds truth values, which are 0 and 1, so that `value`", ""),
    "{op: one_hot, in: x, size: d}": ("`ids` of `one_hot` holds whole numbers", ""),
    "{op: rotary, in: split, at: x}": (
        "`at` of `rotary` holds whole numbers, but gets `B T d`",
        "`{op: cast, to: int}`",
    ),
    "{op: rotary, in: split, at: rows}": (
        "`at` of `rotary` is `int S`, but positions lie along the last of `B T`",
        "repeat them along the others with `rearrange`",
    ),
    "{op: sinusoidal_position, dim: d}": ("needs an axis to count along", "write `over: T`, or `at: …`"),
    "{op: convolution, in: x, weight: a, over: T, dim: d, kernel: 3}": (
        "`weight` of `convolution` has the shape d × d × 3, but is `B T n`",
        "",
    ),
    "sum(x, T')": ("there is no axis `T'` in `B T d`", "its axes are `B`, `T`, `d`"),
    "{op: linear, in: x, dim: d'}": (
        "`d'` is the second occurrence of an axis, which is no size",
        "leave the prime out",
    ),
    "sum(x, real')": ("`real` is a tensor `bool B T`, not an axis that could stand twice", ""),
    "{op: rearrange, in: pairs, pattern: \"B T' T -> B T T'\"}": (
        "the pattern has `T'` where the axis is `T`",
        "write `T`",
    ),
    '{op: rearrange, in: pairs, pattern: "B T T\' -> B T T"}': ("`T` stands twice after `->`", ""),
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


TITLES = ["places at the ends", "products summed over axes", "recurrences", "rows of one", "second occurrences of axes"]


@pytest.mark.parametrize("title", TITLES)
def test_canonical_text_says_the_same(title: str) -> None:
    graph = graphspec.loads(case(CASES[title])).graph
    text = to_text(graph)
    assert graphspec.loads(text).graph.body == graph.body
    assert to_text(graphspec.loads(text).graph) == text


# -- what comes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ("{op: contract, a: x, b: a}", "B T d n"),
        ("{op: contract, a: a, b: x}", "B T n d"),
        ("{op: contract, a: x, b: wide}", "B T d other"),  # equal sizes of different names
        ("{op: contract, a: x, b: wide, over: d}", "B T"),  # but what is summed over may be of equal size
        ("{op: contract, a: x, b: a, over: T}", "B d n"),
        ("{op: contract, a: x, b: a, over: [T, B]}", "d n"),
        ("{op: contract, a: pairs, b: x, over: T}", "B T' d"),
        ("{op: scan, in: x, decay: x, over: T}", "B T d"),
        ("{op: pad, in: x, axis: T, left: 1, right: n}", "B (T + n + 1) d"),
        ("{op: one_hot, in: ids, size: n}", "B T n"),
        ("{op: parameter, shape: [d, d]}", "d d'"),
        ('{op: rearrange, in: x, pattern: "B T d -> B d T\'"}', "B d T'"),
        ("{op: rearrange, in: pairs, pattern: \"B T T' -> T' (B T)\"}", "T' (B * T)"),
        ("softmax(pairs, T')", "B T T'"),
        ("mean(pairs, T')", "B T"),
        ("mean(pairs, T)", "B T'"),
    ],
)
def test_the_axes_of_the_result(node: str, kind: str) -> None:
    written = node if node.startswith("{") else f'"{node}"'
    assert str(spec(f"y: {written}").graph.body.node("y").type) == kind


@pytest.mark.parametrize(
    ("node", "flops"),
    [
        ("{op: contract, a: x, b: a}", "B * T * d * n"),
        ("{op: contract, a: x, b: x, over: d}", "2 * B * T * d"),
        ("{op: scan, in: x, decay: x, over: T}", "2 * B * T * d"),
        ("{op: pad, in: x, axis: T, left: 1}", "0"),
        ("{op: one_hot, in: ids, size: n}", "0"),
    ],
)
def test_what_it_costs(node: str, flops: str) -> None:
    graph = spec(f"y: {node}").graph
    assert str(Costs(graph).flops(graph.body)) == flops


def test_the_source_reads_like_the_formula() -> None:
    nodes = """keys: {op: rearrange, in: x, pattern: "B T d -> B T' d"}
  scores: {op: contract, a: x, b: keys, over: d}
  outer: {op: contract, a: x, b: a}
  state: {op: scan, in: outer, decay: sigmoid(a), over: T}
  read: {op: contract, a: state, b: a, over: n}
  y: read + sum(scores, T')"""
    source = emit(spec(nodes).graph, Target(device="cpu"))
    for line in (
        'scores = torch.einsum("btd,bTd->btT", x, x)  # B T T\'',
        "outer = x[..., None] * a[:, :, None]  # B T d n",
        "state = linear_scan(outer, torch.sigmoid(a)[:, :, None], dim=1)  # B T d n",
        'read = torch.einsum("btdn,btn->btd", state, a)  # B T d',
    ):
        assert line in source, source


# -- verdicts ---------------------------------------------------------------------------------------------------------

CAUSAL = "causal: {output: y, input: x}"
PADDING = "ignores_padding: {output: y, input: x, where: real}"
LEFT = "ignores_padding: {output: y, input: x, where: real, side: left}"
SCAN = "y: {{op: scan, in: {x}, decay: sigmoid(x), over: T{more}}}"
QUIET = "q: x * real\n  "
CONVOLVED = "y: {op: convolution, in: p, over: T + 2, dim: d, kernel: 3, bias: false}"
BY_HAND = """keys: {op: rearrange, in: x, pattern: "B T d -> B T' d"}
  scores: {op: contract, a: x, b: keys, over: d}
  i: {op: index, over: T}
  j: {op: rearrange, in: i, pattern: "T -> T'"}
  seen: where(j <= i, scores, -1e9)
  y: {op: contract, a: "softmax(seen, T')", b: keys, over: T'}"""


TOLD = """at: "{at}"
  y: {{block: std.attention, in: x, heads: 2, mask: causal & real, rotary: {{theta: 100, dims: 2, at: at}}}}"""


@pytest.mark.parametrize(
    ("nodes", "contract", "status"),
    [
        (SCAN.format(x="x", more=""), CAUSAL, "proved"),
        (SCAN.format(x="x", more=""), "independent: {axis: B}", "proved"),
        (SCAN.format(x="x", more=""), "independent: {axis: T}", "refuted"),
        (SCAN.format(x="x", more=""), PADDING, "proved"),
        (SCAN.format(x="x", more=""), LEFT, "refuted"),
        (QUIET + SCAN.format(x="q", more=""), LEFT, "proved"),
        ("h: {op: parameter, shape: d}\n  " + QUIET + SCAN.format(x="q", more=", start: h"), LEFT, "refuted"),
        (SCAN.format(x="x", more=", reverse: true"), CAUSAL, "refuted"),
        (SCAN.format(x="x", more=", reverse: true"), PADDING, "refuted"),
        (QUIET + SCAN.format(x="q", more=", reverse: true"), PADDING, "proved"),
        (SCAN.format(x="x", more=""), "reach: {output: y, input: x, at_least: 5}", "proved"),
        ("y: {op: contract, a: x, b: a}", CAUSAL, "proved"),
        ("y: {op: contract, a: x, b: a, over: T}", "invariant: {output: y, axis: T}", "proved"),
        ("y: {op: contract, a: x, b: a, over: T}", PADDING, "refuted"),
        (QUIET + "y: {op: contract, a: q, b: a, over: T}", PADDING, "proved"),
        # the other factor is read only where this one is not zero
        (QUIET + "y: {op: contract, a: q, b: x + 1, over: [T, d]}", PADDING, "proved"),
        (TOLD.format(at="max(cumsum(real, T) - 1, 0)"), LEFT, "proved"),
        (TOLD.format(at="max(cumsum(real, T) - 1, 0)"), CAUSAL, "proved"),
        (TOLD.format(at="ids"), "causal: {output: y, input: ids}", "proved"),
        (TOLD.format(at="ids"), "independent: {axis: B}", "proved"),
        # every place reads the number at the end
        (TOLD.format(at="max(ids, T) - ids"), "causal: {output: y, input: ids}", "refuted"),
        (BY_HAND, CAUSAL, "refuted"),  # a small weight is none that is zero: `attend` with a mask is
        ("p: {op: pad, in: x, axis: T, left: 2}\n  " + CONVOLVED, CAUSAL, "proved"),
        ("p: {op: pad, in: x, axis: T, left: 1, right: 1}\n  " + CONVOLVED, CAUSAL, "refuted"),
        (QUIET + "p: {op: pad, in: q, axis: T, left: 2}\n  " + CONVOLVED, LEFT, "proved"),
        (QUIET + "p: {op: pad, in: q, axis: T, left: 2, value: 5}\n  " + CONVOLVED, LEFT, "unknown"),
        (QUIET + "p: {op: pad, in: q, axis: T, right: 2}\n  " + CONVOLVED, PADDING, "proved"),
        (QUIET + "p: {op: pad, in: q, axis: T, right: 2, value: 5}\n  " + CONVOLVED, PADDING, "unknown"),
    ],
)
def test_verdict(nodes: str, contract: str, status: str) -> None:
    (found,) = verdicts(spec(nodes, f"contracts:\n  - {contract}\n").graph)
    assert found.status == status, found
