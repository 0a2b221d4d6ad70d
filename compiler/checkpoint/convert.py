"""From a file in another layout to one in the spec's own names, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from compiler.checkpoint.accounting import Taken, account
from compiler.checkpoint.compute import compute, undo
from compiler.checkpoint.maps import choose, layout_of
from compiler.checkpoint.moves import join, take
from compiler.checkpoint.reading import Weights, open_weights
from compiler.checkpoint.writing import Planned, claim, make_folder, write
from graphspec import Spec
from graphspec.checkpoints import FileTensor, Layout
from graphspec.diagnostics import Note, Report

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written where."""

    file: Path
    tensors: int
    bytes: int


def import_weights(spec: Spec, source: Path, file: Path, map: str | None = None, *, overwrite: bool = False) -> Written:
    """Write the weights of a checkpoint under the spec's own names. Raises `SpecError` with all that is wrong."""
    report = Report()
    claim(file, overwrite, report)
    given = choose(spec, map, report)
    layout = layout_of(spec, given.name, report) if given else None
    weights = open_weights(source, report)
    report.check()
    assert layout is not None and weights is not None
    with weights:
        taken = account(layout, weights, report)
        report.check()
        homes = {use.path: tensor for tensor in layout.tensors for use in tensor.uses}
        planned = [(Planned(it.use.path, weights.entries[it.names[0]].dtype, it.use.shape), it) for it in taken]
        planned.sort(key=lambda pair: -pair[0].width)
        moved = (read(it, homes[it.use.path], weights) for _, it in planned)
        return _write(file, [plan for plan, _ in planned], moved)


def read(taken: Taken, tensor: FileTensor, weights: Weights) -> Tensor:
    """A tensor of the model, read from a file."""
    parts = [weights.read(name) for name in taken.names]
    whole = torch.stack(parts) if taken.stacked else parts[0]
    return compute(take(whole, tensor, taken.use.piece), taken.use.line.steps)


def export_weights(
    spec: Spec, source: Path, folder: Path, map: str | None = None, *, overwrite: bool = False
) -> Written:
    """Write weights under the spec's own names in the layout of a map. Raises `SpecError` with all that is wrong."""
    report = Report()
    file = folder / WEIGHTS
    if folder.exists():
        claim(file, overwrite, report)
    given = choose(spec, map, report)
    layout = layout_of(spec, given.name, report) if given else None
    weights = open_weights(source, report)
    own = layout_of(spec, None, report)
    report.check()
    assert layout is not None and weights is not None and own is not None
    with weights:
        account(own, weights, report)
        report.check()
        planned = list(_planned(layout, weights, report))
        report.check()
        planned.sort(key=lambda pair: -pair[0][0].width)
        make_folder(folder)
        moved = (part for plans, tensor in planned for part in _parts(plans, tensor, weights))
        return _write(file, [plan for plans, _ in planned for plan in plans], moved)


def _planned(layout: Layout, weights: Weights, report: Report) -> Iterator[tuple[list[Planned], FileTensor]]:
    """What goes into the file, group by group. Reports parts that do not go together."""
    for tensor in layout.tensors:
        kinds = {weights.entries[use.path].dtype for use in tensor.uses}
        if len(kinds) > 1:
            notes = [Note(f"`{use.path}` is {weights.entries[use.path].dtype}") for use in tensor.uses]
            message = f"the parts of `{tensor.names[0]}` are of several types"
            help = "convert the weights to one type first"
            report.error("export-conflict", message, tensor.uses[0].line.span, notes=notes, help=help)
        _check_doubles(tensor, weights, report)
        yield [Planned(name, min(kinds), tensor.each) for name in tensor.names], tensor


def _check_doubles(tensor: FileTensor, weights: Weights, report: Report) -> None:
    """Report two tensors of the model that would be written to the same place, and differ."""
    first: dict[object, str] = {}
    for use in tensor.uses:
        other = first.setdefault(use.piece.cuts, use.path)
        if other != use.path and not torch.equal(weights.read(other), weights.read(use.path)):
            message = f"`{other}` and `{use.path}` differ, but are one tensor in the file"
            help = "they cannot be written in this layout"
            report.error("export-conflict", message, use.line.span, help=help)


def _parts(plans: Sequence[Planned], tensor: FileTensor, weights: Weights) -> Iterator[Tensor]:
    whole = join([(undo(weights.read(use.path), use.line.steps), use.piece) for use in tensor.uses], tensor)
    yield from whole.unbind() if tensor.stacked else (whole,)


def _write(file: Path, planned: Sequence[Planned], tensors: Iterator[Tensor]) -> Written:
    write(file, planned, tensors)
    return Written(file, len(planned), sum(plan.bytes for plan in planned))
