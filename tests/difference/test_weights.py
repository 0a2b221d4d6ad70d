"""Which tensors of a checkpoint fit, held against the names and shapes of both models."""

from __future__ import annotations

from itertools import chain, product

import pytest

import graphspec
from graphspec.analysis.cost import Costs
from graphspec.difference import difference
from graphspec.difference.fits import fit_lines
from graphspec.difference.weights import Fit, Weights, path_text
from graphspec.graph import Graph, buffer_paths, parameter_paths
from tests.difference.edits import ROOT, edit

FAMILIES = ("llm/gpt2", "llm/llama", "llm/gemma2", "llm/mixtral", "encoders/bert", "encoder_decoder/t5", "vision/vit")
GRAPHS = {
    name: graphspec.load(ROOT / f"specs/{name}.yaml", **({"depth": 3} if "llm" in name else {})).graph
    for name in FAMILIES
}


def told(found: Weights) -> dict[str, list[str]]:
    statuses = ("renamed", "reshaped", "gone", "new")
    return {status: rows for status in statuses if (rows := list(fit_lines(found.of(status))))}


def test_all_of_them() -> None:
    found = edit(("mask: causal", "mask: everything"))
    assert found.weights.load
    assert "weights      load as they are: all 51 tensors fit" in str(found)


def test_another_name_for_a_block() -> None:
    found = edit(("ffn: {block", "feed: {block"), ("mid + ffn", "mid + feed"))
    assert told(found.weights) == {
        "renamed": ["layers.{0-2}.ffn.{up,down}.{weight,bias} → layers.{0-2}.feed.{up,down}.{weight,bias}"]
    }
    assert not found.weights.load


def test_another_shape() -> None:
    found = edit(("vocab: 11", "vocab: 13"))
    assert told(found.weights) == {"reshaped": ["embedding.weight  11 × 8 → 13 × 8"]}


def test_more_layers_and_fewer() -> None:
    found = edit(("depth: 3", "depth: 5"))
    assert told(found.weights) == {"new": ["layers.{3-4}  32 tensors, 1.74 k numbers"]}
    found = edit(("depth: 3", "depth: 2"))
    assert told(found.weights) == {"gone": ["layers.2  16 tensors, 872 numbers"]}


def test_a_node_of_few_tensors_is_told_in_full() -> None:
    found = edit(("  norm: {op: layer_norm}\n", ""))
    assert told(found.weights) == {"gone": ["norm.{weight,bias}  8"]}


def test_a_block_that_is_repeated_now() -> None:
    found = graphspec.diff(
        graphspec.loads(one("{block: std.ffn, in: x, hidden: d}")),
        graphspec.loads(one("{block: std.ffn, in: x, hidden: d, repeat: 2}")),
    )
    assert told(found.weights) == {
        "renamed": ["y.{up,down}.{weight,bias} → y.0.{up,down}.{weight,bias}"],
        "new": ["y.1.{up,down}.weight  8 × 8", "y.1.{up,down}.bias  8"],
    }


def one(node: str) -> str:
    return f"graphspec: 1\nname: one\nparams: {{d: 8}}\naxes: {{B: batch}}\ninputs: {{x: B d}}\nnodes: {{y: {node}}}\noutputs: {{y: y}}\n"


def test_running_statistics_are_part_of_a_checkpoint() -> None:
    found = graphspec.diff(graphspec.loads(one("x + 1")), graphspec.loads(one("{op: batch_norm, in: x}")))
    assert sum(fit.count for fit in found.weights.of("new")) == 5


@pytest.mark.parametrize(("before", "after"), list(product(FAMILIES, FAMILIES)))
def test_counts_are_those_of_all_names_written_out(before: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphspec.difference.values.verdicts", lambda graph: ())
    old, new = table(GRAPHS[before]), table(GRAPHS[after])
    found = difference(GRAPHS[before], GRAPHS[after], (before, after)).weights
    assert count(found.of("kept", "renamed", "reshaped", "gone")) == len(old)
    assert count(found.of("kept", "renamed", "reshaped", "new")) == len(new)
    assert found.count("kept") == sum(new.get(name) == shape for name, shape in old.items())
    same_name = [fit for fit in found.of("reshaped") if path_text(fit.before) == path_text(fit.after)]
    assert count(same_name) == sum(name in new and new[name] != shape for name, shape in old.items())


def count(fits: tuple[Fit, ...] | list[Fit]) -> int:
    return sum(fit.count for fit in fits)


def table(graph: Graph) -> dict[str, tuple[int, ...]]:
    costs = Costs(graph)
    paths = chain(parameter_paths(graph.body), buffer_paths(graph.body))
    return {path: tuple(costs.number(size) for size in tensor.shape) for path, tensor in paths}
