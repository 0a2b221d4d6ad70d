"""The ways in which a model can be computed: as compiled, and by the kernels and sources that could stand in."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from compiler.build import Model, compile
from compiler.target import Target
from graphspec.graph import Body, Call, Graph, Mixture, Repeat
from graphspec.operators.attention import Attend

_SDPA = re.compile(r"\b(scaled_dot_product|masked|biased)_attention\(")
_FUSED = re.compile(r"\b(scaled_dot_product|masked|biased|flexible)_attention\(")
"""What calls a kernel of torch, in generated code."""


@dataclass(frozen=True)
class Lowering:
    """One way to compute a model. `reads`: values to ask for besides, so that attention is written out."""

    name: str
    model: Model
    kernel: SDPBackend | None = None
    reads: tuple[str, ...] = ()

    @contextlib.contextmanager
    def forced(self) -> Iterator[None]:
        """Let torch take this kernel and no other."""
        if self.kernel is None:
            yield
            return
        with warnings.catch_warnings(), sdpa_kernel([self.kernel]):
            warnings.simplefilter("ignore")  # torch says why a kernel does not apply; so does the error that follows
            yield


def lowerings(model: Model, device: str, compiled: bool) -> tuple[Lowering, ...]:
    """All that apply to a model: of a compiled one only itself."""
    found = [Lowering("as compiled", model)]
    if compiled:
        return tuple(found)
    if _SDPA.search(model.source):
        found += [Lowering(f"SDPA {name}", model, kernel) for name, kernel in _kernels(device)]
    if _FUSED.search(model.source):
        weights = tuple(weights_of(model.graph.body))
        found += [Lowering("written out", model, reads=weights)] if weights else []
    if device == "cpu":
        found += _twin("source for cuda", Target(device="cuda"), model)
        found += _twin("fused", Target(device="cpu", precision="bf16", fusion="fused"), model)
    return tuple(found)


def _kernels(device: str) -> list[tuple[str, SDPBackend]]:
    """Those of torch; what it takes by itself depends on sizes and types."""
    plain = [("math", SDPBackend.MATH), ("flash", SDPBackend.FLASH_ATTENTION)]
    more = [("efficient", SDPBackend.EFFICIENT_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)]
    return plain + more * (device != "cpu")


def _twin(name: str, target: Target, model: Model) -> list[Lowering]:
    """The source for another target where it differs, on the same tensors; it runs anywhere, in any type."""
    twin = compile(model.graph, target, device="cpu")
    if _code(twin.source) == _code(model.source):
        return []
    twin.load_state_dict(model.state_dict(), assign=True)
    return [Lowering(name, twin.to(next(model.parameters(), torch.empty(())).dtype))]


def _code(source: str) -> str:
    """Without the header, which names the target."""
    return source.split('"""', 2)[-1]


def weights_of(body: Body, prefix: str = "") -> Iterator[str]:
    """The paths of the weights of every attention."""
    for node in body.nodes:
        path = f"{prefix}{node.name}"
        match node.does:
            case Mixture():  # what an expert makes of the positions that chose it cannot be asked for
                pass
            case Call(inner):
                yield from weights_of(inner, f"{path}.")
            case Repeat() as repeat:
                for turn, inner in enumerate(repeat.turns()):
                    yield from weights_of(inner, f"{path}.{turn}.")
            case Attend() if not node.anonymous:
                yield f"{path}.weights"
            case _:
                pass


def open_graph(graph: Graph) -> dict[str, str]:
    """For each output and node of the model the path by which it is asked for; nameless ones have none."""
    nodes = {node.name: node.name for node in graph.body.nodes if not node.anonymous}
    outputs = {name: str(ref) for name, ref in graph.body.outputs if "~" not in ref.name}
    return nodes | outputs
