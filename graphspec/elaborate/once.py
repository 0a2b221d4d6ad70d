"""Blocks elaborated once: what the inside of a block depends on, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

from graphspec import source
from graphspec.diagnostics import Diagnostic
from graphspec.elaborate.values import BlockValue, Context, Fault, Skip, Table, Tensor, Value
from graphspec.graph import Body
from graphspec.graph import Value as Output


@dataclass(frozen=True)
class Inside:
    """An elaborated block: its body, and the tensors from around it that it reads, by input."""

    body: Body
    brought: Mapping[str, Tensor]

    @property
    def outputs(self) -> tuple[Output, ...]:
        return tuple(Output(name, self.body.type_of(ref)) for name, ref in self.body.outputs)


@dataclass(frozen=True)
class Outcome:
    """What came of a block that was bound: its inside or what stopped it, and all problems found on the way."""

    result: Inside | Fault | Skip
    problems: tuple[Diagnostic, ...]


def once(context: Context, key: Hashable, make: Callable[[], Inside], *, placed: bool) -> Inside:
    """What `make` makes, or made of the same key before; its problems are in the report of either.

    `placed`: problems may stand where the block is used, so that another use may have others. Raises as `make` does.
    """
    known = context.insides.get(key)
    if not isinstance(known, Outcome) or (placed and known.problems):
        known = context.insides[key] = _outcome(context, make)
    context.report.add(*known.problems)
    if isinstance(known.result, Inside):
        return known.result
    raise known.result.with_traceback(None)


def _outcome(context: Context, make: Callable[[], Inside]) -> Outcome:
    result: Inside | Fault | Skip
    try:
        result = make()
    except (Fault, Skip) as stopped:
        result = stopped
    return Outcome(result, context.report.diagnostics)


def bound_to(block: BlockValue, arguments: Mapping[str, Value | None], others: Iterable[Hashable]) -> Hashable:
    """All that the inside of a block depends on: itself, its arguments, `others` such as the types at its ports."""
    return (block, tuple((name, _identity(value)) for name, value in arguments.items()), tuple(others))


def _identity(value: Value | None) -> Hashable:
    """A map is what is written in it, wherever that stands, read in its scope; all other values are themselves."""
    if isinstance(value, Table):
        return (value.scope, tuple((name, _said(entry.value)) for name, entry in value.entries.items()))
    return value


def _said(value: source.Value) -> Hashable:
    match value:
        case source.Scalar(text, _, style):
            return (text, style)
        case source.Sequence(items):
            return ("list", tuple(map(_said, items)))
        case source.Map(entries):
            return ("map", tuple((key.text, _said(item)) for key, item in entries))
