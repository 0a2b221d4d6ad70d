"""Whether a model fits into memory, found out before anything is allocated."""

from __future__ import annotations

from functools import cache

from compiler.features import free_memory, lacks
from graphspec.axes import product
from graphspec.diagnostics import Diagnostic, SpecError
from graphspec.graph import Body, Call, Graph, Mixture, Repeat

BYTES = 4
"""Of one parameter: fp32."""


def parameter_bytes(graph: Graph) -> int:
    """The bytes that the learned tensors take; each distinct body is counted once."""
    sizes = graph.known_sizes

    @cache
    def count(body: Body) -> int:
        total = 0
        for node in body.nodes:
            match node.does:
                case Mixture(inner) as mixture:
                    total += count(inner) * mixture.count
                case Call(inner):
                    total += count(inner)
                case Repeat() as repeat:
                    turns = sum(run.count * sum(map(count, run.bodies)) for run in repeat.runs)
                    total += count(repeat.bodies[0]) if repeat.shared else turns
                case _:
                    own = [p for p in node.parameters if not p.tied]
                    total += sum(sizes.value(product(p.shape)) or 0 for p in own)
        return total

    return BYTES * count(graph.body)


def refuse_if_it_cannot_be(graph: Graph, device: str, precision: str = "fp32") -> None:
    """Raise `SpecError` if the device is not there or lacks the precision, or the parameters alone do not fit on it."""
    if device == "meta":
        return
    found = tuple(lacks(device, precision))
    if found:
        raise SpecError(found)
    needed, free = parameter_bytes(graph), free_memory(device)
    if free is None or needed <= free:
        return
    message = f"the parameters of `{graph.name}` take {_gigabytes(needed)}, but {device} has {_gigabytes(free)} free"
    help = "compile it for `device=meta`, or set smaller sizes with `--set`"
    raise SpecError([Diagnostic("too-large-to-build", message, graph.body.span, help=help)])


def _gigabytes(amount: int) -> str:
    return f"{amount / 2**30:,.1f} GiB" if amount < 2**50 else f"{amount / 2**40:,.0f} TiB"
