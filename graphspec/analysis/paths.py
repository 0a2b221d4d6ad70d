"""The shortest path from an entry of a value to an entry of an input, in a graph replayed at small sizes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile

from graphspec.analysis.replay import Frame, Replay, resolved
from graphspec.analysis.words import offset
from graphspec.diagnostics import Span
from graphspec.graph import Node, Ref, Repeat
from graphspec.operators import Operator

Place = tuple[int, ...]
"""Indices along the followed axes of a value."""


@dataclass(frozen=True)
class Trail:
    """How to find a node: the nodes that one goes through, the outermost first; of a repeat also which turn, by the
    number of its run and its place in the pattern.

    `leaps`: whether the path goes to another place at this very node.
    """

    nodes: tuple[tuple[str, tuple[int, int] | None], ...]
    leaps: bool


@dataclass(frozen=True)
class Hop:
    """One step of a path: a node by its path in the spec, what it does, and from which entry to which it reads.

    What lies within a block of a library bears the name and the place of the block's node. Entries are indices along
    the axis that the path is about; empty where a value has no such axis. With a `letter` they are told from the entry
    `origin` of the value that the path starts from, which the letter stands for. `trails` lead to the nodes themselves,
    `source` is the input to which the path leads.
    """

    node: str
    does: str
    reader: Place
    read: Place
    span: Span
    why: str = ""
    certain: bool = True
    letter: str = ""
    origin: int = 0
    source: str = field(default="", compare=False)
    trails: tuple[Trail, ...] = field(default=(), compare=False, repr=False)

    @property
    def moves(self) -> bool:
        """Whether it leads to another place, so that the path would not be the same without it."""
        return self.reader != self.read

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        places = f", {self.entry(self.reader)} → {self.entry(self.read)}" if self.moves else ""
        return f"`{self.node}`: {self.does}{why}{places}"

    def entry(self, place: Place) -> str:
        """`[3]`, or `[t + 1]` where there is a letter."""
        words = (offset(self.letter, at - self.origin) if self.letter else str(at) for at in place)
        return f"[{', '.join(words)}]"


@dataclass(frozen=True)
class Level:
    """Within which turn of which node of a run a point is."""

    frame: Frame
    node: Node
    turn: int

    @property
    def inner(self) -> Frame:
        return self.frame.inner[self.node.name][self.turn]

    @property
    def place(self) -> tuple[int, int] | None:
        """In a repeat: which run the turn belongs to, and where in the run's pattern it stands."""
        places = self.frame.places.get(self.node.name)
        return places[self.turn] if places else None


@dataclass(frozen=True, eq=False)
class Point:
    """An entry of a value, and by which hop from which point it was reached."""

    levels: tuple[Level, ...]
    ref: Ref
    place: Place
    before: Point | None = None
    hop: Hop | None = None

    @property
    def key(self) -> tuple[tuple[tuple[str, int], ...], Ref, Place]:
        return (tuple((level.node.name, level.turn) for level in self.levels), self.ref, self.place)

    @property
    def hops(self) -> tuple[Hop, ...]:
        found: list[Hop] = []
        point: Point | None = self
        while point is not None:
            found += [point.hop] if point.hop else []
            point = point.before
        return _merged(reversed(found))


@dataclass(frozen=True)
class PathSearch:
    """The search for a path to the source's entry `column`; beyond the last, to whatever uses their number.

    With a `letter`, which stands for the entry `origin`, hops are told from there if all values on the path have the
    source's axis.
    """

    replay: Replay
    column: int
    letter: str = ""
    origin: int = 0

    def find(self, ref: Ref, place: Place) -> tuple[Hop, ...]:
        """The hops from an entry of a value of the model's own body."""
        start = Point((), resolved(self.replay.frame.body, ref), place)
        waiting, seen = deque([start]), {start.key}
        while waiting:
            point = waiting.popleft()
            end = self.end(point)
            if end is not None:
                return end if all(hop.letter for hop in end) else tuple(replace(hop, letter="") for hop in end)
            for following in self.following(point):
                if following.key not in seen:
                    seen.add(following.key)
                    waiting.append(following)
        return ()

    def frame(self, point: Point) -> Frame:
        return point.levels[-1].inner if point.levels else self.replay.frame

    def end(self, point: Point) -> tuple[Hop, ...] | None:
        """The whole path, if it ends here."""
        if not point.levels and point.ref == Ref(self.replay.setting.source, ""):
            return point.hops
        frame = self.frame(point)
        if self.column < self.replay.count or not frame.body.has_node(point.ref.name):
            return None
        node = frame.body.node(point.ref.name)
        if not isinstance(node.does, Operator):
            return None
        effect = self.replay.analysis.effect(node, frame.flow, _output(node, point.ref))
        uses = self.replay.uses_length(effect) and bool(frame.value(point.ref).reads[(*point.place, self.column)])
        return (*point.hops, self.hop(point, node, (), "its length", effect.stated)) if uses else None

    def following(self, point: Point) -> Iterator[Point]:
        """The points that this one reads and that lead to the column."""
        frame = self.frame(point)
        if not frame.body.has_node(point.ref.name):
            yield from self.outwards(point)
            return
        node = frame.body.node(point.ref.name)
        if isinstance(node.does, Operator):
            yield from self.through(point, frame, node)
        else:
            yield from self.inwards(point, frame, node)

    def through(self, point: Point, frame: Frame, node: Node) -> Iterator[Point]:
        """By the hops of an operator."""
        for step in self.replay.steps(node, frame, _output(node, point.ref)):
            ref = node.input(step.hop.port)
            assert ref is not None
            given = frame.value(ref)
            if step.claims(given, self.replay.setting.exact):
                certain = step.claims(given, True)
                for place in self.replay.np.argwhere(step.matrix[point.place] & given.reads[..., self.column]).tolist():
                    hop = self.hop(point, node, tuple(place), step.hop.why, certain)
                    hop = hop if self.is_along(frame, ref) else replace(hop, letter="")
                    yield Point(point.levels, resolved(frame.body, ref), tuple(place), point, hop)

    def inwards(self, point: Point, frame: Frame, node: Node) -> Iterator[Point]:
        """Into a block: its last turn; but if all turns are alike, as many of them as are needed."""
        if node.name not in frame.inner:  # no turns at all
            yield Point(point.levels, resolved(frame.body, node.inputs[0][1]), point.place, point)
            return
        output, turns = _output(node, point.ref), list(enumerate(frame.inner[node.name]))
        alike = isinstance(node.does, Repeat) and len(node.does.bodies) == 1
        for turn, inner in turns if alike or output else turns[-1:]:
            if inner.outputs[output].reads[(*point.place, self.column)]:
                ref = resolved(inner.body, inner.body.outputs[output][1])
                yield Point((*point.levels, Level(frame, node, turn)), ref, point.place, point)
                return

    def outwards(self, point: Point) -> Iterator[Point]:
        """From a block's input to what it is given: in a repeat, the first input comes from the turn before."""
        if not point.levels:
            return
        *outer, level = point.levels
        body, name = level.inner.body, point.ref.name
        if level.turn and isinstance(level.node.does, Repeat) and body.inputs[0].name == name:
            earlier = Level(level.frame, level.node, level.turn - 1)
            ref = earlier.inner.body.outputs[0][1]
            yield Point((*outer, earlier), resolved(earlier.inner.body, ref), point.place, point)
            return
        default = next(source.default for source in body.inputs if source.name == name)
        given = level.node.input(name) or (level.node.input(default) if isinstance(default, str) else None)
        if given is not None:
            yield Point(tuple(outer), resolved(level.frame.body, given), point.place, point)

    def hop(self, point: Point, node: Node, place: Place, why: str, certain: bool) -> Hop:
        assert isinstance(node.does, Operator)
        chain = [*(level.node for level in point.levels), node]
        own = list(takewhile(lambda item: item.span.file == chain[0].span.file, chain))
        path = ".".join(item.name.partition("~")[0] for item in own)
        levels = ((level.node.name, level.place) for level in point.levels)
        trail = Trail((*levels, (node.name, None)), leaps=point.place != place)
        source, span = self.replay.setting.source, own[-1].span
        named = self.letter, self.origin
        return Hop(path, node.does.op, point.place, place, span, why, certain, *named, source, trails=(trail,))

    def is_along(self, frame: Frame, ref: Ref) -> bool:
        """Whether a value is followed along the source's own axis and no other."""
        source, given = self.replay.setting, frame.body.type_of(ref)
        size = self.replay.analysis.graph.body.type_of(Ref(source.source, "")).sizes[source.axis]
        return all(given.sizes[at] == size for at in self.replay.followed(given))


def _output(node: Node, ref: Ref) -> int:
    return next(at for at, value in enumerate(node.outputs) if value.name == ref.output)


def _merged(hops: Iterable[Hop]) -> tuple[Hop, ...]:
    """Hops in a row that bear one name as one: it does what the hop did that moved, or was not certain."""
    merged: list[Hop] = []
    for hop in hops:
        last = merged[-1] if merged else None
        if last is None or last.node != hop.node:
            merged.append(hop)
            continue
        telling = hop if hop.moves or (not hop.certain and not last.moves) else last
        certain = last.certain and hop.certain
        trails = last.trails + hop.trails
        merged[-1] = replace(telling, reader=last.reader, read=hop.read, certain=certain, trails=trails)
    return tuple(merged)
