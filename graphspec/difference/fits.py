"""Many tensors in few lines: `layers.{0-31}.attention.{q,k,v}.weight  4096 × 4096`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from graphspec.analysis.cost import human
from graphspec.difference.indices import Indices
from graphspec.difference.weights import Fit, Path, path_text

_FEW = 4
"""So many tensors of a node that is gone or new are named; of more, only the node."""


def fit_lines(fits: Sequence[Fit]) -> Iterator[str]:
    """Tensors in lines; those that differ in one name alone share one, and so do those of a whole block."""
    rows: list[_Row] = []
    roots: dict[Path, list[Fit]] = {}
    for fit in fits:
        if fit.root:
            roots.setdefault(fit.path[: fit.root], []).append(fit)
        else:
            rows.append(_row(fit))
    for root, group in roots.items():
        if len(group) > _FEW:
            rows.append(_Row(root, root, _amount(group)))
        else:
            rows += map(_row, group)
    for place in (-1, -2):
        rows = list(_folded(rows, place))
    return map(str, rows)


@dataclass(frozen=True, slots=True)
class _Row:
    """Tensors before and after, and what is said of them."""

    before: Path
    after: Path
    said: str

    def __str__(self) -> str:
        names = dict.fromkeys([path_text(self.before), path_text(self.after)])
        return f"{' → '.join(names)}  {self.said}".rstrip()


def _row(fit: Fit) -> _Row:
    shapes = {"renamed": "", "gone": _shape(fit.shape_before), "new": _shape(fit.shape_after)}
    said = shapes.get(fit.status, f"{_shape(fit.shape_before)} → {_shape(fit.shape_after)}")
    return _Row(fit.before or fit.after, fit.after or fit.before, said)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "one number"


def _amount(group: Iterable[Fit]) -> str:
    fits = list(group)
    count, numbers = sum(fit.count for fit in fits), sum(fit.numbers for fit in fits)
    return f"{count:,} tensors, {human(numbers).replace('G', 'B')} numbers"


def _folded(rows: Sequence[_Row], place: int) -> Iterator[_Row]:
    """Rows that differ in the names at one place of their paths as one, the names in braces."""
    groups: dict[object, list[_Row]] = {}
    for at, row in enumerate(rows):
        paths = (row.before, row.after)
        foldable = all(len(path) >= -place and isinstance(path[place], str) for path in paths)
        blanks = tuple((path[:place], path[len(path) + place + 1 :]) for path in paths)
        groups.setdefault((blanks, row.said) if foldable else at, []).append(row)
    for group in groups.values():
        if len(group) == 1:
            yield group[0]
            continue
        before, after = ([row.before[place] for row in group], [row.after[place] for row in group])
        yield replace(group[0], before=_set(group[0].before, place, before), after=_set(group[0].after, place, after))


def _set(path: Path, place: int, names: Sequence[str | Indices]) -> Path:
    listed = ",".join(dict.fromkeys(map(str, names)))
    step = f"{{{listed}}}" if "," in listed else listed
    return (*path[:place], step, *path[len(path) + place + 1 :])
