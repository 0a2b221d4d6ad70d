"""Probes of contracts that a tensor guards: padding, documents."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from compiler.verify.laws import Law, Stay
from compiler.verify.poison import shows_everything
from compiler.verify.scene import Probe, Scene, Skip, Steps, spread
from graphspec.axes import Dim
from graphspec.graph import Input


def ignores_padding(scene: Scene) -> Steps:
    real = scene.reading.tensor("where", "bool")
    for size, sources in _guarded(scene, real).items():
        held, names = scene.inputs[real.name].cpu(), ", ".join(f"`{it.name}`" for it in sources)
        stay = Stay(size, real.type.sizes, held)
        if not bool((~held).any()):
            yield Skip("no place is padding at these lengths")
            continue

        def padded(it: Input, sources: list[Input] = sources, held: Tensor = held) -> Tensor | None:
            return spread(~held, real.type.sizes, it.type) if it in sources else None

        law = Law(stays=(stay,), lacking=True)
        yield Probe(f"the padding of {names} changed", scene.inputs, scene.replaced(padded), (("", law),))
        if any(it.type.dtype == "float" for it in sources) and shows_everything(scene.graph):
            poisoned = scene.replaced(padded, poison=True)
            yield Probe(f"the padding of {names} poisoned with NaN", scene.inputs, poisoned, (("", law),))
        yield from _less(scene, real, size, sources)


def _guarded(scene: Scene, tensor: Input) -> dict[Dim, list[Input]]:
    """The inputs that are read along a position axis of the tensor, by that axis."""
    found: dict[Dim, list[Input]] = {}
    for source in scene.reading.inputs().values():
        positions = scene.reading.positions(source.type) if scene.given(source) else []
        size = next((source.type.sizes[at] for at in positions if source.type.sizes[at] in tensor.type.sizes), None)
        if size is not None and source.name != tensor.name:
            found.setdefault(size, []).append(source)
    return found


def _less(scene: Scene, real: Input, size: Dim, sources: list[Input]) -> Steps:
    """Less padding: the same at every place that is still there."""
    axis = real.type.sizes.index(size)
    used = scene.inputs[real.name].cpu().movedim(axis, 0).flatten(1).any(1)
    count, left = len(used), scene.reading.text("side") == "left"
    spare = int(used.flip(0).long().argmax()) if not left else int(used.long().argmax())
    other = scene.unpromised(size, {real.name, *(source.name for source in sources)})
    if not spare or not scene.name(size) or other:
        yield Skip(
            f"the amount of padding: `{other}` has the same axis, and that is not proved of it"
            if other
            else f"the amount of padding: `{size}` cannot be shortened"
        )
        return
    index = torch.arange(spare, count) if left else torch.arange(count - spare)
    after, held = scene.picked(size, index), scene.inputs[real.name].cpu().index_select(axis, index)
    picks = {size: (index, torch.arange(len(index)))}
    law = Law(picks, (Stay(size, real.type.sizes, held),), lacking=True)
    what = f"{spare} less of padding along `{size}`"
    yield Probe(what, scene.inputs, after, (("", law),), reshapes=True)


def isolates(scene: Scene) -> Steps:
    documents = scene.reading.tensor("documents", "int")
    for size, sources in _guarded(scene, documents).items():
        for own in _own(scene, documents, size):
            names = ", ".join(f"`{it.name}`" for it in sources)

            def others(it: Input, sources: list[Input] = sources, own: Tensor = own) -> Tensor | None:
                return spread(~own, documents.type.sizes, it.type) if it in sources else None

            law = Law(stays=(Stay(size, documents.type.sizes, own),), lacking=True)
            what = f"{names} changed in all documents but one"
            yield Probe(what, scene.inputs, scene.replaced(others), (("", law),))
            if any(it.type.dtype == "float" for it in sources) and shows_everything(scene.graph):
                poisoned = scene.replaced(others, poison=True)
                yield Probe(what.replace("changed", "poisoned with NaN"), scene.inputs, poisoned, (("", law),))
        if scene.reading.contract.get("alone"):
            yield from _alone(scene, documents, size, sources)


def _own(scene: Scene, documents: Input, size: Dim) -> Iterator[Tensor]:
    """For the first, the last and another document of each row, where it is."""
    held, axis = scene.inputs[documents.name].cpu(), documents.type.sizes.index(size)
    for at in sorted({0, scene.length(size) - 1, scene.drawing.integer(0, scene.length(size) - 1)}):
        yield held == held.select(axis, at).unsqueeze(axis)


def _alone(scene: Scene, documents: Input, size: Dim, sources: list[Input]) -> Steps:
    """A document of one row by itself gives what it gives when packed."""
    other = scene.unpromised(size, {documents.name, *(source.name for source in sources)})
    rows = [axis for axis in documents.type.sizes if axis != size]
    if other or not all(map(scene.name, (size, *rows))):
        yield Skip(f"a document alone: `{other or size}` cannot be cut")
        return
    base = scene.inputs
    for axis in rows:
        base = scene.picked(axis, torch.tensor([scene.drawing.integer(0, scene.length(axis) - 1)]), base)
    ids = base[documents.name].cpu().flatten()
    for chosen in ids.unique():
        index = (ids == chosen).nonzero()[:, 0]
        after = scene.picked(size, index, base)
        law = Law({size: (index, torch.arange(len(index)))})
        yield Probe(f"document {int(chosen)} alone", base, after, (("", law),), reshapes=True)
