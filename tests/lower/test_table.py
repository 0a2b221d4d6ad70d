"""Operators, lowerings and cases match."""

from __future__ import annotations

import pytest

import graphspec
from compiler.emit import emit
from compiler.lower import LOWERINGS
from compiler.target import Target
from graphspec.graph import inner_bodies
from graphspec.operators import OPERATORS
from tests.lower.cases import CASES, spec

REWRITTEN = {"attend", "rotary"}  # by passes, into operators of the backend
INTERNAL = {"attention", "mask", "given", "rotary_table", "rotate", "pointwise", "cross_entropy", "ctc"}
INTERNAL |= {"merged_linear", "linear_cross_entropy", "alibi_slopes"}


def test_every_operator_is_lowered() -> None:
    assert OPERATORS.keys() - REWRITTEN | INTERNAL == LOWERINGS.keys()


def test_every_operator_has_a_case() -> None:
    used: set[str] = set()
    for body in CASES.values():
        for inside in graphspec.loads(spec(body)).graph.bodies():
            used |= {getattr(node.does, "op", "") for node in inside.nodes if not inner_bodies(node)}
    assert OPERATORS.keys() - {"dropout"} <= used


def test_one_without_a_lowering_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(LOWERINGS, "layer_norm")  # pyright: ignore[reportArgumentType]
    graph = graphspec.loads(spec(CASES["norms"])).graph
    with pytest.raises(graphspec.SpecError, match=r"no-lowering.*`layer_norm`"):
        emit(graph, Target(device="cpu"))
