"""Scores that are added: what they hold counts where the mask may be true, how they are made for what breaks order."""

from __future__ import annotations

import pytest

import graphspec
from graphspec.analysis.contracts import verdicts

SPEC = """
graphspec: 1
params: {{d: 8, heads: 2}}
axes: {{B: batch, T: position}}
inputs: {{x: B T d, ids: int B T, pairs: B T T'}}
nodes:
  near: {{op: relative_bias, over: T, heads: heads}}
  slopes: {{op: alibi, over: T, heads: heads}}
  table: {{op: learned_position, over: T, size: 9, dim: d}}
  y: {{block: std.attention, in: x, heads: heads, mask: "{mask}", scores: {scores}}}
  unread: near + slopes + pairs
outputs: {{y: y, unread: unread, table: table}}
contracts: [{contract}]
"""


@pytest.mark.parametrize(
    ("contract", "mask", "scores", "status"),
    [
        ("causal: {output: y, input: x}", "causal", "near", "proved"),
        ("causal: {output: y, input: x}", "everything", "near", "refuted"),
        ("isolates: {output: y, documents: ids, alone: true}", "documents(ids)", "slopes", "proved"),
        ("equivariant: {output: y, axis: T}", "everything", "none", "proved"),
        ("equivariant: {output: y, axis: T}", "everything", "slopes", "unknown"),
        ("independent: {output: y, input: pairs, axis: B}", "causal", "pairs", "proved"),
        ("uses: {output: y, input: pairs}", "causal", "pairs", "proved"),
        ("uses: {output: y, input: pairs}", "causal", "none", "refuted"),
        ("uses: {output: y, input: pairs}", "window(left=0, right=0)", "pairs", "unknown"),
    ],
)
def test_scores(contract: str, mask: str, scores: str, status: str) -> None:
    spec = graphspec.loads(SPEC.format(contract=contract, mask=mask, scores=scores))
    assert [found.status for found in verdicts(spec.graph)] == [status]
