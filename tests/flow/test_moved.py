"""Rules of operators against perturbation: what moves lies within the bound, what a replay claims moves."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import compiler
import graphspec
from graphspec.analysis.flow import FlowAnalysis
from graphspec.analysis.replay import Replay, Setting
from tests.flow.brute import matrix

LENGTHS = {"B": 1, "T": 5, "S": 3}
HELD = np.array([True, False, True, True, False])
"""What a tensor of truth values holds that is not followed."""
HEAD = """graphspec: 1
params: {d: 6, w: 2}
axes: {B: batch, T: position, S: position}
"""

# title -> (inputs, the followed input and its axis, nodes, what a replay claims: all that moves,
# all where the reader is real, or some of it)
RULES: dict[str, tuple[str, str, int, str, str]] = {
    "cumulative sum": ("{x: B T d}", "x", 1, "y: cumsum(x, T)", "all"),
    "cumulative maximum": ("{x: B T d}", "x", 1, "y: cummax(x, T)", "all"),
    "cumulative mean, reversed": (
        "{x: B T d}",
        "x",
        1,
        "y: {op: reduce, in: x, over: T, kind: mean, cumulative: true, reverse: true}",
        "all",
    ),
    "cumulative over features": ("{x: B T d}", "x", 1, "y: cumsum(x, d)", "all"),
    "features of a cumulative sum": ("{x: B T d}", "x", 2, "y: cumsum(x, d)", "all"),
    "top along positions": ("{x: B T d}", "x", 1, "y: {op: top, in: x, k: 2, axis: T}", "all"),
    "top along features": ("{x: B T d}", "x", 1, "y: {op: top, in: x, k: 2, axis: d}", "all"),
    "top of too few": ("{x: B T d}", "x", 1, "y: {op: top, in: x, k: 2 * T, axis: T}", "some"),
    "top of half": ("{x: B T d}", "x", 1, "y: {op: top, in: x, k: T // 2, axis: T}", "all"),
    "heads": ("{x: B T d}", "x", 2, "y: {op: heads, in: x, heads: w}", "some"),
    "rows of a merge": ("{x: B T d w}", "x", 2, "y: {op: merge, in: x}", "some"),
    "top of candidates": ("{x: B T d, c: bool B T}", "x", 1, "y: {op: top, in: x, where: c, k: 2, axis: T}", "real"),
    "candidates": ("{x: B T d, c: bool B T}", "c", 1, "y: {op: top, in: x, where: c, k: 2, axis: T}", "all"),
    "candidates per position": (
        "{x: B T d, c: bool B T d}",
        "c",
        1,
        "y: {op: top, in: x, where: c, k: 2, axis: d}",
        "all",
    ),
    "top of all": ("{x: B T d}", "x", 2, "y: {op: top, in: x, k: d, axis: d}", "some"),
    "first part": ("{x: B T d}", "x", 2, "a: {op: split, in: x, axis: d, into: {p: w, q: d - w}}\n  y: a.p", "some"),
    "last part": ("{x: B T d}", "x", 2, "a: {op: split, in: x, axis: d, into: {p: w, q: d - w}}\n  y: a.q", "some"),
    "equal parts": ("{x: B T d}", "x", 2, "a: {op: split, in: x, axis: d, into: [p, q, r]}\n  y: a.q", "some"),
    "part of positions": (
        "{x: B (T + 2) d}",
        "x",
        1,
        "a: {op: split, in: x, axis: T + 2, into: {p: 2, q: T}}\n  y: a.q",
        "all",
    ),
    "flip": ("{x: B T d}", "x", 1, "y: {op: flip, in: x, axis: T}", "all"),
    "roll": ("{x: B T d}", "x", 1, "y: {op: roll, in: x, axis: T, by: 2}", "all"),
    "roll back": ("{x: B T d}", "x", 1, "y: {op: roll, in: x, axis: T, by: -1}", "all"),
    "roll far": ("{x: B T d}", "x", 1, "y: {op: roll, in: x, axis: T, by: 8}", "all"),
    "roll features": ("{x: B T d}", "x", 2, "y: {op: roll, in: x, axis: d, by: 4}", "all"),
    "two rolls": (
        "{x: B T d}",
        "x",
        1,
        "a: {op: roll, in: x, axis: T, by: 2}\n  y: {op: roll, in: a, axis: T, by: -1}",
        "all",
    ),
    "split positions": (
        "{x: B (T * w) d}",
        "x",
        1,
        'y: {op: rearrange, in: x, pattern: "B (T w) d -> B T w d"}',
        "some",
    ),
    "split off the rest": (
        "{x: B (T * w) d}",
        "x",
        1,
        'y: {op: rearrange, in: x, pattern: "B (w T) d -> B w T d"}',
        "some",
    ),
    "merge positions": (
        "{x: B T S d}",
        "x",
        1,
        'y: {op: rearrange, in: x, pattern: "B T S d -> B (T S) d"}',
        "some",
    ),
    "merge features into positions": (
        "{x: B T d}",
        "x",
        1,
        'y: {op: rearrange, in: x, pattern: "B T d -> B (T d)"}',
        "all",
    ),
    "features merged into positions": (
        "{x: B T d}",
        "x",
        2,
        'y: {op: rearrange, in: x, pattern: "B T d -> B (T d)"}',
        "some",
    ),
    "positions by features": ("{x: B T d}", "x", 1, 'y: {op: rearrange, in: x, pattern: "B T d -> B d T"}', "all"),
    "digits the other way round": (
        "{x: B T d}",
        "x",
        2,
        'y: {op: rearrange, in: x, pattern: "B T (w h) -> B T (h w)"}',
        "some",
    ),
    "parts that stay together": (
        "{x: B T S d}",
        "x",
        1,
        'y: {op: rearrange, in: x, pattern: "B T S (w h) -> h T B (S w)"}',
        "all",
    ),
    "digits of two merged axes": (
        "{x: B (T * w) d}",
        "x",
        1,
        'y: {op: rearrange, in: x, pattern: "B (T w) (p q) -> B w p (T q)", sizes: {p: w}}',
        "some",
    ),
    "rows by number": ("{x: B T d, at: int B S}", "x", 1, "y: {op: gather, in: x, at: at, axis: T}", "some"),
    "numbers of rows": ("{x: B T d, at: int B S}", "at", 1, "y: {op: gather, in: x, at: at, axis: T}", "all"),
    "numbers of the same axis": ("{x: B T d, at: int B T}", "at", 1, "y: {op: gather, in: x, at: at, axis: T}", "all"),
    "a number for each row": ("{x: B T d, at: int B T}", "x", 1, "y: {op: gather, in: x, at: at, axis: d}", "all"),
}


def spec_of(inputs: str, nodes: str) -> graphspec.Spec:
    return graphspec.loads(f"{HEAD}inputs: {inputs}\nnodes:\n  {nodes}\noutputs: {{y: y}}\n")


def moved(spec: graphspec.Spec, source: str, axis: int) -> np.ndarray:
    """All entries of the output by the places of the input's axis: whether a change there moves them."""
    model, draw = compiler.compile(spec).double().eval(), torch.Generator().manual_seed(0)
    sizes = {**spec.graph.sizes, **LENGTHS}
    found = []
    for _ in range(12):  # a choice may stay the same by chance
        given = {}
        for port in spec.graph.body.inputs:
            shape = [size.value(sizes) or 0 for size in port.type.sizes]
            kinds = {"float": torch.randn(shape, generator=draw, dtype=torch.float64)}
            kinds |= {
                "int": torch.randint(0, 3, shape, generator=draw),
                "bool": torch.rand(shape, generator=draw) < 0.6,
            }
            given[port.name] = kinds[port.type.dtype]
            if port.type.dtype == "bool" and port.name != source:
                given[port.name] = torch.tensor(HELD).expand(shape)
        found.append([_change(model, given, source, axis, place, draw) for place in range(given[source].shape[axis])])
    return np.array(found).any(0).T


def _change(
    model: torch.nn.Module, given: dict, source: str, axis: int, place: int, draw: torch.Generator
) -> np.ndarray:
    changed = given[source].clone()
    row = changed.select(axis, place)
    match row.dtype:
        case torch.bool:
            row.logical_not_()
        case torch.int64:
            row.add_(1).remainder_(3)
        case _:
            row.add_(4 * torch.randn(row.shape, generator=draw, dtype=row.dtype))
    with torch.no_grad():
        before, after = model(**given), model(**{**given, source: changed})
    return (before != after).flatten().numpy()


@pytest.mark.parametrize("title", RULES)
def test_what_moves_is_what_the_rule_says(title: str) -> None:
    inputs, source, axis, nodes, claims = RULES[title]
    spec = spec_of(inputs, nodes)
    found, graph = moved(spec, source, axis), spec.graph
    sizes = {**graph.sizes, **LENGTHS}
    shape = tuple(size.value(sizes) or 0 for size in graph.body.type_of(graph.body.outputs[0][1]).sizes)
    analysis = FlowAnalysis(graph)
    relation = analysis.whole().outputs[0].reads[source][axis]
    bound = matrix(relation, shape, found.shape[1], {"c": HELD}, lengths=LENGTHS)
    assert not (found & ~bound).any()

    replay = Replay(analysis, Setting(source, axis, LENGTHS, held=("c", HELD)))
    (value,) = replay.frame.outputs
    followed = replay.followed(graph.body.type_of(graph.body.outputs[0][1]))
    others = tuple(at for at in range(len(shape)) if at not in followed)
    seen = found.reshape(*shape, -1).any(axis=others)
    claimed = value.reads[..., :-1]
    if claims == "real":
        claimed, seen = claimed[HELD], seen[HELD]
    assert not (claimed & ~seen).any()
    assert claims == "some" or (claimed == seen).all()


# -- patterns ---------------------------------------------------------------------------------------------------------

PARTS = {"p": 2, "q": 3, "T": LENGTHS["T"], "S": LENGTHS["S"]}


@st.composite
def groupings(draw: st.DrawFn) -> list[list[str]]:
    """The parts in some order, those of each axis together."""
    order = draw(st.permutations(list(PARTS)))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1))))
    return [order[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def written(grouping: list[list[str]]) -> str:
    return " ".join(f"({' '.join(axis)})" for axis in grouping)


@settings(max_examples=60)
@given(st.lists(groupings(), min_size=2, max_size=4))
def test_every_entry_comes_from_within_the_bound_of_its_pattern(ways: list[list[list[str]]]) -> None:
    """Of any number of patterns, one after the other; and what a replay claims is so."""
    first, *rest = ways
    size = " ".join(f"({' * '.join(axis)})" for axis in first)
    nodes = [
        f'n{at}: {{op: rearrange, in: n{at - 1}, pattern: "{written(before)} -> {written(after)}"}}'
        for at, (before, after) in enumerate(pairwise(ways), start=1)
    ]
    head = "graphspec: 1\nparams: {p: 2, q: 3}\naxes: {T: position, S: position}\n"
    text = f"{head}inputs: {{n0: {size}}}\nnodes: \n  " + "\n  ".join(nodes) + f"\noutputs: {{y: n{len(rest)}}}\n"
    graph = graphspec.loads(text).graph
    entries = np.arange(math.prod(PARTS.values())).reshape([PARTS[part] for axis in first for part in axis])
    order = [part for axis in first for part in axis]
    for way in rest:
        after = [part for axis in way for part in axis]
        entries, order = entries.transpose([order.index(part) for part in after]), after
    shape = tuple(math.prod(PARTS[part] for part in axis) for axis in rest[-1])
    places = np.unravel_index(entries.reshape(-1), [math.prod(PARTS[part] for part in axis) for axis in first])
    analysis = FlowAnalysis(graph)
    for axis, own in enumerate(places):
        count = math.prod(PARTS[part] for part in first[axis])
        found = own[:, None] == np.arange(count)
        bound = matrix(analysis.whole().outputs[0].reads["n0"][axis], shape, count, lengths=LENGTHS)
        assert not (found & ~bound).any(), text
        replay = Replay(analysis, Setting("n0", axis, LENGTHS))
        followed = replay.followed(graph.body.type_of(graph.body.outputs[0][1]))
        others = tuple(at for at in range(len(shape)) if at not in followed)
        seen = found.reshape(*shape, -1).any(axis=others)
        assert not (replay.frame.outputs[0].reads[..., :-1] & ~seen).any(), text
