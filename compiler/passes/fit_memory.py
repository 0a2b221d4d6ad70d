"""Choose what the backward pass computes again, so that a step of training fits into a budget."""

from __future__ import annotations

from compiler.target import Target, as_bytes
from graphspec.analysis.cost import human
from graphspec.analysis.memory import fit
from graphspec.diagnostics import Diagnostic, SpecError, suggestion
from graphspec.graph import Graph


def fit_memory(graph: Graph, target: Target) -> Graph:
    """Recompute the fewest turns of repeats with which the peak stays within `target.memory`. Raises `SpecError`.

    Before: for layer in layers: x = layer(x)
    After:  for layer in layers[:4]: x = checkpoint(layer, x); for layer in layers[4:]: x = layer(x)
    """
    if target.memory is None:
        return graph
    _check_sizes(graph, target)
    try:
        found, memory = fit(graph, as_bytes(target.memory), target.sizes, target.precision, target.device)
    except ValueError as error:
        raise SpecError(
            [Diagnostic("unknown-target", f"at {target.at} {error}", help="choose sizes that fit")]
        ) from error
    if memory.peak > as_bytes(target.memory):
        turns = f" with all {memory.turns} turns of its repeats recomputed" if memory.turns else ""
        message = f"a step of `{graph.name}` takes {human(memory.peak)}B{turns}, more than {target.memory}"
        help = f"allow `memory={_rounded(memory.peak)}`, or make the batch or the model smaller"
        raise SpecError([Diagnostic("over-budget", message, graph.body.span, help=help)])
    return found


def _check_sizes(graph: Graph, target: Target) -> None:
    """Raise `SpecError` unless `at` has a size for each run-time axis, and for nothing else."""
    open_ = [axis.name for axis in graph.axes if axis.size is None]
    missing = [name for name in open_ if name not in target.sizes]
    if missing:
        listed = ", ".join(f"`{name}`" for name in missing)
        help = f"say them: `at=({', '.join(f'{name}=…' for name in missing)})`"
        message = f"what fits into {target.memory} depends on the size of {listed}"
        raise SpecError([Diagnostic("missing-size", message, help=help)])
    for name in target.sizes.keys() - set(open_):
        message = f"`at` sets `{name}`, which is no axis whose size is open"
        raise SpecError([Diagnostic("unknown-target", message, help=suggestion(name, open_, "axes"))])


def _rounded(amount: int) -> str:
    """Megabytes, rounded up."""
    return f"{-(-amount // 10**6):.0f}MB"
