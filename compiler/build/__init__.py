"""Source → module: the generated file is imported, its model made, its parameters initialised."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, cast

import torch

from compiler.build.agree import refuse_other_tensors
from compiler.build.capture import capture
from compiler.build.compilation import How, speed_up
from compiler.build.fresh import load
from compiler.build.initialise import initialise
from compiler.build.memory import refuse_if_it_cannot_be
from compiler.emit import write_source
from compiler.features import resolve
from compiler.lower.names import identifier
from compiler.passes import run
from compiler.runtime import Model
from compiler.target import Target
from graphspec.graph import Graph


class HasGraph(Protocol):
    """A loaded spec."""

    @property
    def graph(self) -> Graph: ...


def compile(
    spec: HasGraph | Graph,
    target: Target | None = None,
    *,
    seed: int = 0,
    device: str | torch.device | None = None,
    compile: How = "off",
    backend: str = "inductor",
) -> Model:
    """The model of a spec as an ordinary PyTorch module, initialised.

    `device` is where it lies, the target's by default; the same seed gives the same weights on all. `compile` says what
    torch.compile takes, when the model first runs: each repeated block, equal ones once, or all in one; `backend` is
    torch.compile's. Raises `SpecError`: `too-large-to-build`, `no-device`, `no-such-precision`, `unknown-objective`,
    `objective-not-causal`, `kernel-not-exact`, `no-lowering`, `bad-lowering`, `unknown-target`.
    """
    graph = spec if isinstance(spec, Graph) else spec.graph
    target = target or Target()
    if device is not None and target.device == "auto":
        target = replace(target, device=cast("str", torch.device(device).type))  # pyright: ignore[reportArgumentType]
    target = resolve(target)
    place = str(device or target.device)
    prepared = run(graph, target)
    refuse_if_it_cannot_be(prepared, place, target.precision)
    model = build(prepared, target)
    refuse_other_tensors(model, prepared)
    model._origin = (model.source, graph, target, capture)
    if place != "meta":
        model.to_empty(device=place)
        initialise(model, prepared, seed)
    speed_up(model, prepared, compile, backend)
    return model


def build(prepared: Graph, target: Target) -> Model:
    """The module of a graph that went through the passes, without memory for its parameters."""
    emitted = write_source(prepared, target)
    module = load(emitted, identifier(prepared.name))
    with torch.device("meta"):
        model = getattr(module, emitted.model)()
    model._origin = (emitted.text, prepared, target, capture)
    return model
