"""Intermediate values by name: a variant of the model that returns them, on the same parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from compiler.build.fresh import load
from compiler.emit import write_source
from compiler.lower.names import identifier
from compiler.passes import run
from compiler.passes.expose import expose
from compiler.runtime import Model


def capture(model: Model, names: tuple[str, ...], inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Run the model and give the named values. Raises `KeyError` with the nearest name."""
    if not names:
        return {}
    variants: dict[tuple[str, ...], Model] = model.__dict__.setdefault("_variants", {})
    if names not in variants:
        variants[names] = _variant(model, names)
    variant = variants[names]
    _share(model, variant)
    values = variant.train(model.training)(**inputs)
    return dict(zip(names, (values,) if isinstance(values, Tensor) else values, strict=True))


def _variant(model: Model, names: tuple[str, ...]) -> Model:
    """The model that gives the named values instead of its outputs."""
    target = replace(model.target, objective=None, returns=None, kernel=None)
    emitted = write_source(run(expose(model.graph, names), target), target)
    module = load(emitted, identifier(model.graph.name))
    with torch.device("meta"):
        return getattr(module, emitted.model)()


def _share(model: Model, variant: Model) -> None:
    """Let the variant read the model's own parameters and buffers, wherever these are by now."""
    own, holders = dict(model.named_modules()), dict(variant.named_modules())
    for name in variant.state_dict():
        owner, _, last = name.rpartition(".")
        kind = "_parameters" if last in holders[owner]._parameters else "_buffers"
        getattr(holders[owner], kind)[last] = getattr(own[owner], kind)[last]
