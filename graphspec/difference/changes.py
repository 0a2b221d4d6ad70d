"""The difference of two models as a list of changes: each once, with the places where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from graphspec.diagnostics import Span
from graphspec.difference.bodies import BodyDifference, Comparison, Inside, Pair
from graphspec.difference.indices import Indices
from graphspec.difference.said import Field, written
from graphspec.difference.stands import NOWHERE, Stand, is_standard, placed
from graphspec.difference.units import Unit
from graphspec.graph import Body

Status = Literal["removed", "added", "changed", "renamed"]
_MOST_PLACES = 3


Path = tuple[str | Indices, ...]


def path_text(path: Path) -> str:
    """`layers.*.attention.q`."""
    return ".".join(map(str, path))


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a node, or the same one of several nodes of one body.

    `names` are the nodes in the body at `paths` (more of which are only counted); `was`: the earlier name of a node
    that has another one now; `says`: what was removed or added, as one would write it. `before` and `after` are where
    it stands in the user's files; what is within a block of the library stands where that block is used.
    """

    status: Status
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    more: int = 0
    was: str = ""
    fields: tuple[Field, ...] = ()
    says: str = ""
    before: Span | None = None
    after: Span | None = None

    def places(self) -> tuple[str, ...]:
        """`layers.*.attention.{q,k}` for each place that is kept."""
        name = self.names[0] if len(self.names) == 1 else f"{{{','.join(self.names)}}}"
        return tuple(path_text((*path, *filter(None, [name]))) for path in self.paths)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a pair of bodies stands, and where the innermost nodes around it do in the user's own files, by side."""

    path: Path
    before: Stand = NOWHERE
    after: Stand = NOWHERE


def changes(comparison: Comparison, whole: BodyDifference) -> tuple[Change, ...]:
    """Every change in a model, in the order of its nodes, those within a block after those of the block."""
    return tuple(_with_siblings(_merged(_Walk(comparison).changes(whole))))


class _Walk:
    """Goes through each pair of bodies once, wherever it stands first."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.places: dict[int, list[_Place]] = {}
        self.counts: dict[int, int] = {}
        self.done = set[int]()

    def changes(self, whole: BodyDifference) -> Iterator[Change]:
        order = list(reversed(_inner_first(whole, set())))
        self.places[id(whole)], self.counts[id(whole)] = [_Place(())], 1
        for difference in order:
            for pair in difference.pairs:
                for inside in _shown(pair):
                    self._placed(difference, pair, inside)
        fields = tuple(_given(whole))
        if fields:
            yield self._change("changed", whole, None, None, fields=fields)
        yield from self._of(whole)

    def _placed(self, around: BodyDifference, pair: Pair, inside: Inside) -> None:
        key = id(inside.difference)
        own = self.places.setdefault(key, [])
        joined = 0
        for place in self.places[id(around)]:
            step = (Indices(inside.indices, inside.count),) if inside.indexed else ()
            before, after = place.before.at(pair.before, around.before), place.after.at(pair.after, around.after)
            joined += _add(own, _Place((*place.path, pair.after.name, *step), before, after))
        self.counts[key] = self.counts.get(key, 0) + self.counts[id(around)] - joined
        del own[_MOST_PLACES:]

    def _of(self, difference: BodyDifference) -> Iterator[Change]:
        self.done.add(id(difference))
        following = _removed_after(difference)
        for unit in following.get("", []):
            yield self._removed(unit, difference)
        for name in _later_order(difference):
            pair = difference.by_after.get(name)
            if pair is None:
                yield self._added(next(unit for unit in difference.added if unit.name == name), difference)
                continue
            fields = (*pair.fields, *self._gives(pair))
            if fields or pair.renamed:
                status = "changed" if fields else "renamed"
                was = pair.before.name if pair.renamed else ""
                yield self._change(status, difference, pair.before, pair.after, was=was, fields=fields)
            for inside in _shown(pair):
                if id(inside.difference) not in self.done:
                    yield from self._of(inside.difference)
            for unit in following.get(pair.before.name, []):
                yield self._removed(unit, difference)

    def _gives(self, pair: Pair) -> Iterator[Field]:
        """Where the outputs of a block come from."""
        for inside in _shown(pair):
            if id(inside.difference) not in self.done:
                yield from _given(inside.difference)

    def _removed(self, unit: Unit, difference: BodyDifference) -> Change:
        says = written(unit.node, difference.before, self.comparison.sides.seen[0])
        return self._change("removed", difference, unit, None, says=says)

    def _added(self, unit: Unit, difference: BodyDifference) -> Change:
        says = written(unit.node, difference.after, self.comparison.sides.seen[1])
        return self._change("added", difference, None, unit, says=says)

    def _change(
        self,
        status: Status,
        difference: BodyDifference,
        old: Unit | None,
        new: Unit | None,
        *,
        was: str = "",
        fields: tuple[Field, ...] = (),
        says: str = "",
    ) -> Change:
        places, unit = self.places[id(difference)], new or old
        paths = tuple(place.path for place in places)
        before, after = places[0].before.at(old, difference.before), places[0].after.at(new, difference.after)
        told = tuple(placed(it, before, after) for it in fields)
        spans = before.span, after.span
        if unit is None:  # of the body itself
            spans = before.span or _body_place(difference.before), after.span or _body_place(difference.after)
        more = self.counts[id(difference)] - len(paths)
        return Change(status, paths, (unit.name if unit else "",), more, was, told, says, *spans)


def _add(places: list[_Place], place: _Place) -> bool:
    """One more place; or one of those that are there, at more indices: then True."""
    for at, other in enumerate(places):
        path = _joined(other.path, place.path)
        if path is not None:
            places[at] = replace(other, path=path)
            return True
    places.append(place)
    return False


def _given(difference: BodyDifference) -> Iterator[Field]:
    return (replace(field, name=f"gives {field.name}") for field in difference.outputs)


def _shown(pair: Pair) -> Iterator[Inside]:
    """The bodies within a node in which something is to be told; of another block, nothing."""
    return (inside for inside in pair.inside if inside.difference.differs and not pair.replaced)


def _inner_first(difference: BodyDifference, done: set[int]) -> list[BodyDifference]:
    done.add(id(difference))
    found: list[BodyDifference] = []
    for pair in difference.pairs:
        for inside in _shown(pair):
            if id(inside.difference) not in done:
                found += _inner_first(inside.difference, done)
    return [*found, difference]


def _later_order(difference: BodyDifference) -> Iterator[str]:
    known = {*difference.by_after, *(unit.name for unit in difference.added)}
    return (node.name for node in difference.after.nodes if node.name in known)


def _removed_after(difference: BodyDifference) -> dict[str, list[Unit]]:
    """What is no more, by the node before it that is still there."""
    gone = {unit.name: unit for unit in difference.removed}
    found: dict[str, list[Unit]] = {}
    last = ""
    for node in difference.before.nodes:
        if node.name in gone:
            found.setdefault(last, []).append(gone[node.name])
        elif node.name in difference.names:
            last = node.name
    return found


def _body_place(body: Body) -> Span | None:
    return None if is_standard(body) else body.span


# -- the same change at several indices, and of several nodes ----------------------------------------------------------


def _merged(found: Iterator[Change]) -> Iterator[Change]:
    """What happens in the same way in several turns is one change."""
    groups: dict[object, list[Change]] = {}
    for change in found:
        blank = tuple(tuple("*" if isinstance(step, Indices) else step for step in path) for path in change.paths)
        key = (change.status, blank, change.names, change.was, change.fields, change.says)
        group = groups.setdefault(key, [])
        joined = next((at for at, other in enumerate(group) if _join(other, change)), None)
        if joined is None:
            group.append(change)
        else:
            group[joined] = _join(group[joined], change) or change
    return (change for group in groups.values() for change in group)


def _join(left: Change, right: Change) -> Change | None:
    """One change instead of two whose paths differ in one list of indices."""
    paths = [_joined(a, b) for a, b in zip(left.paths, right.paths, strict=True)]
    known = tuple(path for path in paths if path is not None)
    return replace(left, paths=known) if len(known) == len(paths) else None


def _joined(left: Path, right: Path) -> Path | None:
    """One path for two that differ in one list of indices."""
    if len(left) != len(right):
        return None
    other = [at for at, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    a, b = (left[other[0]], right[other[0]]) if len(other) == 1 else ("", "")
    if not isinstance(a, Indices) or not isinstance(b, Indices):
        return None
    both = Indices(tuple(sorted({*a.own, *b.own})), a.count)
    return (*left[: other[0]], both, *left[other[0] + 1 :])


def _with_siblings(found: Iterator[Change]) -> Iterator[Change]:
    """What several nodes of one body say otherwise in the same way is one change."""
    groups: dict[object, Change] = {}
    for at, change in enumerate(found):
        alike = change.status == "changed" and not change.was
        key = (change.paths, change.fields) if alike else at
        if key in groups:
            groups[key] = replace(groups[key], names=(*groups[key].names, *change.names))
        else:
            groups[key] = change
    return iter(groups.values())
