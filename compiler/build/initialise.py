"""Initial values: each tensor from a generator of its own, so that adding a node moves no other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from graphspec.graph import Graph, InitRule, Parameter, buffer_paths, parameter_paths
from graphspec.operators import Initialiser

Fill = Callable[[Tensor, Sequence[float], torch.Generator], object]


def initialise(model: torch.nn.Module, graph: Graph, seed: int) -> None:
    """Set every parameter of a model as the spec says, and every buffer as its operator does."""
    parameters = dict(parameter_paths(graph.body))
    found = dict(model.named_parameters())
    different = found.keys() ^ parameters.keys()
    assert not different, f"only in the model or only in its graph: {different}"
    for name, tensor in found.items():
        fill(tensor, initialiser(name, parameters[name], graph.init), name, seed)
    start_buffers(model, graph)


def start_buffers(model: torch.nn.Module, graph: Graph) -> None:
    """Set every buffer of a model as its operator says."""
    buffers = dict(buffer_paths(graph.body))
    different = model.state_dict().keys() ^ dict(model.named_parameters()).keys() ^ buffers.keys()
    assert not different, f"only in the model or only in its graph: {different}"
    for name, buffer in buffers.items():
        fill(model.get_buffer(name), buffer.init, name, 0)


def initialiser(name: str, parameter: Parameter, rules: Sequence[InitRule]) -> Initialiser:
    """How a tensor starts: as its node says, else by the last rule that fits, else as its operator says."""
    if parameter.given:
        return parameter.init
    return next((rule.init for rule in reversed(rules) if rule.fits(name, parameter)), parameter.init)


def fill(tensor: Tensor, init: Initialiser, name: str, seed: int) -> None:
    """Set one tensor. Drawn on the CPU, so that a seed means the same on every device."""
    if tensor.is_meta:
        return
    generator = torch.Generator().manual_seed(seed_of(name, seed))
    with torch.no_grad():
        drawn = tensor if tensor.device.type == "cpu" else torch.empty(tensor.shape, dtype=tensor.dtype)
        FILLS[init.kind](drawn, init.numbers, generator)
        if drawn is not tensor:
            tensor.copy_(drawn)


def seed_of(name: str, seed: int) -> int:
    """The seed of one tensor."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big") >> 1


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output sums over, and the other way round: `[out, in, …]`."""
    if tensor.dim() < 2:
        return tensor.numel(), tensor.numel()
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _gain(numbers: Sequence[float]) -> float:
    return numbers[0] if numbers else 1.0


def _normal(tensor: Tensor, std: float, generator: torch.Generator) -> None:
    tensor.normal_(0, std, generator=generator)


def _uniform(tensor: Tensor, bound: float, generator: torch.Generator) -> None:
    tensor.uniform_(-bound, bound, generator=generator)


def _truncated(tensor: Tensor, std: float, generator: torch.Generator) -> None:
    torch.nn.init.trunc_normal_(tensor, 0.0, std, -2 * std, 2 * std, generator=generator)


FILLS: Mapping[str, Fill] = {
    "normal": lambda t, n, g: _normal(t, n[0], g),
    "truncated_normal": lambda t, n, g: _truncated(t, n[0], g),
    "uniform": lambda t, n, g: _uniform(t, n[0], g),
    "xavier_uniform": lambda t, n, g: _uniform(t, _gain(n) * math.sqrt(6 / sum(_fans(t))), g),
    "xavier_normal": lambda t, n, g: _normal(t, _gain(n) * math.sqrt(2 / sum(_fans(t))), g),
    "kaiming_uniform": lambda t, n, g: _uniform(t, _gain(n) * math.sqrt(3 / _fans(t)[0]), g),
    "kaiming_normal": lambda t, n, g: _normal(t, _gain(n) / math.sqrt(_fans(t)[0]), g),
    "unit_rows": lambda t, n, g: _normal(t, 1 / math.sqrt(t.shape[-1]), g),
    "constant": lambda t, n, g: t.fill_(n[0]),
    "zeros": lambda t, n, g: t.zero_(),
    "ones": lambda t, n, g: t.fill_(1),
}
