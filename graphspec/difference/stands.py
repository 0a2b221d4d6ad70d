"""Where a change is written: at its node, at the user's node around it, or in a variant that is laid over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from graphspec.diagnostics import Span
from graphspec.difference.said import Field
from graphspec.difference.units import Unit
from graphspec.graph import Body

INPUTS = "in"
"""The key under which a node names what it reads without naming ports."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the innermost node in the user's own files stands, and what is written elsewhere of it and those around it.

    `only`: what is of that node itself, if it is one thing.
    """

    span: Span | None = None
    laid: Mapping[str, Span] = field(default_factory=dict[str, Span])
    only: Span | None = None

    def at(self, unit: Unit | None, body: Body) -> Stand:
        """At a node of a body that stands here; within the standard library one stays where it is used."""
        if unit is None or is_standard(body):
            return self
        laid = dict(unit.node.laid)
        return Stand(unit.node.span, {**self.laid, **laid}, *list(laid.values()) if len(laid) == 1 else ())

    def of(self, said: Field) -> Span | None:
        """Where a field of a node that stands here is written, if it has a name there, and not at the node."""
        return self.laid.get(said.name) or (self.laid.get(INPUTS) if said.wiring else None)


NOWHERE = Stand()


def placed(said: Field, before: Stand, after: Stand) -> Field:
    """A field with where it is written. Of one node in one file only what is laid over it can be the cause."""
    same = before.span == after.span
    old, new = (it.of(said) or (it.only if same else None) for it in (before, after))
    return replace(said, before_at=old, after_at=new)


def is_standard(body: Body) -> bool:
    """Whether a body is that of a block of the standard library."""
    return body.block.startswith("std.")
