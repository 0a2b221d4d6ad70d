"""Contracts that a tensor guards: what may be read is real, or of one's own document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from graphspec.analysis.contracts.places import displaced
from graphspec.analysis.contracts.questions import Held, Question
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.analysis.contracts.symmetry import asymmetry
from graphspec.axes import dim
from graphspec.flow import Guard, Padding, Piece
from graphspec.graph import Input, Ref


def ignores_padding(reading: Reading) -> Iterator[Question]:
    real = reading.tensor("where", "bool")
    side: Padding = "left" if reading.text("side") == "left" else "right"
    held = Held(real.name, _padded(side), _reads_padding, side)
    yield from _guarded(reading, real, held, symmetric=side == "left", counted=True)


def isolates(reading: Reading) -> Iterator[Question]:
    documents, alone = reading.tensor("documents", "int"), bool(reading.contract.get("alone"))
    held = Held(documents.name, _two_documents, _reads_other_document)
    yield from _guarded(reading, documents, held, symmetric=alone, counted=alone)


def _guarded(reading: Reading, tensor: Input, held: Held, *, symmetric: bool, counted: bool) -> Iterator[Question]:
    """Every input along the tensor's axis is read only where the tensor says so; it is held fixed itself."""
    found = False
    for output, ref in reading.outputs().items():
        for source in reading.inputs().values():
            axis = next(
                (at for at in reading.positions(source.type) if source.type.sizes[at] in tensor.type.sizes), None
            )
            if source.name != tensor.name and axis is not None:
                found = True
                yield _only_where(reading, output, ref, source, axis, tensor, held, symmetric, counted)
    if not found:
        message = f"no input that is read has a position axis of `{tensor.name}` (`{tensor.type}`)"
        raise Senseless("input", message, "name an input along the same axis")


def _only_where(
    reading: Reading,
    output: str,
    ref: Ref,
    source: Input,
    axis: int,
    tensor: Input,
    held: Held,
    symmetric: bool,
    counted: bool,
) -> Question:
    made, size = reading.type_of(ref), source.type.sizes[axis]
    place = next((at for at in reading.positions(made) if made.sizes[at] == size), None)
    apart = place is None and any(reading.related(own, source.type.axes[axis]) for own in made.axes)
    own = tensor.type.sizes.index(size)
    rows = reading.names(tensor.type, [at for at in range(len(tensor.type.axes)) if at != own])
    guard = Guard(tensor.name, dim(0), None if place is None else (place, dim(0)))

    def allows(item: Piece, padding: Padding) -> bool:
        return item.implies(guard, padding)

    def problem() -> str:
        return asymmetry(reading.judge, ref, size, "absolute", tensor.name) if symmetric else ""

    held = replace(held, rows=rows)
    breaks = _cannot_be_said if apart else held.breaks
    question = Question(output, ref, place, source.name, axis, allows, breaks, counted, held, problem)
    if not symmetric or apart:
        return question
    return replace(question, otherwise=partial(displaced, reading.judge, question))


def _cannot_be_said(i: Any, j: Any, held: Any) -> Any:
    """Which entries of an output along a longer or shorter axis are padding, or of which document, is not stated."""
    return j < 0


def _padded(side: Padding) -> Callable[[int], Any]:
    def values(count: int) -> Any:
        import numpy as np

        real = np.arange(count) < (count + 1) // 2
        return real[::-1] if side == "left" else real

    return values


def _two_documents(count: int) -> Any:
    import numpy as np

    return (np.arange(count) >= (count + 1) // 2).astype(int)


def _reads_padding(i: Any, j: Any, real: Any) -> Any:
    return ~real[j] if i is None else real[i] & ~real[j]


def _reads_other_document(i: Any, j: Any, ids: Any) -> Any:
    return j >= 0 if i is None else ids[i] != ids[j]
