"""Where a laid-out scene has a line through a box or a word, or two lines that look like one, and what must move."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from graphspec.render.across import Across
from graphspec.render.measure import LABEL
from graphspec.render.picture import joined
from graphspec.render.plan import Route

NEAR = 3.0
"""Heights that differ less look like one."""


class Conflicts:
    """What is in the way of the level pieces of lines."""

    def __init__(self, across: Across) -> None:
        self.across, self.plan, self.columns = across, across.plan, across.columns

    def found(self) -> Iterator[tuple[str, float]]:
        """Items that must stand higher, and how high: a horizontal piece would cross them, lie on another's, or run
        through a label."""
        level = [piece for route in self.plan.routes if route.form != "tie" for piece in self._level_pieces(route)]
        labelled = [route for route in self.plan.routes if route.labelled and route.wire.tail]
        for piece in level:
            yield from self._crossed(piece)
            if any(self._meets_label(piece, route) for route in labelled):
                yield piece.owner, self.plan.bottoms[piece.owner] + 6
        for one, other in _neighbours(level):
            if self._source(one) != self._source(other) and one.lies_on(other):
                later = max((one.owner, other.owner), key=lambda name: self.columns.place[name])
                yield later, self.plan.bottoms[later] + 6

    def _source(self, piece: _Piece) -> tuple[str, str]:
        """What a piece carries: the outputs of a container are several, those of other items leave as one."""
        wire = piece.route.wire
        return wire.tail, wire.out if wire.tail and self.plan.exit(wire) else ""

    def _level_pieces(self, route: Route) -> Iterator[_Piece]:
        """The horizontal pieces of a route outside of its ends, each with the item whose height decides about it."""
        entry = self.across.entry_point(route)
        way = joined(self.across.start(route)[-1:], self.across.turns(route, entry), (entry,))
        if route.form == "outside":
            way = ((entry[0] + route.side * 1e6, entry[1]), entry)
        turn = self.plan.turn(route)
        for (x0, y0), (x1, y1) in pairwise(way):
            if y0 == y1:
                arrives = (x1, y1) == entry or (route.form == "round" and y0 == turn)
                yield _Piece(
                    route, min(x0, x1), max(x0, x1), y0, arrives, route.wire.head if arrives else route.wire.tail
                )

    def _meets_label(self, piece: _Piece, route: Route) -> bool:
        """Whether a piece runs through the word above the end of a route (beside it, where the data flow right)."""
        x, y = self.across.entry_point(route)
        middle = x + route.side * LABEL / 2
        near = piece.left < middle + LABEL / 2 and piece.right > middle - LABEL / 2
        return near and piece.route.wire.head != route.wire.head and y + 2 < piece.y < y + LABEL - 6

    def _crossed(self, piece: _Piece) -> Iterator[tuple[str, float]]:
        wire = piece.route.wire
        for name in self._at_height(piece.y):
            kid, x = self.plan.kids[name], self.across.x(name)
            across = x - kid.left - 4 < piece.right and x + kid.right + 4 > piece.left
            along = self.plan.bottoms[name] - 4 < piece.y < self.plan.top(name) + 4
            if not across or not along or (piece.arrives and name == wire.head):
                continue
            if name != wire.tail:
                yield name, piece.y + 10
            elif piece.arrives and piece.route.form == "round":
                yield wire.head, self.plan.bottoms[wire.head] + self.plan.top(name) - piece.y + 10

    @cached_property
    def _from_below(self) -> list[tuple[float, int, str]]:
        """Where each item begins, from the lowest on."""
        return sorted((self.plan.bottoms[name], at, name) for at, name in enumerate(self.plan.kids))

    @cached_property
    def _highest(self) -> float:
        return max((kid.height for kid in self.plan.kids.values()), default=0.0)

    def _at_height(self, y: float) -> list[str]:
        """The items that may stand at a height, in their order."""
        low = bisect_left(self._from_below, (y - self._highest - 4,))
        high = bisect_left(self._from_below, (y + 4,))
        return [name for _, name in sorted((at, name) for _, at, name in self._from_below[low:high])]


def _neighbours(pieces: Sequence[_Piece]) -> list[tuple[_Piece, _Piece]]:
    """The pairs of pieces that are nearly at one height, in the order of the pieces."""
    order = sorted(range(len(pieces)), key=lambda at: pieces[at].y)
    pairs: list[tuple[int, int]] = []
    for place, at in enumerate(order):
        for later in range(place + 1, len(order)):
            other = order[later]
            if pieces[other].y - pieces[at].y >= NEAR:
                break
            pairs.append((min(at, other), max(at, other)))
    return [(pieces[one], pieces[other]) for one, other in sorted(pairs)]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A horizontal piece of a route; `owner` is the item whose height decides about it."""

    route: Route
    left: float
    right: float
    y: float
    arrives: bool
    owner: str

    def lies_on(self, other: _Piece) -> bool:
        """Whether both would look like one line, though they carry different values to different places."""
        if self.arrives and other.arrives and self.route.wire.head == other.route.wire.head:
            return False
        return abs(self.y - other.y) < NEAR and self.left < other.right and other.left < self.right
