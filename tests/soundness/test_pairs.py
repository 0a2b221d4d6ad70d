"""A pair that refutes a contract is found where it moves, and only there."""

from __future__ import annotations

from itertools import product

import pytest
import torch

import graphspec
from graphspec.analysis.contracts import Verdict
from graphspec.graph import Contract
from tests.soundness import oracles
from tests.soundness.machine import Machine
from tests.soundness.oracles import LENGTH, SCALES, Seen, contradicted, moves, pursued
from tests.soundness.pairs import TURNS, Pair, made_for

MODEL = """
graphspec: 1
params: {{d: 4, heads: 2, vocab: 11}}
axes: {{B: batch, T: position, S: position}}
inputs:
  tokens: {{type: int B T, below: vocab}}
  memory: {{type: int B S, below: vocab}}
  real: bool B T = true
  there: bool B S = true
nodes:
  e: {{op: embedding, in: tokens, size: vocab, dim: d}}
  m: {{op: embedding, in: memory, size: vocab, dim: d}}
  n: {{op: shift, in: e, axis: T, by: -1}}
  y: {node}
outputs: {{y: y}}
"""
PADDING = (("output", "y"), ("input", "tokens"), ("where", "real"))
LEFT = ("side", "left")
CHOICE = '{block: std.attention, in: n, context: m, heads: heads, mask: "~there"}'
ALL_REAL = '{block: std.attention, in: e, heads: heads, mask: "real"}'
MIXED = '"softmax(n, B)"'


@pytest.fixture(autouse=True)
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is never found is given up soon."""
    monkeypatch.setattr(oracles, "LONGER", (LENGTH, 9))
    monkeypatch.setattr(oracles, "SCALES", SCALES[:2])
    monkeypatch.setattr(oracles, "PURSUED", SCALES[:2])


def refuses(node: str, said: str, *side: tuple[str, str]) -> bool:
    """Whether a refutation by a pair is taken to be wrong."""
    graph = graphspec.loads(MODEL.format(node=node)).graph
    claim = Verdict(Contract("ignores_padding", (*PADDING, *side)), "refuted", said)
    return contradicted(graph, claim, Seen(Machine(graph, 0), LENGTH, 0))


@pytest.mark.parametrize(
    ("node", "said", "wrong"),
    [
        (CHOICE, "`y` at `T` = 3 reads `tokens` at `T` = 4", False),
        (CHOICE, "`y` at `T` = 3 reads `tokens` at `T` = 5", True),  # nobody reads that far
        (ALL_REAL, "`y` at `T` = 2 reads `tokens` at `T` = 3", True),  # it does, where the token is real
        (ALL_REAL, "`y` at `T` = 3 reads `tokens` at `T` = 2", True),  # which cannot be padding
        (MIXED, "`y` at `T` = 2 reads `tokens` at `T` = 3", False),
        ('"max(e, T)"', "`y` reads `tokens` at `T` = 3", False),
        ('"max(where(real, e, -100), T)"', "`y` reads `tokens` at `T` = 3", True),
    ],
)
def test_a_pair_refutes_if_it_moves_where_it_breaks_the_contract(node: str, said: str, wrong: bool) -> None:
    assert refuses(node, said) == wrong


def test_padding_on_the_left_is_read_from_the_right() -> None:
    node, said = "{op: shift, in: e, axis: T, by: 1}", "`y` at `T` = 3 reads `tokens` at `T` = 2"
    assert not refuses(node, said, LEFT)
    assert refuses(node, said)


def test_a_path_may_show_only_in_a_world_made_for_it() -> None:
    """Of mixed rows few are changed in the worlds in which all is looked at: in none the padding begins at 3."""
    graph = graphspec.loads(MODEL.format(node=MIXED)).graph
    claim = Verdict(Contract("ignores_padding", PADDING), "refuted", "`y` at `T` = 2 reads `tokens` at `T` = 3")
    seen = Seen(Machine(graph, 0), LENGTH, 0)
    assert not moves(claim, seen)
    assert pursued(graph, claim, seen)


def test_what_other_rows_do_does_not_move_a_pair() -> None:
    """A row that reads all rows but itself: its own token moves nothing of it, that of another does."""
    graph = graphspec.loads(MODEL.format(node='"sum(n, B) - n"')).graph
    pair, machine = Pair(2, 3), Machine(graph, 0)
    assert machine.mixes_rows
    given = made_for("ignores_padding", pair, LENGTH, 0)
    assert not pair.moves(machine, given)
    changed = given | {"tokens": (given["tokens"] + 1) % 11}
    assert not torch.allclose(machine.run(given)[:, 2], machine.run(changed)[:, 2])


@pytest.mark.parametrize("kind", TURNS)
def test_all_worlds_made_for_a_pair_break_its_contract(kind: str) -> None:
    for i, j in product((None, *range(LENGTH)), range(LENGTH)):
        given = made_for(kind, Pair(i, j), LENGTH, 1)
        if not given:
            assert i == j or (kind.startswith("ignores") and (j == 0 or j == LENGTH - 1 or i is not None))
        elif kind.startswith("isolates"):
            assert i is None or (given["ids"][:, i] != given["ids"][:, j]).all()
        else:
            assert not given["real"][:, j].any() and given["real"].any(1).all()
            assert i is None or given["real"][:, i].all()
            steps = given["real"].long().diff(dim=1)
            assert (steps >= 0).all() if kind.endswith("left") else (steps <= 0).all()


def test_places_are_read_as_they_are_said() -> None:
    assert Pair.said("`y` at `T` = 0 reads `tokens` at `T` = 12") == Pair(0, 12)
    assert Pair.said("`y` reads `tokens` at `T` = 3") == Pair(None, 3)
    assert Pair.said("`y` at `T` = 0 reads `ids` at `T` = 1") is None
    assert Pair.said("`y[t]` reads `tokens[t + 1]`") is None
