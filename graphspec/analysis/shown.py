"""Entries that count by being there: keys that a mask shows, parts that are joined.

Whoever sees them knows where their axis ends, unless they are known to be read just where they are shown: then what is
allowed of reading holds of them too. So each mark of shown entries bears the sources that cover them, and these are
followed through blocks and repeats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from graphspec.axes import Dim, Sizes, dim
from graphspec.flow import Covered, Interval, Keys, Marks, Piece, Relation
from graphspec.graph import Graph
from graphspec.operators.flow_rules import Shown, ground

Axes = tuple[Relation, ...]
"""A relation for each axis of an input; an input without axes has one as if it had an axis of 1."""

Reads = Mapping[str, Axes]
"""What a value reads of each source."""

Lengths = Mapping[tuple[str, int], frozenset[Dim]]
"""How long the axes of inputs of any body are, by the input's name and the axis."""


def lengths_of(graph: Graph, sizes: Sizes, carried: str) -> Lengths:
    """The lengths of a graph; `carried`: the name under which turns know their first input."""
    found: dict[tuple[str, int], frozenset[Dim]] = {}
    for body in graph.bodies():
        named = [*((source.name, source) for source in body.inputs), *((carried, own) for own in body.inputs[:1])]
        for name, source in named:
            for axis, size in enumerate(source.type.sizes or (dim(1),)):
                found[name, axis] = found.get((name, axis), frozenset()) | {ground(size, sizes)}
    return found


def shown(found: Iterable[Shown], given: Mapping[str, Reads], lengths: Lengths) -> Iterator[Keys]:
    """The marks of what an operator shows, with the sources that cover it; `given` is what its ports read."""
    for one in found:
        places = [(given[port], axis) for port, axis in one.places]
        yield replace(one.keys, covered=_covering(places, one.size, lengths))


def known_as(marks: Marks, old: str, new: str) -> Marks:
    """With another name for a source."""

    def named(keys: Keys) -> Keys:
        entries = ((new if name == old else name, axis, size, bare) for name, axis, size, bare in keys.covered)
        return replace(keys, covered=frozenset(entries))

    return replace(marks, shown=frozenset(map(named, marks.shown))) if marks.shown else marks


def passed(marks: Marks, given: Mapping[str, Reads], lengths: Lengths) -> Marks:
    """With what the inputs of a body read in place of these inputs."""

    def through(keys: Keys) -> Keys:
        found = {entry for entry in keys.covered if entry[0] not in given}
        for name, axis, size, bare in keys.covered:
            covering = _covering([(given[name], axis)], size, lengths) if name in given else ()
            found |= {(source, at, whole, bare and own) for source, at, whole, own in covering}
        return replace(keys, covered=frozenset(found))

    return replace(marks, shown=frozenset(map(through, marks.shown))) if marks.shown else marks


def _covering(places: Iterable[tuple[Reads, int]], size: Dim, lengths: Lengths) -> frozenset[Covered]:
    """The sources of which every entry along an axis of a value reads its own, with what is known of their sizes."""
    return frozenset(
        (source, at, item.absolute.high + 1, not item.guards)
        for reads, axis in places
        for source, axes in reads.items()
        for at, relation in enumerate(axes)
        for item in relation
        if item.absolute.high is not None
        and item.absolute.high + 1 in lengths[source, at]
        and _covers(item, axis, size - (item.absolute.high + 1))
    )


def _covers(item: Piece, axis: int, more: Dim) -> bool:
    """Whether the entry at each place reads the source's at that place, the ends of both being aligned.

    `more`: by how much the value's axis is longer than what is read of the source's.
    """
    if item.absolute.low != dim(0) or more.symbols:
        return False
    aligned = [dim(0) - more, *([dim(0)] if more.at_least(0) else [])]
    return not item.rates or (
        item.unit == axis and any(item.relative.contains(Interval.at(place)) for place in aligned)
    )
