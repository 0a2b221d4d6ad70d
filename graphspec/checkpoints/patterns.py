"""`rearrange` patterns: how a tensor of a file lies in a tensor of the model.

`(part rows) m -> part rows m` reads: the file's tensor has two axes, the first of them made of `part` and `rows`; the
tensors of the set are its parts. An axis that only the left side has is an index of the line; `1` is an axis of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

Group = tuple[str, ...]
_TOKEN = re.compile(r"\s*(?:(?P<name>[^\W\d]\w*)|(?P<one>1\b)|(?P<sign>->|[()]))")


class BadPattern(Exception):
    """A pattern that cannot be read, or that does not fit: why, and how to mend it."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message, self.help = message, help


@dataclass(frozen=True, slots=True)
class Cut:
    """`length` places from `start` along one axis of a view."""

    axis: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tensor: view it so, cut, permute, and take it as the shape.

    The view's sizes are those of the whole tensor of the file; `None` at an index whose extent the others decide.
    """

    view: tuple[int | None, ...]
    groups: tuple[int, ...]
    cuts: tuple[Cut, ...]
    order: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def permuted(self) -> tuple[int, ...]:
        """The sizes after cutting and permuting."""
        lengths = list(self.view)
        for cut in self.cuts:
            lengths[cut.axis] = cut.length
        return tuple(lengths[axis] or 0 for axis in self.order)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`left -> right`, each a sequence of groups; `index` is the axis of the set's elements, first on the right."""

    text: str
    left: tuple[Group, ...]
    right: tuple[Group, ...]

    @property
    def index(self) -> str:
        return self.right[0][0]

    def without_index(self) -> tuple[Group, ...]:
        return self.right[1:]


def parse_pattern(text: str) -> Pattern:
    """Raises `BadPattern`."""
    before, arrow, after = text.partition("->")
    if not arrow or "->" in after:
        raise BadPattern("a pattern has two sides", "write `(part rows) m -> part rows m`")
    pattern = Pattern(text, _groups(before), _groups(after))
    left = [name for group in pattern.left for name in group]
    right = [name for group in pattern.right for name in group]
    for side in (left, right):
        twice = next((name for name in side if side.count(name) > 1), None)
        if twice:
            raise BadPattern(f"`{twice}` stands twice on one side")
    extra = next((name for name in right if name not in left), None)
    if extra:
        raise BadPattern(f"`{extra}` stands only on the right", "the right side has axes of the left one, in any order")
    return pattern


def _groups(text: str) -> tuple[Group, ...]:
    groups: list[Group] = []
    inside: list[str] | None = None
    place, text = 0, text.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found or ((found["sign"] == "(") == (inside is not None) and found["sign"]):
            raise BadPattern(f"`{text[place:].strip()[:1]}` cannot stand here", "axes are names; `( )` joins some")
        place = found.end()
        if found["sign"] == "(":
            inside = []
        elif found["sign"] == ")":
            groups.append(tuple(inside or ()))
            inside = None
        elif inside is None:
            groups.append(() if found["one"] else (found["name"],))
        elif found["name"]:
            inside.append(found["name"])
    if inside is not None:
        raise BadPattern("a parenthesis is not closed")
    return tuple(groups)


def whole(shape: Sequence[int]) -> Piece:
    """A tensor as it is."""
    axes = tuple(range(len(shape)))
    return Piece(tuple(shape), (1,) * len(axes), (), axes, tuple(shape))


def cut_out(
    pattern: Pattern,
    shape: Sequence[int],
    known: Mapping[str, int],
    picked: Mapping[str, int],
    siblings: Sequence[Sequence[int]] = (),
) -> Piece:
    """How a tensor of `shape` lies in the file's, by the pattern. Raises `BadPattern`.

    `known` are sizes by name, `picked` the places along axes that stand only on the left. `siblings` are the shapes of
    all the tensors of the set, in order; the set's axis is then the first one on the right.
    """
    right = pattern.without_index() if siblings else pattern.right
    left, right = _shortened(pattern.left, right, len(shape))
    if any(len(other) != len(shape) for other in siblings):
        raise BadPattern("the tensors of the set have different numbers of axes")
    sizes = _solve(right, shape, known)
    every = [_solve(right, other, known) for other in siblings]
    view, groups, cuts, axes = _view(left, sizes, picked, pattern.index if siblings else "", every)
    order = [axes[name] for group in right for name in group]
    rest = [cut.axis for cut in cuts if cut.axis not in order]
    return Piece(tuple(view), groups, tuple(cuts), (*rest, *order), tuple(shape))


def _shortened(
    left: tuple[Group, ...], right: tuple[Group, ...], rank: int
) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """The pattern for a tensor with fewer axes, such as a bias: without the last axes of the right side."""
    if rank > len(right):
        raise BadPattern(f"the tensor has {rank} axes, the right side only {len(right)}")
    dropped = {name for group in right[rank:] for name in group}
    kept = [(group, tuple(name for name in group if name not in dropped)) for group in left]
    return tuple(rest for group, rest in kept if rest or not group), right[:rank]


def _solve(groups: tuple[Group, ...], shape: Sequence[int], known: Mapping[str, int]) -> dict[str, int]:
    """The size of every axis on the right. Raises `BadPattern`."""
    sizes: dict[str, int] = {}
    for group, size in zip(groups, shape, strict=True):
        given = {name: known[name] for name in group if name in known}
        unknown = [name for name in group if name not in known]
        if len(unknown) > 1:
            listed = " and ".join(f"`{name}`" for name in unknown)
            raise BadPattern(f"the sizes of {listed} are not known", f"say one: `sizes: {{{unknown[0]}: …}}`")
        below = prod(given.values())
        if below < 1 or size % below or (not unknown and size != below):
            said = " × ".join(f"{name} {number}" for name, number in given.items()) or "nothing"
            raise BadPattern(f"({' '.join(group)}) is {size}, which {said} does not give")
        sizes |= given | ({unknown[0]: size // below} if unknown else {})
    return sizes


def _view(
    left: tuple[Group, ...],
    sizes: Mapping[str, int],
    picked: Mapping[str, int],
    index: str,
    every: Sequence[Mapping[str, int]],
) -> tuple[list[int | None], tuple[int, ...], list[Cut], dict[str, int]]:
    """The file's tensor axis by axis: sizes, how many axes each of its own is made of, cuts, places by name."""
    view: list[int | None] = []
    counts: list[int] = []
    cuts: list[Cut] = []
    axes: dict[str, int] = {}
    for group in left:
        before = len(view)
        names = iter(group)
        for name in names:
            if name == index:
                following = next(names, None)
                cuts.append(_part(len(view), following, every, picked[name]))
                view.append(sum(s[following] for s in every) if following else len(every))
                axes[following or name] = len(view) - 1
            elif name in sizes:
                axes[name] = len(view)
                view.append(sizes[name])
            elif name in picked:
                cuts.append(Cut(len(view), picked[name], 1))
                axes[name] = len(view)
                view.append(None)
            else:
                raise BadPattern(f"`{name}` stands only on the left", "it must be an index of the line: `layers.{i}`")
        counts.append(len(view) - before)
    _check_ragged(sizes, every, left, index)
    return view, tuple(counts), cuts, axes


def _part(axis: int, following: str | None, every: Sequence[Mapping[str, int]], pick: int) -> Cut:
    """Where one tensor of a set lies: a place along the set's axis, joined with the axis that follows it."""
    if following is None:
        return Cut(axis, pick, 1)
    return Cut(axis, sum(sizes[following] for sizes in every[:pick]), every[pick][following])


def _check_ragged(
    sizes: Mapping[str, int], every: Sequence[Mapping[str, int]], left: tuple[Group, ...], index: str
) -> None:
    """Only the axis that follows the set's may differ from tensor to tensor."""
    following = {after for group in left for name, after in pairwise(group) if name == index}
    for name in sizes:
        if name not in following and len({other[name] for other in every}) > 1:
            listed = ", ".join(str(other[name]) for other in every)
            help = f"only the axis behind `{index}` may: `({index} {name})`"
            raise BadPattern(f"the tensors of the set differ in `{name}` ({listed})", help)
