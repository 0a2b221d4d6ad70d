"""Probes of contracts that bound what is read along an axis: causality, reach, use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from compiler.verify.laws import Law, Stay
from compiler.verify.poison import shows_everything
from compiler.verify.scene import Probe, Scene, Skip, Steps
from graphspec.axes import Dim
from graphspec.graph import Input

PLACES = 3
"""How many positions are probed in one draw, of those where there is something to probe."""


@dataclass(frozen=True)
class Pair:
    """An output and an input along corresponding axes; `stride` positions of the input for one of the output."""

    scene: Scene
    output: str
    source: Input
    axis: int
    made: Dim
    stride: float

    @staticmethod
    def of(scene: Scene) -> Pair:
        output, ref, source, place, axis = scene.reading.pair()
        made, size = scene.reading.type_of(ref).sizes[place], source.type.sizes[axis]
        stated, name = scene.reading.contract.get("at"), scene.name(size)
        stride = float(stated) if isinstance(stated, int) else 1.0
        if not isinstance(stated, int) and made != size and name:
            slope = scene.slope(made, name)
            stride = 1 / slope if slope else 1.0
        return Pair(scene, output, source, axis, made, stride)

    @property
    def size(self) -> Dim:
        return self.source.type.sizes[self.axis]

    def grid(self) -> tuple[Tensor, Tensor]:
        """The indices of the output in a column, those of the input in a row."""
        count = self.scene.length(self.made), self.scene.length(self.size)
        return torch.arange(count[0])[:, None], torch.arange(count[1])

    def entries(self, where: Tensor) -> Tensor:
        """Positions as entries of the input."""
        return where.view([-1 if at == self.axis else 1 for at in range(len(self.source.type.axes))])

    def changed(self, where: Tensor, what: str, *stays: Stay, moves: bool = False, poison: bool = False) -> Probe:
        """Other contents of the input at some positions."""
        entries = self.entries(where)
        after = self.scene.replaced(lambda it: entries if it.name == self.source.name else None, poison=poison)
        return Probe(what, self.scene.inputs, after, (("", Law(stays=stays)),), moves=moves)


def causal(scene: Scene) -> Steps:
    pair, shift = Pair.of(scene), scene.reading.number("shift")
    i, j = pair.grid()
    forbidden = j > pair.stride * i + max(0.0, pair.stride - 1) + shift
    yield from _unread(pair, forbidden, torch.arange(len(j))[:, None] + shift < torch.arange(len(j)))
    yield from _cut(pair, forbidden, shift, 1)


def prefix_causal(scene: Scene) -> Steps:
    pair, n = Pair.of(scene), scene.reading.number("n")
    i, j = pair.grid()
    forbidden = (j >= pair.stride * (i + 1)) & (j >= n)
    inner = torch.arange(len(j))
    yield from _unread(pair, forbidden, (inner > inner[:, None]) & (inner >= n))
    yield from _cut(pair, forbidden, 0, max(n, 1))


def reach(scene: Scene) -> Steps:
    pair = Pair.of(scene)
    left, right, prefix, least = (scene.reading.contract.get(it) for it in ("left", "right", "prefix", "at_least"))
    i, j = pair.grid()
    near = torch.full((len(i), len(j)), left is not None or right is not None)
    near &= torch.tensor(left is None) | (j >= i - int(left or 0))
    near &= torch.tensor(right is None) | (j <= i + int(right or 0))
    forbidden = ~near & (j >= int(prefix or 0))
    if not left is right is prefix is None:
        yield from _unread(pair, forbidden, forbidden if pair.made == pair.size else None)
    if least is not None:
        ahead = scene.reading.contract.get("side") == "right"
        yield from _far(replace(pair, scene=scene.opened()), int(least), ahead)


def _far(pair: Pair, least: int, ahead: bool) -> Steps:
    """What lies at a stated distance moves the last position, or the first."""
    i, j = pair.grid()
    last = len(i) - 1
    if least > last:
        yield Skip(f"no two positions are {least} apart at these lengths")
        return
    stay = Stay(pair.made, (pair.made,), torch.arange(len(i)) == (0 if ahead else last))
    where = "after the first position" if ahead else "before the last position"
    what = f"`{pair.source.name}` changed {least} or more {where}"
    yield pair.changed(j >= least if ahead else j <= last - least, what, stay, moves=True)


def uses(scene: Scene) -> Steps:
    reading, scene = scene.reading, scene.opened()
    ((name, ref),) = reading.outputs().items()
    (source,) = reading.inputs().values()
    if not scene.given(source):
        yield Skip(f"`{source.name}` is left out")
        return
    everywhere = torch.ones([1] * len(source.type.axes), dtype=torch.bool)
    if not reading.contract.get("all") or not source.type.axes:
        after = scene.replaced(lambda it: everywhere if it.name == source.name else None)
        yield Probe(f"`{source.name}` changed", scene.inputs, after, (("", Law(lacking=True)),), moves=True)
        return
    named = reading.axis()
    axis = reading.place(source.type, named) if named else next(iter(reading.positions(source.type)), 0)
    assert axis is not None, "the contract was judged"
    yield from _everything(Pair(scene, name, source, axis, source.type.sizes[axis], 1.0), reading.type_of(ref).sizes)


def _everything(pair: Pair, sizes: Iterable[Dim]) -> Steps:
    """Each position of the input moves each of the output."""
    places = range(pair.scene.length(pair.size))
    axis = str(pair.size)
    for j in places:
        what = f"`{pair.source.name}` changed at `{axis}` = {j}"
        probe = pair.changed(torch.arange(len(places)) == j, what, moves=True)
        claims = [(f" at `{axis}` = {i}", _only(pair.made, i, len(places))) for i in places]
        claims = claims if pair.made in sizes else [("", Law(lacking=True))]
        yield Probe(what, probe.before, probe.after, tuple(claims), moves=True)


def _only(axis: Dim, place: int, count: int) -> Law:
    return Law(stays=(Stay(axis, (axis,), torch.arange(count) == place),))


# -- what must not be read --------------------------------------------------------------------------------------------


def _unread(pair: Pair, forbidden: Tensor, inner: Tensor | None) -> Steps:
    """For some positions, all that they may not read is changed at once; `inner`: the same for values along the
    input's axis, if that is another."""
    readers = [int(i) for i in forbidden.any(1).nonzero()[:, 0]]
    if not readers:
        yield Skip("every position may read everything at these lengths")
        return
    for reader in _some(pair.scene, readers):
        changed = forbidden[reader]
        stays = [Stay(pair.made, (pair.made,), _free(forbidden, changed))]
        if inner is not None and pair.made != pair.size:
            stays.append(Stay(pair.size, (pair.size,), _free(inner, changed)))
        what = f"`{pair.source.name}` changed where `{pair.output}` at {reader} may not read it"
        yield pair.changed(changed, what, *stays)
        if pair.source.type.dtype == "float" and shows_everything(pair.scene.graph):
            yield pair.changed(changed, what.replace("changed", "poisoned with NaN"), *stays, poison=True)


def _free(forbidden: Tensor, changed: Tensor) -> Tensor:
    """The positions that may read nothing of what is changed."""
    return forbidden[:, changed].all(1)


def _some(scene: Scene, places: list[int]) -> list[int]:
    """The first, the last, and others by chance."""
    chosen = {places[0], places[-1]}
    while len(chosen) < min(PLACES, len(places)):
        chosen.add(places[scene.drawing.integer(0, len(places) - 1)])
    return sorted(chosen)


def _cut(pair: Pair, forbidden: Tensor, shift: int, least: int) -> Iterator[Probe | Skip]:
    """The prefix law: what a prefix alone gives is what the whole gives there."""
    scene, size = pair.scene, pair.size
    if not scene.name(size):
        yield Skip(f"`{size}` is fixed or made of other axes: no prefix of it can be taken alone")
        return
    other = scene.unpromised(size, {pair.source.name})
    if other:
        yield Skip(f"no prefix alone: `{other}` has the same axis, and that is not proved of it")
        return
    count = forbidden.shape[1]
    for stop in _some(scene, list(range(min(least, count - 1), count))) if count > 1 else ():
        kept, inner = int(forbidden[:, stop:].all(1).sum()), max(0, stop - max(0, shift))
        picks = {axis: (torch.arange(it), torch.arange(it)) for axis, it in ((size, inner), (pair.made, kept))}
        after = scene.picked(size, torch.arange(stop))
        yield Probe(f"only the first {stop} along `{size}`", scene.inputs, after, (("", Law(picks)),), reshapes=True)
