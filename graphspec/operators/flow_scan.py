"""The flow rule of recurrences along an axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from graphspec.axes import Dim, dim
from graphspec.flow import Facts, Guard, Interval, Length, Marks, Relation, along, piece, relation
from graphspec.operators.flow_pointwise import places_in
from graphspec.operators.flow_rules import Effect, Hop, Use


@dataclass(frozen=True, slots=True)
class Scans:
    """All up to each place along the axis `over`, or from it on; a start shows at every place.

    A decay is read where something has been driven before. The edge tells from padding, unless that drives nothing.
    """

    def effect(self, use: Use, output: int) -> Effect:
        from graphspec.operators.shape import find_axis

        axis = find_axis(use.outputs[output], use.get("over"), use.sizes)
        size, started = use.outputs[output].sizes[axis], "start" in use.inputs
        quiet = _zero_along(use, "drive", axis)
        stops = bool(_zero_along(use, "decay", axis))
        reached = {"drive": _reach(use, axis, size), "decay": _guarded(_through(use, axis, size), _unheard(use, quiet))}
        hops = [_hop(use, port, axis, reached.get(port, ()), stops and port != "decay") for port in use.inputs]
        marks = _started(use, size) if started else _at_rest(use, size, quiet)
        return Effect(tuple(hops), marks | Marks(mixed=use.names(size)))


def _zero_along(use: Use, port: str, axis: int) -> Facts:
    """What is known of where a port is zero along the output's `axis`."""
    carried = use.carried(port, places_in(use, port, 0))
    return frozenset(fact for fact in carried if fact.kind == "real" and fact.axis == axis)


def _reach(use: Use, axis: int, size: Dim) -> Relation:
    length = use.ground(size)
    return along(axis, length, 0, None) if use.get("reverse") else along(axis, length, None, 0)


def _through(use: Use, axis: int, size: Dim) -> Relation:
    """The decays: without a start nothing comes through the first one."""
    if "start" in use.inputs:
        return _reach(use, axis, size)
    last = use.ground(size) - 1
    reach, there = Interval.of(None, 0), Interval(dim(1), last)
    if use.get("reverse"):
        reach, there = Interval.of(0, None), Interval(dim(0), last - 1)
    return relation([piece({axis: Fraction(1)}, reach, there)])


def _unheard(use: Use, quiet: Facts) -> frozenset[Guard]:
    """Where padding comes first and drives nothing, its decays have nothing to act upon."""
    first = "right" if use.get("reverse") else "left"
    if use.padding != first or "start" in use.inputs:
        return frozenset()
    return frozenset(Guard(fact.tensor, fact.offset) for fact in quiet)


def _guarded(reach: Relation, guards: frozenset[Guard]) -> Relation:
    return tuple(replace(item, guards=guards) for item in reach)


def _hop(use: Use, port: str, axis: int, reach: Relation, uncertain: bool) -> Hop:
    """Every axis of a port in the same place, but the scanned one as far as it reaches."""
    places = places_in(use, port, 0)
    same = use.axes(port, places)
    axes = tuple(reach if place == axis else own for place, own in zip(places, same, strict=True))
    return Hop(port, axes, vague=frozenset(range(len(axes))) if uncertain else frozenset())


def _at_rest(use: Use, size: Dim, quiet: Facts) -> Marks:
    """It starts at zero, which is no edge after padding that drives nothing."""
    counts = use.lengths(size, unless=[fact.tensor for fact in quiet])
    edge = Marks(edges=counts) if counts else Marks(absolutes=use.names(size))
    return edge | Marks(lengths=counts if use.get("reverse") else frozenset[Length]())


def _started(use: Use, size: Dim) -> Marks:
    """How far a place is from the start shows in what is left of it."""
    lengths = use.lengths(size) if use.get("reverse") else frozenset[Length]()
    return Marks(absolutes=use.names(size), lengths=lengths)
