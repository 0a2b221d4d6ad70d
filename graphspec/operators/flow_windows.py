"""Flow rules of windows that slide along axes, and of norms over a batch or over groups of features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from graphspec.axes import Dim, dim
from graphspec.flow import NO_FACTS, Facts, Interval, Length, Marks, Relation, along, piece, relation, whole
from graphspec.operators.flow_mixing import kept
from graphspec.operators.flow_rules import Effect, Hop, Pairs, Size, Use

if TYPE_CHECKING:
    from graphspec.operators.told import Told
    from graphspec.operators.window import Window


@dataclass(frozen=True, slots=True)
class Taps:
    """The places that a window really reads, where it moves in steps or has gaps."""

    reader: int
    window: Window

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        import numpy as np

        own = self.window
        taps = np.arange(size(own.kernel)) * size(own.dilation) - size(own.left)
        read = np.arange(readers)[:, None, None] * size(own.stride) + taps[None, :, None]
        return (read == np.arange(places)[None, None, :]).any(axis=1)


@dataclass(frozen=True, slots=True)
class Groups:
    """The features of the reader's own group, of `count` equal ones."""

    reader: int
    count: Dim

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        import numpy as np

        count = size(self.count)
        group = np.arange(readers)[:, None] * count // readers
        return group == np.arange(places)[None, :] * count // places


@dataclass(frozen=True, slots=True)
class Slides:
    """Reads the window at each place, and along all other axes the same place.

    A weight that is given is read for the features that it makes.

    `groups`: the attribute that says into how many groups the features of the last axis are mixed, which makes them
    the learned mixture of a convolution; `bias`: the flag of a constant added to it. `zeros`: the property that says
    whether zeros come in beyond the ends; without one they do.
    """

    groups: str = ""
    bias: str = ""
    zeros: str = ""

    def effect(self, use: Use, output: int) -> Effect:
        port, given = "x", use.inputs["x"]
        windows = _moving(use)
        axes, pairs = list(use.axes(port, range(len(given.axes)))), dict[int, Pairs]()
        for window in windows:
            axes[window.place] = _slide(use, window)
            if use.ground(window.stride) != dim(1) or use.ground(window.dilation) != dim(1):
                pairs[window.place] = Taps(window.place, window)
        marks = self._marks(use, port, windows)
        mixes = bool(self.groups)
        if mixes:
            last, made = len(given.axes) - 1, use.outputs[output].sizes[-1]
            axes[last], grouped = _within_groups(use, last, given.sizes[-1], made, use.get(self.groups))
            pairs |= grouped
            marks |= Marks(absolutes=use.names(given.sizes[-1], made), mixed=use.names(given.sizes[-1]))
        hop = Hop(port, tuple(axes), tuple(sorted(pairs.items())))
        steady = all(use.ground(window.stride) == dim(1) for window in windows)
        hops = (hop, _weighing(use, len(given.axes) - 1)) if "weight" in use.inputs else (hop,)
        return Effect(hops, marks, self._facts(use, port, windows, mixes), unsure=steady)

    def _facts(self, use: Use, port: str, windows: Iterable[Window], mixes: bool) -> Facts:
        """A window of zeros gives zero, if no constant is added."""
        if self.bias and use.get(self.bias):
            return NO_FACTS
        lost = {window.place for window in windows} | ({len(use.inputs[port].axes) - 1} if mixes else set[int]())
        places = [None if at in lost else at for at in range(len(use.inputs[port].axes))]
        return kept(use.carried(port, places), "zeros")

    def _marks(self, use: Use, port: str, windows: Iterable[Window]) -> Marks:
        marks = Marks()
        for window in windows:
            names = use.names(window.size, window.count(use.sizes))
            marks |= Marks(mixed=names, shifts=names)
            if use.ground(window.stride) != dim(1):
                marks |= Marks(absolutes=names)
            unless = self._zero(use, port, window) if not self.zeros or use.get(self.zeros) else frozenset[str]()
            if not _is(use, window.left, 0) or not _is(use, window.right, 0):
                marks |= Marks(edges=frozenset(Length(name, unless) for name in names))
            if not _is(use, window.right, 0):
                marks |= Marks(lengths=use.lengths(window.size, unless=unless))
        return marks

    def _zero(self, use: Use, port: str, window: Window) -> frozenset[str]:
        """The tensors at whose padding the input is zero, as it is beyond the ends."""
        facts = use.facts.get(port, NO_FACTS)
        return frozenset(fact.tensor for fact in facts if fact.kind == "real" and fact.axis == window.place)


def _weighing(use: Use, features: int) -> Hop:
    """The matrices of a weight that is given, for each feature that they make."""
    return Hop("weight", use.axes("weight", [features, *[None] * (len(use.inputs["weight"].axes) - 1)]))


def _moving(use: Use) -> list[Window]:
    """The windows that do not just hold each place by itself."""
    given = use.inputs["x"]
    windows = cast("tuple[Window, ...]", use.get("windows")(given, use.sizes))
    alone = (dim(1), dim(1), dim(0), dim(0))
    return [w for w in windows if tuple(map(use.ground, (w.kernel, w.stride, w.left, w.right))) != alone]


def _is(use: Use, size: Dim, number: int) -> bool:
    return use.ground(size) == dim(number)


def _slide(use: Use, window: Window) -> Relation:
    """`ρ = stride, D = [−left, reach − left]`."""
    stride, left, reach, size = map(use.ground, (window.stride, window.left, window.reach, window.size))
    rate = Fraction(stride.constant or 1)
    return relation([piece({window.place: rate}, Interval(dim(0) - left, reach - left), Interval.first(size))])


def _within_groups(use: Use, last: int, size: Dim, made: Dim, groups: Dim) -> tuple[Relation, dict[int, Pairs]]:
    """The features of the own group: all if there is one group, the same one if each is a group of its own."""
    given, count = use.ground(size), use.ground(groups)
    if given == count == use.ground(made):
        return along(last, given), {}
    return whole(given), {} if count == dim(1) else {last: Groups(last, count)}


@dataclass(frozen=True, slots=True)
class NormalisesBatch:
    """In training reads all along every axis but the features; in evaluation each entry by itself."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        last, rest = len(given.axes) - 1, given.sizes[:-1]
        marks = Marks(absolutes=use.names(given.sizes[-1]))  # each feature has statistics of its own
        if use.training:
            marks |= Marks(lengths=use.lengths(*rest), mixed=use.names(*rest))
        places = [None if use.training and at < last else at for at in range(len(given.axes))]
        return Effect((Hop(port, use.axes(port, places)),), marks)


@dataclass(frozen=True, slots=True)
class NormalisesGroups:
    """Reads all along the axes `over` and within groups of features, of which each may have its own weight."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        last, features = len(given.axes) - 1, given.sizes[-1]
        spanned = cast("list[int]", use.get("places")(given, use.sizes))
        axes = list(use.axes(port, [None if at in spanned else at for at in range(len(given.axes))]))
        axes[last], pairs = _within_groups(use, last, features, features, use.get("groups"))
        sizes = [given.sizes[at] for at in spanned]
        marks = Marks(
            absolutes=frozenset(_told_apart(use, features)),
            lengths=use.lengths(*sizes),
            mixed=use.names(*sizes, features),
        )
        return Effect((Hop(port, tuple(axes), tuple(pairs.items())),), marks)


def _told_apart(use: Use, features: Dim) -> Iterator[str]:
    """Features that are not alike: those of different groups, or with weights of their own."""
    if use.ground(use.get("groups")) != dim(1) or use.get("weight") != "none" or use.get("bias"):
        yield from use.names(features)
