"""Small models as text, for tests about what is proved of them."""

from __future__ import annotations

import graphspec
from graphspec.analysis.contracts import Verdict, verdicts

CAUSAL = "causal: {output: y, input: x}"
INDEPENDENT = "independent: {axis: B}"
PADDING = "ignores_padding: {output: y, input: x, where: real}"


def decoder(
    *contracts: str,
    mask: str = "causal",
    norm: str = "{op: layer_norm, in: mid}",
    before: str = "e * 1",
    after: str = "body * 1",
    more: tuple[str, ...] = (),
    turns: int = 2,
) -> graphspec.Spec:
    """Embedding, `turns` post-norm layers with one attention each, an output; `before` and `after` stand around them."""
    lines = [
        "graphspec: 1",
        "name: small",
        f"params: {{d: 8, heads: 2, vocab: 11, turns: {turns}}}",
        "axes: {B: batch, T: position}",
        "inputs:",
        "  x: {type: int B T, below: vocab}",
        "  ids: int B T",
        "  real: bool B T = true",
        "blocks:",
        "  one:",
        "    in: {h: B T d}",
        "    nodes:",
        f'      attention: {{block: std.attention, in: h, heads: heads, mask: "{mask}"}}',
        "      mid: h + attention",
        f"      normed: {norm}",
        "      ffn: {block: std.ffn, in: normed, hidden: 16}",
        "      end: normed + ffn",
        "    out: end",
        "nodes:",
        "  e: {op: embedding, in: x, size: vocab, dim: d}",
        *(f"  {line}" for line in more),
        f"  before: {before}",
        "  body: {block: one, in: before, repeat: turns}",
        f"  after: {after}",
        "outputs: {y: after}",
        "contracts:",
        *(f"  - {contract}" for contract in contracts),
    ]
    return graphspec.loads("\n".join(lines) + "\n")


def judged(spec: graphspec.Spec) -> list[str]:
    return [verdict.status for verdict in verdicts(spec.graph)]


def verdict(spec: graphspec.Spec) -> Verdict:
    """The verdict on the only contract."""
    (found,) = verdicts(spec.graph)
    return found


def path(found: Verdict) -> list[str]:
    """The hops that move, by node."""
    return [hop.node for hop in found.path if hop.moves]
