"""A model with the weights of a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import nn

from compiler.build import Model, compile
from compiler.build.memory import refuse_if_it_cannot_be
from compiler.checkpoint.accounting import Taken, account
from compiler.checkpoint.configuration import check_same, read_spec_for
from compiler.checkpoint.convert import read
from compiler.checkpoint.maps import layout_of
from compiler.checkpoint.reading import Weights, open_weights
from compiler.features import resolve
from compiler.target import Target
from graphspec import Spec
from graphspec.checkpoints import Layout
from graphspec.diagnostics import Report
from graphspec.spec import load_with


def load(
    spec: Spec | str | os.PathLike[str],
    checkpoint: str | os.PathLike[str],
    map: str | None = None,
    *,
    target: Target | None = None,
    device: str | torch.device | None = None,
) -> Model:
    """The model of a spec with the weights of a safetensors file or folder, in evaluation mode.

    Without `map` the file bears the spec's own names, as `graphspec import` and training write it. A spec given by its
    path takes its sizes from the `config.json` of the folder, where the map says how. Raises `SpecError` unless every
    tensor of the file has a use and every tensor of the model is set.
    """
    report, source = Report(), Path(checkpoint)
    if not isinstance(spec, Spec):
        spec = read_spec_for(Path(spec), source, map, {}) if map else load_with(spec, {})
    elif map and map in spec.checkpoints:
        check_same(spec, spec.checkpoints[map], source, report)
    layout = layout_of(spec, map, report)
    weights = open_weights(source, report)
    report.check()
    assert layout is not None and weights is not None
    with weights:
        taken = account(layout, weights, report)
        report.check()
        model = _empty(spec, target, device)
        pour(taken, layout, weights, model)
    return model.eval()


def pour(taken: Iterable[Taken], layout: Layout, weights: Weights, model: nn.Module) -> None:
    """Copy what a file holds into the tensors of a model."""
    homes = {use.path: tensor for tensor in layout.tensors for use in tensor.uses}
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert tensors.keys() == homes.keys()
    with torch.no_grad():
        for it in taken:
            tensors[it.use.path].copy_(read(it, homes[it.use.path], weights))


def _empty(spec: Spec, target: Target | None, device: str | torch.device | None) -> Model:
    """The model with memory for its parameters, not initialised."""
    target = target or Target()
    if device is not None and target.device == "auto":
        target = replace(target, device=cast("str", torch.device(device).type))  # pyright: ignore[reportArgumentType]
    target = resolve(target)
    place = str(device or target.device)
    refuse_if_it_cannot_be(spec.graph, place)
    model = compile(spec, target, device="meta")
    return model if place == "meta" else cast("Model", model.to_empty(device=place))
