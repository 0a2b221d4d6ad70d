"""Static flow against perturbation: what a change moves lies within the bound, what a replay claims moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import compiler
import graphspec
from graphspec.analysis.flow import FlowAnalysis
from graphspec.analysis.replay import Replay, Setting
from graphspec.graph import Graph
from tests import strategies
from tests.flow.brute import matrix
from tests.strategies import RandomSpec

ROWS, LENGTH = 2, 5
LENGTHS = {"B": ROWS, "T": LENGTH}


def moved(spec: graphspec.Spec, real: torch.Tensor, seed: int = 0) -> np.ndarray:
    """Output positions by input positions: whether a change of the token moves the output, in its own row."""
    model = compiler.compile(spec).double().eval()
    draw = torch.Generator().manual_seed(seed)
    found = torch.zeros((LENGTH, LENGTH), dtype=torch.bool)
    for _ in range(2):  # a value may miss a read by chance, where a unit is off
        tokens = torch.randint(0, strategies.VOCAB, (ROWS, LENGTH), generator=draw)
        for place in range(LENGTH):
            changed = tokens.clone()
            changed[0, place] = (changed[0, place] + 1) % strategies.VOCAB
            with torch.no_grad():
                change = model(tokens, real=real) - model(changed, real=real)
            found[:, place] |= change[0].abs().amax(-1) > 1e-12
    return found.numpy()


def bound(graph: Graph, real: torch.Tensor) -> np.ndarray:
    state = FlowAnalysis(graph).whole().outputs[0]
    relation = state.reads["tokens"][1] if "tokens" in state.reads else ()
    (place,) = (at for at, axis in enumerate(graph.body.type_of(graph.body.outputs[0][1]).axes) if str(axis) == "T")
    assert place == 1
    both = matrix(relation, (1, LENGTH), LENGTH, {"real": real[0].numpy()}, lengths=LENGTHS)
    return both.reshape(LENGTH, LENGTH)


@settings(max_examples=30)
@given(strategies.specs(), st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH))
def test_a_change_moves_only_what_may_read_it(random: RandomSpec, real: list[bool]) -> None:
    if not random.pooled:
        spec = graphspec.loads(random.text)
        held = torch.tensor([real] * ROWS)
        assert not (moved(spec, held) & ~bound(spec.graph, held)).any(), random.text


@settings(max_examples=30)
@given(strategies.specs())
def test_what_a_replay_claims_to_be_read_moves(random: RandomSpec) -> None:
    if not random.pooled:
        spec = graphspec.loads(random.text)
        replay = Replay(FlowAnalysis(spec.graph), Setting("tokens", 1, LENGTHS))
        claimed = replay.frame.outputs[0].reads[:, :-1]
        assert not (claimed & ~moved(spec, torch.ones((ROWS, LENGTH), dtype=torch.bool))).any(), random.text


@settings(max_examples=60)
@given(strategies.specs())
def test_what_a_replay_claims_lies_within_the_bound(random: RandomSpec) -> None:
    if not random.pooled:
        graph = graphspec.loads(random.text).graph
        real = torch.ones((ROWS, LENGTH), dtype=torch.bool)
        for exact in (True, False):
            replay = Replay(FlowAnalysis(graph), Setting("tokens", 1, LENGTHS, exact))
            assert not (replay.frame.outputs[0].reads[:, :-1] & ~bound(graph, real)).any(), random.text


LEAK = """
graphspec: 1
params: {d: 8, vocab: 11}
axes: {B: batch, T: position}
inputs: {tokens: {type: int B T, below: vocab}, real: bool B T = true}
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  logits: "{op: shift, in: embedding, axis: T, by: -1}"
outputs: {logits: logits}
""".replace('"', "")


def test_a_wrong_bound_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shift whose rule says that it stays in place is caught by the perturbation."""
    from graphspec.operators import OPERATORS
    from graphspec.operators.flow_mixing import Identity

    spec, real = graphspec.loads(LEAK), torch.ones((ROWS, LENGTH), dtype=torch.bool)
    assert not (moved(spec, real) & ~bound(spec.graph, real)).any()
    monkeypatch.setattr(OPERATORS["shift"], "flow", Identity())
    assert (moved(spec, real) & ~bound(spec.graph, real)).any()
