"""Flow rules of single operators against perturbation, along every axis of every input at once.

What a change of one entry moves lies within the rule's relations, and what a replay claims to be read moves.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import compiler
import graphspec
from graphspec.analysis.flow import FlowAnalysis, State
from graphspec.analysis.replay import Replay, Setting
from graphspec.axes import TensorType
from graphspec.graph import Graph
from tests.flow.brute import holds

LENGTHS = {"B": 2, "T": 4, "S": 3}
HEAD = """graphspec: 1
params: {d: 4, n: 3, heads: 2, c: 2}
axes: {B: batch, T: position, S: position}
"""

# title -> (inputs, nodes); `y` is the output
RULES: dict[str, tuple[str, str]] = {
    "scan": ("x: B T d, a: B T d", "y: {op: scan, in: x, decay: a, over: T}"),
    "scan backwards": ("x: B T d, a: T", "y: {op: scan, in: x, decay: a, over: T, reverse: true}"),
    "scan from a start": ("x: T d, a: T d, h: d", "y: {op: scan, in: x, decay: a, start: h, over: T}"),
    "scan back from a start": (
        "x: T d, a: T d, h: d",
        "y: {op: scan, in: x, decay: a, start: h, over: T, reverse: true}",
    ),
    "scan along features": ("x: B d, a: d", "y: {op: scan, in: x, decay: a, over: d}"),
    "scan of one for all": ("x: T, a: heads T", "y: {op: scan, in: x, decay: a, over: T}"),
    "contract": ("x: T d, w: S d", "y: {op: contract, a: x, b: w, over: d}"),
    "contract positions": ("x: B T d, w: B T n", "y: {op: contract, a: x, b: w, over: T}"),
    "contract two axes": ("x: B T d, w: B T n d", "y: {op: contract, a: x, b: w, over: [T, d]}"),
    "outer product": ("x: T d, w: T n", "y: {op: contract, a: x, b: w}"),
    "contract keys": (
        "x: T d, w: T d",
        """keys: {op: rearrange, in: w, pattern: "T d -> T' d"}
  scores: {op: contract, a: x, b: keys, over: d}
  y: {op: contract, a: scores, b: keys, over: T'}""",
    ),
    "pad": ("x: B T d", "y: {op: pad, in: x, axis: T, left: 2, right: 1, value: 3}"),
    "pad features": ("x: T d", "y: {op: pad, in: x, axis: d, right: 2}"),
    "pad by a length": ("x: B T, s: S", "a: {op: pad, in: x, axis: T, left: S, value: 1}\n  y: a * sum(s, S)"),
    "causal by padding": (
        "x: B T d",
        "a: {op: pad, in: x, axis: T, left: 2}\n  y: {op: convolution, in: a, over: T + 2, dim: n, kernel: 3}",
    ),
    "axis called otherwise": (
        "x: T d",
        """keys: {op: rearrange, in: x, pattern: "T d -> T' d"}
  pairs: x + 2 * keys
  turned: {op: rearrange, in: pairs, pattern: "T T' d -> T' T d"}
  y: sum(turned * pairs, d)""",
    ),
    "a weight that is given": (
        "x: T d, w: heads c 2",
        "y: {op: convolution, in: x, weight: w, over: T, dim: heads, kernel: 2, groups: 2}",
    ),
    "a norm of pairs": ("w: T T'", "y: {op: layer_norm, in: w, weight: none, bias: false}"),
    "every row twice": ("x: B T d", 'y: {op: rearrange, in: x, pattern: "B T d -> B (T 2) d"}'),
    "all rows twice": ("x: B T d", 'y: {op: rearrange, in: x, pattern: "B T d -> B (r T) d", sizes: {r: 2}}'),
    "the same along new axes": (
        "x: heads c, z: B T",
        """rows: {op: rearrange, in: x, pattern: "heads c -> B T heads c"}
  y: {op: contract, a: rows, b: z, over: T}""",
    ),
    "along the second of two": (
        "x: T d, w: S T T'",
        "a: softmax(w, T')\n  y: sum(a * a, T') + sum(x, d) + 3 * max(w, T')",
    ),
}


def drawn(kind: TensorType, generator: torch.Generator) -> torch.Tensor:
    sizes = [size.value({"d": 4, "n": 3, "heads": 2, "c": 2, **LENGTHS}) or 0 for size in kind.sizes]
    return torch.rand(sizes, generator=generator, dtype=torch.float64) + 0.5


def moved(spec: graphspec.Spec, source: str) -> np.ndarray:
    """Output entries by input entries: what a change of the one moves."""
    model, generator = compiler.compile(spec).double().eval(), torch.Generator().manual_seed(1)
    given = {it.name: drawn(it.type, generator) for it in spec.graph.body.inputs}
    with torch.no_grad():
        before = model(**given)
        columns = []
        for entry in np.ndindex(*given[source].shape):
            changed = given[source].clone()
            changed[entry] += 0.25
            columns.append((model(**{**given, source: changed}) - before).abs() > 1e-12)
    shape = [*before.shape, *given[source].shape]
    return torch.stack(columns, -1).reshape(shape).numpy()


def bound(graph: Graph, source: str) -> np.ndarray:
    """The same by the relations along each of the input's axes."""
    (state,) = FlowAnalysis(graph).whole().outputs
    numbers = {**graph.sizes, **LENGTHS}
    (made,) = (graph.body.type_of(ref) for _, ref in graph.body.outputs)
    given = next(it.type for it in graph.body.inputs if it.name == source)
    shapes = [[size.value(numbers) or 0 for size in kind.sizes] for kind in (made, given)]
    return np.array(
        [
            [_reads(state, source, reader, entry, numbers) for entry in np.ndindex(*shapes[1])]
            for reader in np.ndindex(*shapes[0])
        ]
    ).reshape([*shapes[0], *shapes[1]])


def _reads(state: State, source: str, reader: tuple[int, ...], entry: tuple[int, ...], numbers: dict[str, int]) -> bool:
    if source not in state.reads:
        return False
    return all(
        any(holds(item, reader, place, {}, lengths=numbers) for item in relation)
        for relation, place in zip(state.reads[source], entry, strict=True)
    )


def sources(title: str) -> list[str]:
    inputs, _ = RULES[title]
    return [part.partition(":")[0].strip() for part in inputs.split(",")]


def spec(title: str) -> graphspec.Spec:
    inputs, nodes = RULES[title]
    return graphspec.loads(f"{HEAD}inputs: {{{inputs}}}\nnodes:\n  {nodes}\noutputs: {{y: y}}\n")


@pytest.mark.parametrize("title", RULES)
def test_a_change_moves_only_what_may_read_it(title: str) -> None:
    for source in sources(title):
        assert not (moved(spec(title), source) & ~bound(spec(title).graph, source)).any(), source


@pytest.mark.parametrize("title", RULES)
def test_what_a_replay_claims_to_be_read_moves(title: str) -> None:
    for source in sources(title):
        changes = moved(spec(title), source)
        graph = spec(title).graph
        given = next(it.type for it in graph.body.inputs if it.name == source)
        made = graph.body.type_of(graph.body.outputs[0][1])
        for axis in range(len(given.axes)):
            replay = Replay(FlowAnalysis(graph), Setting(source, axis, LENGTHS))
            claimed = replay.frame.outputs[0].reads[..., :-1]
            others = [at for at in range(len(made.axes)) if at not in replay.followed(made)]
            others += [len(made.axes) + at for at in range(len(given.axes)) if at != axis]
            assert not (claimed & ~changes.any(axis=tuple(others))).any(), (source, axis)
