"""What an operator's flow rule consists of.

A rule turns one use of an operator into an `Effect`: for each input a `Hop`, which is a relation for each of its axes,
and what the output depends on beside the entries that it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from graphspec.axes import Dim, Number, Sizes, TensorType, dim
from graphspec.flow import (
    NO_FACTS,
    NO_MARKS,
    Fact,
    Facts,
    Keys,
    Length,
    Marks,
    Padding,
    Relation,
    along,
    whole,
)

if TYPE_CHECKING:
    from graphspec.operators.declare import Operator
    from graphspec.operators.told import Told


class Pairs(Protocol):
    """Which pairs really are read where the relation is only a bound: a matrix of truth values, readers by places.

    `size` gives the number that a size stands for; `told` is what tensors that the pairs depend on hold.
    """

    @property
    def reader(self) -> int:
        """The output's axis that the readers lie along."""
        ...

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any: ...


class Size(Protocol):
    def __call__(self, size: Dim, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Hop:
    """How one output reads one port: a relation for each axis of the port.

    `pairs`: for an axis whose relation is only a bound, the pairs that are really read; `vague`: the axes for which
    that is not known. `why` says for a reader what kind of reading it is, where that is not obvious. `weighs`: whether
    it only weighs the values that other hops read, which changes nothing where these are constants.
    """

    port: str
    axes: tuple[Relation, ...]
    pairs: tuple[tuple[int, Pairs], ...] = ()
    vague: frozenset[int] = frozenset()
    why: str = ""
    weighs: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Marks that count only if at least `least` of the values at `places` (port, axis) differ along those axes."""

    places: tuple[tuple[str, int], ...]
    least: int
    marks: Marks


@dataclass(frozen=True, slots=True)
class Turn:
    """Turned by angles that grow with the position along axes: absolute, unless the other side is turned alike."""

    angles: Operator
    axes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """Entries along an axis of `size`, shown at `places` (port, axis), that count by being there.

    `beyond`: the entries of the output, along one of its axes, that lie beyond the end `keys.until`.
    """

    places: tuple[tuple[str, int], ...]
    size: Dim
    keys: Keys
    beyond: Relation = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """All that one output of an operator depends on, and what is known of its values.

    `turned`: a turn that the output bears; `cancels`: pairs of ports whose equal turns leave only distances; `stated`:
    the operator has a rule, so that its marks are facts and not a lack of knowledge; `shown`: entries that count by
    being there; `unsure`: the lengths that are used need not show, as moves of entries may undo each other.
    """

    hops: tuple[Hop, ...] = ()
    marks: Marks = NO_MARKS
    facts: Facts = NO_FACTS
    choices: tuple[Choice, ...] = ()
    turned: Turn | None = None
    cancels: tuple[tuple[str, str], ...] = ()
    stated: bool = True
    shown: tuple[Shown, ...] = ()
    unsure: bool = False


class FlowRule(Protocol):
    """The flow of an operator, judged for training and for evaluation."""

    def effect(self, use: Use, output: int) -> Effect: ...


@dataclass(frozen=True)
class Use:
    """One use of an operator: what a rule may look at. All sizes that it makes are over run-time axes alone.

    `training`: whether the flow is asked for in training or in evaluation.
    """

    operator: Operator
    inputs: Mapping[str, TensorType]
    outputs: Sequence[TensorType]
    sizes: Sizes
    facts: Mapping[str, Facts] = field(default_factory=dict[str, Facts])
    padding: Padding = None
    training: bool = True

    def get(self, attribute: str) -> Any:
        return getattr(self.operator, attribute)

    def ground(self, size: Dim | int) -> Dim:
        """A size with the values of parameters put in."""
        return ground(dim(size), self.sizes)

    def names(self, *sizes: Dim) -> frozenset[str]:
        """What axes of these sizes go by in marks: the run-time axes in them, or the number."""
        return frozenset[str]().union(*(axis_names(size, self.sizes) for size in sizes))

    def lengths(self, *sizes: Dim, unless: Iterable[str] = ()) -> frozenset[Length]:
        """The marks of using these sizes as numbers: those known beforehand make none."""
        return frozenset(Length(name, frozenset(unless)) for size in sizes for name in self.ground(size).symbols)

    def place(self, port: str, axis: Dim) -> int:
        """Where a port has the named axis."""
        sizes = self.inputs[port].axes
        exact = [at for at, own in enumerate(sizes) if own.name == axis]
        return (exact or [at for at, own in enumerate(sizes) if self.sizes.same(own.size, axis) and not own.primed])[0]

    def axes(self, port: str, places: Sequence[int | None]) -> tuple[Relation, ...]:
        """Each axis of a port read in the same place along the output's axis `places[axis]`, or all of it if None."""
        sizes = map(self.ground, self.inputs[port].sizes)
        return tuple(
            whole(size) if place is None else along(place, size) for place, size in zip(places, sizes, strict=True)
        )

    def carried(self, port: str, places: Sequence[int | None], moved: Mapping[int, Dim] | None = None) -> Facts:
        """The facts of a port that hold of an output read from it at `places`, axes in `moved` at an offset."""
        moved = moved or {}
        found: set[Fact] = set()
        for fact in self.facts.get(port, NO_FACTS):
            place = places[fact.axis]
            if place is not None and not self._disturbs(port, fact, places, moved):
                found.add(replace(fact, axis=place, offset=fact.offset + moved.get(fact.axis, dim(0))))
        return frozenset(found)

    def _disturbs(self, port: str, fact: Fact, places: Sequence[int | None], moved: Mapping[int, Dim]) -> bool:
        """Whether an axis along which the rows of the fact's tensor lie is not kept as it is."""
        return any(
            (places[at] is None or at in moved) and at != fact.axis and self.names(size) & fact.rows
            for at, size in enumerate(self.inputs[port].sizes)
        )


@dataclass(frozen=True)
class FixedSizes(Sizes):
    """Sizes that change no more, so that what has been put into them once is kept."""

    grounded: dict[Dim, Dim] = field(default_factory=dict[Dim, Dim], compare=False, repr=False)
    named: dict[Dim, frozenset[str]] = field(default_factory=dict[Dim, frozenset[str]], compare=False, repr=False)


def ground(size: Dim, sizes: Sizes) -> Dim:
    """A size with derived axes and the values of parameters put in: only run-time axes are left."""
    if not isinstance(sizes, FixedSizes):
        return _ground(size, sizes)
    if size not in sizes.grounded:
        sizes.grounded[size] = _ground(size, sizes)
    return sizes.grounded[size]


def _ground(size: Dim, sizes: Sizes) -> Dim:
    whole_size = sizes.expand(size)
    return whole_size.substitute({name: dim(sizes.values[name]) for name in whole_size.symbols & sizes.values.keys()})


def axis_names(size: Dim, sizes: Sizes) -> frozenset[str]:
    """What an axis of this size goes by in marks."""
    if not isinstance(sizes, FixedSizes):
        return _axis_names(size, sizes)
    if size not in sizes.named:
        sizes.named[size] = _axis_names(size, sizes)
    return sizes.named[size]


def _axis_names(size: Dim, sizes: Sizes) -> frozenset[str]:
    grounded = ground(size, sizes)
    return grounded.symbols or frozenset({str(grounded)})


def effect_of(use: Use, output: int) -> Effect:
    """The effect of one use of an operator: its rule's, and the lengths within its numbers."""
    effect = use.operator.flow.effect(use, output)
    lengths = use.lengths(*map(dim, sorted(_axes_in_numbers(use.operator))))
    return replace(effect, marks=effect.marks | Marks(lengths=lengths)) if lengths else effect


def _axes_in_numbers(value: Operator) -> set[str]:
    values: list[Any] = [getattr(value, attribute.name) for attribute in fields(value)]  # pyright: ignore[reportArgumentType]
    lists = [cast("tuple[Any, ...]", part) if isinstance(part, tuple) else (part,) for part in values]
    found: set[str] = set()
    for part in (part for parts in lists for part in parts):
        if isinstance(part, Number):
            found |= part.sizes
        elif hasattr(part, "attributes"):  # a record
            found |= _axes_in_numbers(part)
    return found


@dataclass(frozen=True, slots=True)
class Unknown:
    """No rule is stated: everything may depend on everything."""

    def effect(self, use: Use, output: int) -> Effect:
        hops = tuple(
            Hop(port, use.axes(port, [None] * len(given.axes)), vague=frozenset(range(len(given.axes))))
            for port, given in use.inputs.items()
        )
        sizes = [size for given in (*use.inputs.values(), *use.outputs) for size in given.sizes]
        names = use.names(*sizes)
        return Effect(hops, Marks(absolutes=names, lengths=use.lengths(*sizes), mixed=names), stated=False)
