"""Which tensors of a checkpoint of the earlier model fit the later one, by the spec's own names and their shapes.

Counted once for each pair of bodies: the layers of a repeat are one line with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from graphspec.axes import Dim
from graphspec.difference.bodies import BodyDifference, Comparison, Inside, Pair
from graphspec.difference.indices import Indices, listed
from graphspec.graph import Body, Call, Mixture, Node, Parameter, Repeat, inner_bodies
from graphspec.operators import Operator

FitStatus = Literal["kept", "renamed", "reshaped", "gone", "new"]
Path = tuple[str | Indices, ...]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """Tensors of one name but for the indices in it: their name and shape before and after, and how many they are.

    A renamed one has the place and the shape of the earlier one: its numbers fit under the new name. A reshaped one
    may have another name too. `root`: how many steps lead to the node that is gone or new as a whole.
    """

    status: FitStatus
    before: Path
    after: Path
    shape_before: Shape
    shape_after: Shape
    count: int = 1
    root: int = 0

    @property
    def path(self) -> Path:
        """The later name; of what is gone, the earlier one."""
        return self.after or self.before

    @property
    def numbers(self) -> int:
        """How many numbers they hold: of what is gone, before; else after."""
        return self.count * prod(self.shape_before if self.status == "gone" else self.shape_after)


@dataclass(frozen=True)
class Weights:
    """What becomes of a checkpoint."""

    fits: tuple[Fit, ...]

    def of(self, *statuses: FitStatus) -> tuple[Fit, ...]:
        return tuple(fit for fit in self.fits if fit.status in statuses)

    def count(self, *statuses: FitStatus) -> int:
        return sum(fit.count for fit in self.of(*statuses))

    def numbers(self, *statuses: FitStatus) -> int:
        return sum(fit.numbers for fit in self.of(*statuses))

    @property
    def load(self) -> bool:
        """Whether a checkpoint of the earlier model is one of the later model as it is."""
        return all(fit.status == "kept" for fit in self.fits)


def weights(comparison: Comparison, whole: BodyDifference) -> Weights:
    """The tensors of both models, matched by the nodes that they belong to."""
    return Weights(tuple(_merged(_Tensors(comparison).of(whole))))


def path_text(path: Path) -> str:
    """`layers.{0-31}.attention.q.weight`."""
    return ".".join(listed(step.own) if isinstance(step, Indices) else step for step in path)


class _Tensors:
    def __init__(self, comparison: Comparison) -> None:
        self.before, self.after = comparison.sides.costs
        self.known: dict[int, tuple[Fit, ...]] = {}
        self.sizes: dict[tuple[Dim, bool], int] = {}
        self.alone: dict[tuple[Body, FitStatus], tuple[Fit, ...]] = {}

    def of(self, difference: BodyDifference) -> tuple[Fit, ...]:
        if id(difference) not in self.known:
            self.known[id(difference)] = tuple(self._of(difference))
        return self.known[id(difference)]

    def _of(self, difference: BodyDifference) -> Iterator[Fit]:
        for pair in difference.pairs:
            yield from self._pair(pair)
        for unit in difference.removed:
            yield from _rooted(self._alone(unit.node, "gone", 0))
        for unit in difference.added:
            yield from _rooted(self._alone(unit.node, "new", 0))

    # -- of two nodes -------------------------------------------------------------------------------------------------

    def _pair(self, pair: Pair) -> Iterator[Fit]:
        old, new = pair.before.node, pair.after.node
        yield from self._own(old, new)
        for inside in pair.inside:
            before, after = _steps(old, inside), _steps(new, inside)
            for fit in self.of(inside.difference):
                yield _within(fit, before, after, len(inside.indices) or 1)
        for node, status in _sides(old, new):
            yield from _rooted(self._rest(node, status, pair.inside))

    def _rest(self, node: Node, status: FitStatus, inside: tuple[Inside, ...]) -> Iterator[Fit]:
        """The tensors of a block that stand at no index which the other has."""
        if not inside:
            yield from () if isinstance(node.does, Operator) else self._alone(node, status, 0)
        elif inside[0].indexed:
            yield from self._alone(node, status, inside[0].count)
        elif _is_indexed(node):
            yield from self._alone(node, status, 1)

    def _own(self, old: Node, new: Node) -> Iterator[Fit]:
        before, after = {t.name: t for t in old.tensors}, {t.name: t for t in new.tensors}
        for name in dict.fromkeys([*before, *after]):
            left, right = before.get(name), after.get(name)
            a, b = (old.name, *filter(None, [name])), (new.name, *filter(None, [name]))
            if left is None or right is None:
                continue
            shapes = self.shape(left, "gone"), self.shape(right, "new")
            status: FitStatus = "reshaped" if shapes[0] != shapes[1] else "kept" if a == b else "renamed"
            yield Fit(status, a, b, *shapes)
        yield from (self._fit(old.name, t, "gone") for t in old.tensors if t.name not in after)
        yield from (self._fit(new.name, t, "new") for t in new.tensors if t.name not in before)

    # -- of one node alone --------------------------------------------------------------------------------------------

    def _alone(self, node: Node, status: FitStatus, start: int) -> Iterator[Fit]:
        """The tensors of a node; of a repeat or a mixture, those from an index on; of others, all or none."""
        match node.does:
            case Mixture(body) as mixture if start < mixture.count:
                yield from self._indexed(node.name, body, status, tuple(range(start, mixture.count)), mixture.count)
            case Repeat(shared=False) as repeat:
                groups: dict[Body, list[int]] = {}
                for index, body in enumerate(repeat.turns()):
                    if index >= start:
                        groups.setdefault(body, []).append(index)
                for body, indices in groups.items():
                    yield from self._indexed(node.name, body, status, tuple(indices), repeat.count)
            case Call() | Repeat() if start == 0 and not isinstance(node.does, Mixture):
                for body in inner_bodies(node)[:1]:
                    yield from (_within(fit, (node.name,), (node.name,), 1) for fit in self._body(body, status))
            case _ if start == 0 and not isinstance(node.does, Mixture):
                yield from (self._fit(node.name, tensor, status) for tensor in node.tensors)
            case _:
                pass

    def _indexed(self, name: str, body: Body, status: FitStatus, own: tuple[int, ...], count: int) -> Iterator[Fit]:
        steps = (name, Indices(own, count))
        return (_within(fit, steps, steps, len(own)) for fit in self._body(body, status))

    def _body(self, body: Body, status: FitStatus) -> tuple[Fit, ...]:
        if (body, status) not in self.alone:
            self.alone[body, status] = tuple(fit for node in body.nodes for fit in self._alone(node, status, 0))
        return self.alone[body, status]

    def _fit(self, name: str, tensor: Parameter, status: FitStatus) -> Fit:
        path, shape = (name, *filter(None, [tensor.name])), self.shape(tensor, status)
        return Fit(status, path, (), shape, ()) if status == "gone" else Fit(status, (), path, (), shape)

    def shape(self, tensor: Parameter, status: FitStatus) -> Shape:
        return tuple(self.size(size, status == "gone") for size in tensor.shape)

    def size(self, size: Dim, earlier: bool) -> int:
        if (size, earlier) not in self.sizes:
            self.sizes[size, earlier] = (self.before if earlier else self.after).number(size)
        return self.sizes[size, earlier]


def _sides(old: Node, new: Node) -> tuple[tuple[Node, FitStatus], tuple[Node, FitStatus]]:
    return (old, "gone"), (new, "new")


def _is_indexed(node: Node) -> bool:
    return isinstance(node.does, Mixture) or (isinstance(node.does, Repeat) and not node.does.shared)


def _steps(node: Node, inside: Inside) -> Path:
    if inside.indexed:
        return node.name, Indices(inside.indices, inside.count)
    return (node.name, Indices((0,), 1)) if _is_indexed(node) else (node.name,)


def _within(fit: Fit, before: Path, after: Path, times: int) -> Fit:
    """The tensors of a body as those of the body around it; what was kept there has another name if the path has."""
    old, new = (*before, *fit.before) if fit.before else (), (*after, *fit.after) if fit.after else ()
    status = "renamed" if fit.status == "kept" and before != after else fit.status
    root = fit.root + len(before) if fit.root else 0
    return replace(fit, status=status, before=old, after=new, count=fit.count * times, root=root)


def _rooted(fits: Iterator[Fit]) -> Iterator[Fit]:
    """Tensors of a node that is gone or new as a whole."""
    return (replace(fit, root=_root(fit.path)) for fit in fits)


def _root(path: Path) -> int:
    return 2 if len(path) > 1 and isinstance(path[1], Indices) else 1


def _merged(found: tuple[Fit, ...]) -> Iterator[Fit]:
    """Tensors that differ in the turns alone are one line."""
    groups: dict[object, Fit] = {}
    for fit in found:
        blank = tuple(tuple("*" if isinstance(s, Indices) else s for s in path) for path in (fit.before, fit.after))
        key = (fit.status, blank, fit.shape_before, fit.shape_after, sum(isinstance(s, Indices) for s in fit.before))
        other = groups.get(key)
        joined = _joined(other, fit) if other else fit
        if joined is None:
            groups[fit] = fit
        else:
            groups[key] = joined
    return iter(groups.values())


def _joined(left: Fit, right: Fit) -> Fit | None:
    """One line for two, if their indices differ at one place."""
    before, after = _joined_path(left.before, right.before), _joined_path(left.after, right.after)
    if before is None or after is None:
        return None
    return replace(left, before=before, after=after, count=left.count + right.count)


def _joined_path(left: Path, right: Path) -> Path | None:
    other = [at for at, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    if len(other) > 1:
        return None
    merged: list[str | Indices] = list(left)
    for at in other:
        a, b = left[at], right[at]
        assert isinstance(a, Indices) and isinstance(b, Indices), "paths differ in indices alone"
        merged[at] = Indices(tuple(sorted({*a.own, *b.own})), a.count)
    return tuple(merged)
