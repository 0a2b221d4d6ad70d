"""The flow rules of windows and of norms over batches and groups, confirmed by changing one entry at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

import compiler
import graphspec
from graphspec.analysis.contracts import verdicts
from graphspec.axes import Axis, Dim, Sizes, TensorType, dim
from graphspec.flow import Fact, Interval, Length
from graphspec.operators import Operator
from graphspec.operators.convolution import Convolution, Pool
from graphspec.operators.flow_rules import Effect, Use, effect_of
from graphspec.operators.norm import BatchNorm, GroupNorm
from graphspec.operators.told import ALIKE
from tests.flow.brute import matrix

HEAD = """graphspec: 1
name: one
params: {features: 4}
axes: {B: {size: 2, role: batch}, T: {size: 7, role: position}, W: {size: 5, role: position}}
"""
SIZES = Sizes({"features": 4}, {"B": dim(2), "T": dim(7), "W": dim(5)})


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(threads)


def moved(model: torch.nn.Module, shape: tuple[int, ...]) -> np.ndarray:
    """Entries of the output by entries of the input: whether a change of the one moves the other."""
    draw = torch.Generator().manual_seed(0)
    found: np.ndarray | None = None
    for _ in range(3):  # a maximum may miss a change by chance
        x = torch.randn(shape, generator=draw)
        with torch.no_grad():
            before = model(x).reshape(-1, 1)
            columns = []
            for at in range(x.numel()):
                changed = x.clone()
                changed.view(-1)[at] += 3
                columns.append(model(changed).reshape(-1, 1))
        change = (torch.cat(columns, 1) - before).abs().numpy() > 1e-12
        found = change if found is None else found | change
    assert found is not None
    return found


def bound(effect: Effect, given: tuple[int, ...], made: tuple[int, ...]) -> np.ndarray:
    """The same by the rule: the relation along each axis and, where that is only a bound, the pairs really read."""
    (hop,) = effect.hops
    joint = np.ones((math.prod(made), math.prod(given)), dtype=bool)
    for axis, size in enumerate(given):
        places = np.indices(given)[axis].reshape(-1)
        joint &= matrix(hop.axes[axis], made, size)[:, places]
        for at, pairs in hop.pairs:
            if at == axis:
                readers = np.indices(made)[pairs.reader].reshape(-1)
                joint &= pairs.matrix(made[pairs.reader], size, number, ALIKE)[readers][:, places]
    return joint


def number(size: Dim) -> int:
    found = SIZES.value(size)
    assert found is not None
    return found


WINDOWS = (
    "convolution, over: T, dim: features, kernel: 3, padding: same",
    "convolution, over: T, dim: 3, kernel: 3, padding: causal, dilation: 2",
    "convolution, over: T, dim: 3, kernel: 2",
    "convolution, over: T, dim: 2, kernel: 2, stride: 3, padding: [1, 2]",
    "convolution, over: T, dim: features, kernel: 3, stride: 2, padding: same, groups: features",
    "convolution, over: T, dim: 8, kernel: 2, groups: features",
    "convolution, over: T, dim: 6, kernel: 1, groups: 2, stride: 2",
    "convolution, over: T, dim: 3, kernel: 3, padding: [0, 2], dilation: 2, stride: 2",
    "pool, over: T, kind: max, kernel: 2",
    "pool, over: T, kind: max, kernel: 3, stride: 1, padding: same",
    "pool, over: T, kind: mean, kernel: 3, stride: 2, padding: causal",
    "pool, over: T, kind: mean, kernel: 2, stride: 3, padding: [0, 1], count_padding: true",
    "group_norm, groups: 2",
    "group_norm, groups: 1",
    "group_norm, groups: 2, over: T",
    "group_norm, groups: features, over: [T, B]",
    "batch_norm",
)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("text", WINDOWS)
def test_a_rule_says_just_what_is_read(text: str, training: bool) -> None:
    spec = graphspec.loads(
        f"{HEAD}inputs: {{x: B T features}}\nnodes:\n  y: {{op: {text}, in: x}}\noutputs: {{y: y}}\n"
    )
    (node,) = spec.graph.body.nodes
    assert isinstance(node.does, Operator)
    kind = spec.graph.body.inputs[0].type
    shapes = [tuple(map(number, found.sizes)) for found in (kind, node.type)]
    use = Use(node.does, {"x": kind}, (node.type,), SIZES, training=training)
    model = compiler.compile(spec).train(training)
    assert (moved(model, shapes[0]) == bound(effect_of(use, 0), *shapes)).all()


def test_a_wrong_rule_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchNorm, "flow", GroupNorm.flow)
    monkeypatch.setattr(BatchNorm, "groups", dim(1), raising=False)
    monkeypatch.setattr(BatchNorm, "places", lambda *_: [], raising=False)
    with pytest.raises(AssertionError):
        test_a_rule_says_just_what_is_read("batch_norm", True)


def test_windows_along_two_axes_are_followed_apart() -> None:
    spec = graphspec.loads(
        f"{HEAD}inputs: {{x: T W 1}}\nnodes:\n"
        "  y: {op: convolution, in: x, over: [W, T], dim: 1, kernel: [2, 3], stride: [1, 2], padding: causal}\n"
        "outputs: {y: y}\n"
    )
    node = spec.graph.body.node("y")
    assert isinstance(node.does, Operator)
    kind = spec.graph.body.inputs[0].type
    shapes = [tuple(map(number, found.sizes)) for found in (kind, node.type)]
    effect = effect_of(Use(node.does, {"x": kind}, (node.type,), SIZES), 0)
    assert (moved(compiler.compile(spec), shapes[0]) == bound(effect, *shapes)).all()


# -- marks and facts --------------------------------------------------------------------------------------------------


def effect(operator: Operator, *, zero: bool = False) -> Effect:
    given = TensorType("float", tuple(Axis(dim(size)) for size in ("B", "T", 4)))
    facts = {"x": frozenset({Fact("real", "real", 1, dim(0), dim("T"), frozenset({"B"}))})} if zero else {}
    free = Sizes({}, {})
    outputs = tuple(found for _, found in operator.infer({"x": given}, free))
    return effect_of(Use(operator, {"x": given}, outputs, free, facts), 0)


def convolution(**how: object) -> Convolution:
    return Convolution(over=(dim("T"),), dim=dim(4), **how)  # type: ignore[arg-type]


def test_the_rate_is_the_stride_and_the_window_reaches_from_minus_left() -> None:
    strided = convolution(kernel=(dim(3),), stride=(dim(2),), dilation=(dim(2),), padding=((dim(1), dim(3)),))
    (item,) = effect(strided).hops[0].axes[1]
    assert dict(item.rates) == {1: 2}
    assert item.relative == Interval.of(-1, 3)
    assert effect(strided).marks.order({"T"}, "real") == "absolute"


def test_zeros_at_the_edges_are_like_padding_only_where_that_is_zero() -> None:
    same = convolution(kernel=(dim(3),), padding="same")
    assert effect(same).marks.order({"T"}, "real") == "absolute"
    assert effect(same, zero=True).marks.order({"T"}, "real") == "shift"
    assert effect(same, zero=True).marks.order({"T"}, "other") == "absolute"
    assert effect(same).marks.lengths == {Length("T")}
    assert not effect(same, zero=True).marks.uses_length({"T"}, "real")


def test_what_comes_in_before_only_does_not_use_the_length() -> None:
    assert not effect(convolution(kernel=(dim(3),), padding="causal")).marks.lengths


def test_without_padding_there_are_no_edges() -> None:
    found = effect(convolution(kernel=(dim(3),))).marks
    assert found.order({"T"}) == "shift"
    assert not found.lengths


def test_a_window_of_one_is_a_linear() -> None:
    alone = convolution(kernel=(dim(1),), bias=False)
    assert effect(alone, zero=True).facts
    assert effect(alone).marks.order({"T"}) == "none"
    assert not effect(convolution(kernel=(dim(1),)), zero=True).facts
    assert not effect(convolution(kernel=(dim(2),), padding="same", bias=False), zero=True).facts


@pytest.mark.parametrize(
    ("kind", "count", "order"), [("max", False, "absolute"), ("mean", False, "absolute"), ("mean", True, "shift")]
)
def test_a_pool_takes_edges_for_zeros_only_if_it_counts_them(kind: str, count: bool, order: str) -> None:
    pool = Pool(
        over=(dim("T"),),
        kind=kind,
        kernel=(dim(3),),
        stride=(dim(1),),
        padding="same",
        count_padding=count,  # type: ignore[arg-type]
    )
    assert effect(pool, zero=True).marks.order({"T"}, "real") == order


# -- contracts --------------------------------------------------------------------------------------------------------


def judged(nodes: str, *contracts: str) -> list[str]:
    lines = "".join(f"  - {contract}\n" for contract in contracts)
    text = (
        "graphspec: 1\nname: small\nparams: {d: 4}\naxes: {B: batch, T: position}\n"
        "inputs: {x: B T d, real: bool B T = true}\n"
        f"nodes:\n{nodes}outputs: {{y: y}}\ncontracts:\n{lines}"
    )
    return [found.status for found in verdicts(graphspec.loads(text).graph)]


CAUSAL, INDEPENDENT = "causal: {output: y, input: x}", "independent: {axis: B}"


def test_causal_convolutions_are_proved() -> None:
    nodes = """
  a: {op: convolution, in: x, over: T, dim: d, kernel: 3, padding: causal, dilation: 2}
  y: {op: convolution, in: a, over: T, dim: d, kernel: 4, padding: [3, 0]}
"""
    assert judged(nodes, CAUSAL, INDEPENDENT, "reach: {output: y, input: x, left: 7}") == ["proved"] * 3
    assert judged(nodes, "reach: {output: y, input: x, left: 6}") == ["refuted"]


def test_a_window_that_looks_ahead_is_refuted() -> None:
    assert judged("  y: {op: convolution, in: x, over: T, dim: d, kernel: 3, padding: same}\n", CAUSAL) == ["refuted"]


def test_padding_is_ignored_from_the_left_where_it_is_zero() -> None:
    left = "ignores_padding: {output: y, input: x, where: real, side: left}"
    masked = "  a: x * real\n"
    conv = "op: convolution, over: T, dim: d, kernel: 3, padding: causal"
    assert judged(f"{masked}  y: {{{conv}, in: a}}\n", left) == ["proved"]
    assert judged(f"  y: {{{conv}, in: x}}\n", left) != ["proved"]


def test_a_batch_norm_mixes_rows_in_training_alone() -> None:
    nodes = "  y: {op: batch_norm, in: x}\n"
    assert (
        judged(nodes, "independent: {axis: B, mode: evaluation}", "causal: {output: y, input: x, mode: evaluation}")
        == ["proved"] * 2
    )
    assert judged(nodes, "independent: {axis: B, mode: training}") == ["refuted"]
    assert judged(nodes, INDEPENDENT, CAUSAL) == ["refuted"] * 2


def test_a_group_norm_mixes_what_it_spans() -> None:
    assert judged("  y: {op: group_norm, in: x, groups: 2}\n", CAUSAL) == ["proved"]
    assert judged("  y: {op: group_norm, in: x, groups: 2, over: T}\n", CAUSAL, INDEPENDENT) == ["refuted", "proved"]
