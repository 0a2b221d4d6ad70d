"""What surely is read, at all lengths: the flow of those hops alone whose relation is no mere bound.

Along a run-time axis they read whole intervals around the reader's own place, the whole axis, its first or its last
place. Such sets compose and join without adding a pair, so that here bounds are attained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphspec.analysis.flow import FlowAnalysis
from graphspec.analysis.matrices import Matrices
from graphspec.axes import Dim
from graphspec.flow import EVERYWHERE, Interval, Piece, Relation
from graphspec.masks import Adjacency, And, Causal, Documents, Everything, Keys, Mask, Or, Window
from graphspec.operators.flow_rules import Effect, Hop, Pairs, Use, ground
from graphspec.operators.mask_truth import Seen
from graphspec.operators.told import ALIKE


class SureFlow(FlowAnalysis):
    """A flow whose pairs are all read, where every entry that a mask reads is real, linked and of one document."""

    def _effect(self, use: Use, output: int) -> Effect:
        effect = super()._effect(use, output)
        hops = (_surely(hop, use, output) for hop in effect.hops) if effect.stated else ()
        return Effect(tuple(hop for hop in hops if hop), facts=effect.facts)

    def is_complete(self, relation: Relation, size: Dim) -> bool:
        """Whether every entry of an axis is read by every reader."""
        whole = Interval.first(ground(size, self.sizes))
        return any(item.relative == EVERYWHERE and item.absolute == whole for item in relation)


def _surely(hop: Hop, use: Use, output: int) -> Hop | None:
    """A hop without its guards, if every reader surely reads all of its relation."""
    pairs, made = dict(hop.pairs), [use.ground(size) for size in use.outputs[output].sizes]
    axes = tuple(tuple(replace(item, guards=frozenset()) for item in relation) for relation in hop.axes)
    for at, (relation, size) in enumerate(zip(axes, use.inputs[hop.port].sizes, strict=True)):
        certain = at not in hop.vague and (at not in pairs or _is_shown(pairs[at], use))
        if not certain or not _is_exact(relation, use.ground(size), made, use, output):
            return None
    return replace(hop, axes=axes, pairs=())


def _is_exact(relation: Relation, size: Dim, made: Sequence[Dim], use: Use, output: int) -> bool:
    if all(_is_fixed(item, size, made) for item in relation):
        number = size.constant
        at_sizes = Matrices(use.outputs[output], (), use.sizes, {}, ALIKE)
        return number is not None and at_sizes.coverage(relation, None, number)[1]
    return not any(item.control for item in relation) and all(_is_around(item, size, made) for item in relation)


def _is_fixed(item: Piece, size: Dim, made: Sequence[Dim]) -> bool:
    """Whether no length has to do with it."""
    ends = (item.relative.low, item.relative.high, item.absolute.low, item.absolute.high)
    sizes = [size, *(made[axis] for axis, _ in item.rates), *(end for end in ends if end is not None)]
    return not any(size.symbols for size in sizes)


def _is_around(item: Piece, size: Dim, made: Sequence[Dim]) -> bool:
    """Whether it is an interval around the reader's own place on an axis as long, the whole axis, or an end of it."""
    if item.rest is not None:
        return False
    if not item.rates:
        return item.relative == EVERYWHERE and item.absolute in (
            Interval.first(size), Interval.at(0), Interval.at(size - 1)
        )  # fmt: skip
    own = item.unit is not None and made[item.unit] == size and item.absolute == Interval.first(size)
    return own and item.relative.contains(Interval.at(0))


def _is_shown(pairs: Pairs, use: Use) -> bool:
    """Whether the keys that are seen are just those that the mask's relation says."""
    return isinstance(pairs, Seen) and pairs.least == 1 and _is_interval(pairs.mask, use)


def _is_interval(mask: Mask, use: Use) -> bool:
    """Whether the mask, where all that it reads is real, is an interval around the query's own place."""
    match mask:
        case And(left, right) | Or(left, right):
            return _is_interval(left, use) and _is_interval(right, use)
        case Window(left, right):
            return all(side is None or use.ground(side).at_least(0) for side in (left, right))
        case _:
            return isinstance(mask, Everything | Causal | Keys | Documents | Adjacency)
