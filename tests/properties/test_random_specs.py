"""What must hold of every valid spec: static shapes are executed shapes, causal means causal, text is faithful."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import compiler
import graphspec
from graphspec.analysis.cost import Costs
from graphspec.graph import parameter_paths
from graphspec.render.canonical import to_text
from tests import strategies
from tests.strategies import RandomSpec

ROWS, LENGTH = 2, 6


def tokens(seed: int) -> torch.Tensor:
    return torch.randint(0, strategies.VOCAB, (ROWS, LENGTH), generator=torch.Generator().manual_seed(seed))


def model_of(spec: graphspec.Spec) -> torch.nn.Module:
    """In double precision, so that a change below 1e-9 is no change."""
    return compiler.compile(spec).double().eval()


@settings(max_examples=60)
@given(strategies.specs())
def test_canonical_text_is_faithful(random: RandomSpec) -> None:
    graph = graphspec.loads(random.text).graph
    text = to_text(graph)
    again = graphspec.loads(text).graph
    assert to_text(again) == text
    assert list(parameter_paths(again.body)) == list(parameter_paths(graph.body))
    assert [str(node.type) for node in again.body.nodes] == [str(node.type) for node in graph.body.nodes]


@settings(max_examples=40)
@given(strategies.specs())
def test_static_shapes_are_executed_shapes(random: RandomSpec) -> None:
    spec = graphspec.loads(random.text)
    costs = Costs(spec.graph)
    sizes = {"B": ROWS, "T": LENGTH}
    names = [node.name for node in spec.graph.body.nodes if not node.anonymous]
    model = compiler.compile(spec).eval()
    with torch.no_grad():
        captured = model.capture(*names, tokens=tokens(0))
    for node in spec.graph.body.nodes:
        if not node.anonymous:
            assert [costs.at(size, sizes) for size in node.type.sizes] == list(captured[node.name].shape), node.name
    shapes = {name: tuple(costs.number(size) for size in p.shape) for name, p in parameter_paths(spec.graph.body)}
    assert {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()} == shapes


@settings(max_examples=40)
@given(strategies.specs(causal=True), st.integers(0, LENGTH - 1), st.integers(0, 9))
def test_a_causal_spec_never_reads_what_comes_later(random: RandomSpec, place: int, seed: int) -> None:
    model = model_of(graphspec.loads(random.text))
    before, after = tokens(seed), tokens(seed)
    after[:, place] = (after[:, place] + 1) % strategies.VOCAB
    with torch.no_grad():
        change = (model(before) - model(after)).abs().amax((0, 2))
    assert bool((change[:place] < 1e-9).all()), random.text


@settings(max_examples=40)
@given(strategies.specs(), st.integers(0, 9))
def test_what_is_proved_holds(random: RandomSpec, seed: int) -> None:
    spec = graphspec.loads(random.text)
    proved = {verdict.contract.kind for verdict in spec.check() if verdict.status == "proved"}
    model = model_of(spec)
    given_tokens = tokens(seed)
    for place in range(LENGTH):
        changed = given_tokens.clone()
        changed[0, place] = (changed[0, place] + 1) % strategies.VOCAB
        with torch.no_grad():
            change = (model(given_tokens) - model(changed)).abs()
        if "causal" in proved:
            assert bool((change[0, :place] < 1e-9).all()), random.text
        if "independent" in proved:
            assert bool((change[1] < 1e-9).all()), random.text


@settings(max_examples=40)
@given(strategies.specs(causal=True))
def test_causal_parts_make_a_proof(random: RandomSpec) -> None:
    verdicts = graphspec.loads(random.text).check()
    assert [verdict.status for verdict in verdicts] == ["proved", "proved"], random.text


def test_the_oracle_can_fail() -> None:
    """A spec that does leak is caught by the perturbation."""
    text = """
graphspec: 1
params: {d: 8, vocab: 11}
axes: {B: batch, T: position}
inputs: {tokens: {type: int B T, below: vocab}}
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  leak: {op: shift, in: embedding, axis: T, by: -1}
outputs: {leak: leak}
"""
    model = model_of(graphspec.loads(text))
    before, after = tokens(0), tokens(0)
    after[:, 3] = (after[:, 3] + 1) % strategies.VOCAB
    with torch.no_grad():
        change = (model(before) - model(after)).abs().amax((0, 2))
    assert bool((change[:3] > 1e-9).any())
