"""Flow rules of operators that keep every entry in its place, or mix those along some axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from graphspec.axes import Dim
from graphspec.flow import NO_FACTS, Facts, Length, Marks, along
from graphspec.operators.flow_rules import Effect, FlowRule, Hop, Turn, Use

Keeps = Literal["values", "zeros", "nothing"]
"""What an operator keeps of the facts about its input: all of them, those of where it is zero, or nothing."""


def kept(facts: Facts, keeps: Keeps) -> Facts:
    return NO_FACTS if keeps == "nothing" else frozenset(f for f in facts if keeps == "values" or f.kind == "real")


@dataclass(frozen=True, slots=True)
class Identity:
    """Every entry from the same place of the input. Axes that the output has beside come last and are learned."""

    keeps: Keeps = "nothing"

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        places = range(len(given.axes))
        learned = use.names(*use.outputs[output].sizes[len(places) :])
        facts = kept(use.carried(port, places), self.keeps)
        return Effect((Hop(port, use.axes(port, places)),), Marks(absolutes=learned), facts)


@dataclass(frozen=True, slots=True)
class Constant:
    """Reads nothing, and differs from place to place: learned rows, positions by index."""

    def effect(self, use: Use, output: int) -> Effect:
        return Effect((), Marks(absolutes=use.names(*use.outputs[output].sizes)))


@dataclass(frozen=True, slots=True)
class Distances:
    """Reads nothing, and differs from pair to pair along the axis that the attribute `over` names by distance alone."""

    over: str

    def effect(self, use: Use, output: int) -> Effect:
        over = use.names(use.get(self.over))
        return Effect((), Marks(shifts=over, absolutes=use.names(*use.outputs[output].sizes) - over))


@dataclass(frozen=True, slots=True)
class Rows:
    """A row for each position: what a port of whole numbers says, or the index; from the attribute `offset` on."""

    offset: str = ""

    def effect(self, use: Use, output: int) -> Effect:
        base: FlowRule = Identity() if use.inputs else Constant()
        made = base.effect(use, output)
        lengths = use.lengths(use.get(self.offset)) if self.offset else frozenset[Length]()
        return replace(made, marks=made.marks | Marks(lengths=lengths))


@dataclass(frozen=True, slots=True)
class MixesLast:
    """A learned mixture along the last axis, the same everywhere else. A constant added to it is the flag `unless`."""

    unless: str

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        places = [*range(len(given.axes) - 1), None]
        facts = NO_FACTS if use.get(self.unless) else kept(use.carried(port, places), "zeros")
        names = use.names(given.sizes[-1])
        learned = names | use.names(use.outputs[output].sizes[-1])
        return Effect((Hop(port, use.axes(port, places)),), Marks(absolutes=learned, mixed=names), facts)


@dataclass(frozen=True, slots=True)
class MixesAlong:
    """Reads all along the axes that the attribute `over` names (the last one by default), symmetrically.

    `learned`: attributes that give each place a weight of its own unless false or none.
    """

    over: str
    learned: tuple[str, ...] = ()

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        over: Dim | tuple[Dim, ...] = use.get(self.over)
        named = (over,) if isinstance(over, Dim) else over
        mixed = {use.place(port, axis) for axis in named} or {len(given.axes) - 1}
        places = [None if at in mixed else at for at in range(len(given.axes))]
        sizes = [given.sizes[at] for at in sorted(mixed)]
        names = use.names(*sizes)
        weighted = any(use.get(attribute) not in (False, "none") for attribute in self.learned)
        marks = Marks(absolutes=names if weighted else frozenset(), lengths=use.lengths(*sizes), mixed=names)
        return Effect((Hop(port, use.axes(port, places)),), marks)


EXTREMES = ("max", "min")
"""What an entry more changes only if it is further out than the others: constants may be there already."""


@dataclass(frozen=True, slots=True)
class Reduces:
    """Reads all along the axis that the attribute `over` names, which disappears.

    A sum does not count what is zero; the place of a maximum is a matter of order.
    """

    over: str
    kind: str

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        at, kind = use.place(port, use.get(self.over)), use.get(self.kind)
        if use.get("cumulative"):
            return _accumulated(use, port, at, kind)
        places = [None if axis == at else axis - (axis > at) for axis in range(len(given.axes))]
        size = given.sizes[at]
        zero = [fact.tensor for fact in use.facts.get(port, NO_FACTS) if fact.kind == "real" and fact.axis == at]
        lengths = use.lengths(size, unless=zero if kind == "sum" else ())
        order = use.names(size) if kind == "argmax" else frozenset[str]()
        marks = Marks(frozenset(), order, lengths, use.names(size))
        return Effect((Hop(port, use.axes(port, places)),), marks, unsure=kind in EXTREMES)


def _accumulated(use: Use, port: str, at: int, kind: str) -> Effect:
    """All up to each place, or from it on. The edge tells from padding, unless this is a sum of what is zero there."""
    size, places = use.inputs[port].sizes[at], range(len(use.inputs[port].axes))
    names, backwards = use.names(size), use.get("reverse")
    axes = list(use.axes(port, places))
    axes[at] = along(at, use.ground(size), 0, None) if backwards else along(at, use.ground(size), None, 0)
    zero = [fact.tensor for fact in use.facts.get(port, NO_FACTS) if fact.kind == "real" and fact.axis == at]
    counts = use.lengths(size, unless=zero if kind == "sum" else ())
    edge = Marks(edges=counts) if kind == "sum" and counts else Marks(absolutes=names)
    lengths = counts if backwards else frozenset[Length]()
    return Effect((Hop(port, tuple(axes)),), edge | Marks(lengths=lengths, mixed=names), unsure=kind in EXTREMES)


@dataclass(frozen=True, slots=True)
class ReducesAll:
    """One number from everything."""

    def effect(self, use: Use, output: int) -> Effect:
        hops = tuple(Hop(port, use.axes(port, [None] * len(given.axes))) for port, given in use.inputs.items())
        sizes = [size for given in use.inputs.values() for size in given.sizes]
        return Effect(hops, Marks(lengths=use.lengths(*sizes), mixed=use.names(*sizes)))


@dataclass(frozen=True, slots=True)
class Turns:
    """Turns pairs along the last axis by angles that grow with the place along the third last, or with what the port
    `at` says there.

    The property `counts` says whether the angles depend on how many places there are.
    """

    def effect(self, use: Use, output: int) -> Effect:
        given = use.inputs["x"]
        last = len(given.axes) - 1
        hops = [Hop("x", use.axes("x", [*range(last), None]), vague=frozenset({last}))]
        if "at" in use.inputs:
            first = last - 1 - len(use.inputs["at"].axes)
            hops.append(Hop("at", use.axes("at", range(first, last - 1)), why="through the positions"))
        turn = None if "at" in use.inputs else Turn(use.operator, use.names(given.sizes[-3]))
        lengths = use.lengths(given.sizes[-3]) if use.get("counts") else frozenset[Length]()
        return Effect(tuple(hops), Marks(absolutes=use.names(given.sizes[-1]), lengths=lengths), turned=turn)
