"""The flow rule of attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from graphspec.axes import Axis, Dim, dim
from graphspec.flow import (
    NO_FACTS,
    Facts,
    Interval,
    Keys,
    Marks,
    Piece,
    Relation,
    along,
    at_most,
    join,
    piece,
    relation,
    whole,
)
from graphspec.masks import Atom, Causal, Chunk, Dilated, Documents, Everything, Mask, Prefix, Window, atoms, ports
from graphspec.operators.flow_rules import Effect, Hop, Pairs, Shown, Use
from graphspec.operators.mask_flow import Keyed, numbers_of
from graphspec.operators.mask_truth import Chooses, Flips, Seen
from graphspec.operators.told import Read

TENSORS = ("query", "key", "value")


@dataclass(frozen=True, slots=True)
class Attends:
    """Queries in their own place; keys and values where the mask may be true; what the mask reads where it can change
    the outcome. The second output, the weights, reads no values."""

    def effect(self, use: Use, output: int) -> Effect:
        at = _Attention(use, output)
        if not at.keyed.may(at.mask):
            return Effect()
        read = sorted((port for port in use.inputs if port != "value" or output == 0), key=lambda port: port != "value")
        return Effect(tuple(map(at.hop, read)), at.marks(), cancels=(("query", "key"),), shown=tuple(at.shown()))


@dataclass(frozen=True)
class _Attention:
    """One output of one use: where its axes are, and how each port is read."""

    use: Use
    output: int

    @property
    def mask(self) -> Mask:
        return self.use.get("mask")

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.use.outputs[self.output].axes

    @property
    def leading(self) -> int:
        return len(self.use.inputs["query"].axes) - 3

    @property
    def queries(self) -> int:
        """The place of the queries' axis in the output: before the heads, but after them in the weights."""
        return self.leading + self.output

    @property
    def heads(self) -> int:
        return self.leading + 1 - self.output

    @property
    def key_size(self) -> Dim:
        return self.use.inputs["key"].sizes[-3]

    @cached_property
    def keyed(self) -> Keyed:
        facts = {port: self.key_facts(port) for port in ports(self.mask)}
        size = self.use.ground(self.key_size)
        return Keyed(self.queries, size, self.use.ground, facts, self.use.padding)

    @cached_property
    def known(self) -> tuple[Read, ...]:
        """The tensors that the mask reads, with what is known of them."""
        return tuple(Read(port, self.key_place(port), self.keyed.facts[port]) for port in ports(self.mask))

    def key_facts(self, port: str) -> Facts:
        """The facts of a tensor along the keys, if it says the same to every query."""
        keys = self.key_place(port)
        others = [axis for at, axis in enumerate(self.use.inputs[port].axes) if at != keys]
        own = self.use.inputs["query"].axes[-3]
        if any(self.use.sizes.same(axis.size, own.size) for axis in others):
            return NO_FACTS
        return frozenset(fact for fact in self.use.facts.get(port, NO_FACTS) if fact.axis == keys)

    def key_place(self, port: str) -> int | None:
        """Where a tensor that the mask or the scores read has the keys' axis: primed, or the last of that size."""
        axes = self.use.inputs[port].axes
        primed = [at for at, axis in enumerate(axes) if axis.primed]
        equal = [at for at, axis in enumerate(axes) if self.use.sizes.same(axis.size, self.key_size)]
        return (primed or equal or [None])[-1]

    # -- hops ---------------------------------------------------------------------------------------------------------

    def hop(self, port: str) -> Hop:
        if port in TENSORS:
            return self.tensor(port)
        return self.data(port) if port in ports(self.mask) else self.scores(port)

    def tensor(self, port: str) -> Hop:
        """`… position head feature`: features of queries and keys are summed over, those of values kept."""
        position, head, feature = map(self.use.ground, self.use.inputs[port].sizes[-3:])
        rows = self.use.axes(port, [*range(self.leading), None, None, None])[:-3]
        along_positions = along(self.queries, position) if port == "query" else self.keyed.may(self.mask)
        features = along(self.leading + 2, feature) if port == "value" else whole(feature)
        pairs: Pairs = Seen(self.mask, self.queries, 1 if port == "value" else 2, self.known)
        if port == "query":
            pairs = Chooses(self.mask, self.queries, self.key_size, self.known)
        axes = (*rows, along_positions, self.group(head), features)
        why = f"as a {port}{'' if port == 'query' else self.masked}"
        return Hop(port, axes, ((self.leading, pairs),), why=why, weighs=port != "value")

    @property
    def masked(self) -> str:
        """The mask as a reader is told of it."""
        return ", no mask" if self.mask == Everything() else f", mask: {self.mask}"

    def group(self, head: Dim) -> Relation:
        """Query head `h` reads key head `h // r`, where `r` query heads share one."""
        queries = self.use.ground(self.use.inputs["query"].sizes[-2])
        if head == queries:
            return along(self.heads, head)
        shared, number = queries.rational({}), head.rational({})
        if not shared or not number:
            return whole(head)
        rate = number / shared
        return relation([piece({self.heads: rate}, Interval.of(dim(1) * rate - 1, 0), Interval.first(head))])

    def scores(self, port: str) -> Hop:
        """What is added to the scores: read where the mask may be true."""
        keys = self.key_place(port) if port == "bias" else None
        axes = list(self.aligned(port, keys))
        if keys is not None:
            axes[keys] = self.keyed.may(self.mask)
        pairs = ((keys, Seen(self.mask, self.queries, 2, self.known)),) if keys is not None else ()
        return Hop(port, tuple(axes), pairs, why="through the scores", weighs=True)

    def data(self, port: str) -> Hop:
        """What the mask reads: the keys' entries where they matter, and for documents the query's own too."""
        keys = self.key_place(port)
        axes = list(self.aligned(port, keys))
        read = [atom for atom in dict.fromkeys(atoms(self.mask)) if _port(atom) == port]
        pairs: tuple[tuple[int, Pairs], ...] = ()
        if keys is not None:
            axes[keys] = join(p for atom in read for p in self.atom(atom, keys, port))
            pairs = ((keys, Flips(self.mask, read[0], self.queries, self.known)),)
        control = tuple(tuple(replace(p, control=True) for p in axis) for axis in axes)
        vague = frozenset({keys} if keys is not None and len(read) > 1 else ())
        return Hop(port, control, pairs, vague, "through the mask", weighs=True)

    def atom(self, atom: Atom, keys: int, port: str) -> Iterator[Piece]:
        yield from self.keyed.sens(atom, self.mask)
        if isinstance(atom, Documents):
            yield from along(self.queries, self.use.ground(self.use.inputs[port].sizes[keys]))

    def aligned(self, port: str, keys: int | None) -> Sequence[Relation]:
        """The axes of a tensor beside the keys', matched with the output's by name."""
        from graphspec.operators.pointwise import aligned

        given = self.use.inputs[port].axes
        rest = [at for at in range(len(given)) if at != keys]
        own = self.axes[: self.leading + 2]
        matched = aligned([Axis(given[at].size) for at in rest], own, self.use.sizes)
        places = {rest[found]: place for place, found in enumerate(matched) if found is not None}
        return self.use.axes(port, [places.get(at) for at in range(len(given))])

    def shown(self) -> Iterator[Shown]:
        """The keys that are seen, whatever they hold; but for those that are there at all lengths."""
        size = self.use.ground(self.key_size)
        least = size.substitute(dict.fromkeys(size.symbols, dim(0)))
        pieces = [item for item in self.keyed.may(self.mask) if not _ends_by(item.absolute, least - 1)]
        if not pieces:
            return
        guards = [{guard.tensor for guard in item.guards} for item in pieces]
        unless = frozenset(guards[0].intersection(*guards[1:]))
        before = all(item.unit == self.queries and _ends_by(item.relative, dim(0)) for item in pieces)
        places = tuple((port, self.leading) for port in ("key", "value"))
        for name in sorted(size.symbols):
            yield Shown(places, size, Keys(name, unless, before))

    # -- marks --------------------------------------------------------------------------------------------------------

    def marks(self) -> Marks:
        queries, keys = self.use.inputs["query"].sizes[-3], self.key_size
        names, kinds = self.use.names(queries, keys), {type(atom) for atom in atoms(self.mask)}
        features = self.use.names(*self.use.inputs["query"].sizes[-2:])
        return Marks(
            shifts=names if kinds & {Causal, Window, Dilated} else frozenset(),
            absolutes=names if kinds & {Prefix, Chunk} else frozenset(),
            lengths=self.use.lengths(*numbers_of(self.mask)),
            mixed=self.use.names(keys) | features,
        )


def _ends_by(interval: Interval, last: Dim) -> bool:
    return interval.high is not None and at_most(interval.high, last)


def _port(atom: Atom) -> str | None:
    """The port that an atom reads, if it reads one."""
    return next(iter(ports(atom)), None)
