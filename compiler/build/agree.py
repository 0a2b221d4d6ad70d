"""Whether modules that are not ours hold what their operators declare."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from compiler.lower.custom import FOREIGN
from graphspec.diagnostics import Diagnostic, SpecError
from graphspec.graph import Graph, buffer_paths, parameter_paths

Shapes = dict[str, tuple[int | None, ...]]

_HELP = "hold a tensor for each that is declared, of its name and shape; compute all else in `forward`"


def refuse_other_tensors(model: nn.Module, graph: Graph) -> None:
    """Raise `SpecError` if a module of somebody's own holds other tensors than its operator declares."""
    classes = tuple(found.does for found in FOREIGN.values() if isinstance(found.does, type))
    for path, module in model.named_modules():
        if isinstance(module, classes):
            found = tuple(Diagnostic("bad-lowering", it, help=_HELP) for it in _faults(path, module, graph))
            if found:
                raise SpecError(found)


def _faults(path: str, module: nn.Module, graph: Graph) -> Iterator[str]:
    sizes, name, prefix = graph.known_sizes, type(module).__name__, f"{path}."
    parameters = (it for it in parameter_paths(graph.body) if it[0].startswith(prefix))
    wanted: Shapes = {own.removeprefix(prefix): tuple(map(sizes.value, it.shape)) for own, it in parameters}
    held: Shapes = {own: tuple(tensor.shape) for own, tensor in module.named_parameters()}
    buffers = {own.removeprefix(prefix) for own, _ in buffer_paths(graph.body) if own.startswith(prefix)}
    yield from (f"`{name}` lacks the parameter `{own}`" for own in wanted.keys() - held.keys())
    yield from (f"`{name}` holds `{own}`, which is not declared" for own in held.keys() - wanted.keys())
    undeclared = {own for own, _ in module.named_buffers()} - buffers
    yield from (f"`{name}` holds the buffer `{own}`, which nothing fills" for own in undeclared)
    for own in held.keys() & wanted.keys():
        if held[own] != wanted[own]:
            yield f"`{own}` of `{name}` has the shape {held[own]}, where {wanted[own]} is declared"
