"""Probes of independence and of symmetry under permutations."""

from __future__ import annotations

import torch
from torch import Tensor

from compiler.verify.laws import Law, Stay
from compiler.verify.scene import Probe, Scene, Skip, Steps
from graphspec.axes import Dim
from graphspec.graph import Input


def independent(scene: Scene) -> Steps:
    size = _axis(scene)
    sources = [it for it in scene.reading.inputs().values() if scene.given(it) and size in it.type.sizes]
    count = scene.length(size)
    for own in sorted({0, count - 1}):
        others = torch.arange(count) != own

        def changed(it: Input, others: Tensor = others) -> Tensor | None:
            shape = [-1 if axis == size else 1 for axis in it.type.sizes]
            return others.view(shape) if it in sources and shape.count(-1) == 1 else None

        law = Law(stays=(Stay(size, (size,), ~others),), lacking=True)
        yield Probe(f"all changed but `{size}` = {own}", scene.inputs, scene.replaced(changed), (("", law),))
    yield from _alone(scene, size, {source.name for source in sources})


def _alone(scene: Scene, size: Dim, covered: set[str]) -> Steps:
    other = scene.unpromised(size, covered)
    if other or not scene.name(size):
        yield Skip(f"an entry alone: `{other or size}` cannot be cut")
        return
    at = torch.tensor([scene.drawing.integer(0, scene.length(size) - 1)])
    law = Law({size: (at, torch.tensor([0]))}, lacking=True)
    what = f"`{size}` = {int(at)} alone"
    yield Probe(what, scene.inputs, scene.picked(size, at), (("", law),), reshapes=True)


def equivariant(scene: Scene) -> Steps:
    size, order, probe = _permuted(scene)
    law = Law({size: (order, torch.arange(len(order)))}, lacking=True)
    yield Probe(f"`{size}` permuted", scene.inputs, probe, (("", law),), reshapes=True)


def invariant(scene: Scene) -> Steps:
    """Values on the way may follow the permutation, the output may not."""
    size, order, probe = _permuted(scene)
    types = [scene.reading.type_of(ref) for ref in scene.reading.outputs().values()]
    follows = any(size in given.sizes for given in types)
    picks = {} if follows else {size: (order, torch.arange(len(order)))}
    everywhere = Stay(size, (size,), torch.ones(len(order), dtype=torch.bool))
    law = Law(picks, (everywhere,) if follows else (), lacking=True)
    yield Probe(f"`{size}` permuted", scene.inputs, probe, (("", law),), reshapes=True)


def _axis(scene: Scene) -> Dim:
    name = scene.reading.axis()
    assert name is not None, "the contract was judged"
    return Dim.symbol(name)


def _permuted(scene: Scene) -> tuple[Dim, Tensor, dict[str, Tensor]]:
    size = _axis(scene)
    count = scene.length(size)
    order = torch.randperm(count, generator=scene.drawing.generator)
    order = order.roll(1) if bool((order == torch.arange(count)).all()) else order
    return size, order, dict(scene.picked(size, order))
