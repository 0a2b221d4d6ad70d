"""`rearrange` patterns: how a tensor of a file lies in a tensor of the model.

`(part rows) m -> part rows m` reads: the file's tensor has two axes, the first of them made of `part` and `rows`; the
tensors of the set are its parts. An axis that only the left side has is an index of the line; `1` is an axis of one.
`+` joins stretches of an axis (`sums`): those that the right side lacks are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from graphspec.checkpoints.sums import SUM, BadPattern, Term, places, size_of, solved

Group = tuple[str, ...]
_TOKEN = re.compile(r"\s*(?:(?P<name>[^\W\d]\w*|\d+)|(?P<sign>[()+]))")


@dataclass(frozen=True, slots=True)
class Cut:
    """`length` places from `start` along one axis of a view."""

    axis: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Stretches:
    """Which places along an axis, counted after permuting, are taken, and in which order; of how many."""

    axis: int
    places: tuple[int, ...]
    total: int


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
    stretches: Stretches | None = None

    @property
    def permuted(self) -> tuple[int, ...]:
        """The sizes after cutting, permuting and choosing."""
        lengths = list(self.view)
        for cut in self.cuts:
            lengths[cut.axis] = cut.length
        found = [lengths[axis] or 0 for axis in self.order]
        if self.stretches:
            found[self.stretches.axis] = len(self.stretches.places)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`left -> right`, each a sequence of groups; `index` is the axis of the set's elements, first on the right."""

    text: str
    left: tuple[Group, ...]
    right: tuple[Group, ...]
    left_terms: tuple[Term, ...] = ()
    right_terms: tuple[Term, ...] = ()

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
    (left, left_terms), (right, right_terms) = _Side(before).read(), _Side(after).read()
    if left_terms and not right_terms:
        right, right_terms = _only_term(left_terms, right)
    pattern = Pattern(text, left, right, left_terms, right_terms)
    _check_names(pattern)
    return pattern


def _check_names(pattern: Pattern) -> None:
    sides = ((pattern.left, pattern.left_terms), (pattern.right, pattern.right_terms))
    left, right = (
        [name for group in (*groups, *terms) for name in group if name != SUM and not name.isdigit()]
        for groups, terms in sides
    )
    for side in (left, right):
        twice = next((name for name in side if side.count(name) > 1), None)
        if twice:
            raise BadPattern(f"`{twice}` stands twice on one side")
    extra = next((name for name in right if name not in left), None)
    if extra:
        raise BadPattern(f"`{extra}` stands only on the right", "the right side has axes of the left one, in any order")
    known = {frozenset(term) for term in pattern.left_terms}
    for term in pattern.right_terms:
        if frozenset(term) not in known:
            message = f"`{' '.join(term)}` is no stretch of the left side"
            raise BadPattern(message, "a stretch has the same axes on both sides, in any order")


def _only_term(terms: tuple[Term, ...], groups: tuple[Group, ...]) -> tuple[tuple[Group, ...], tuple[Term, ...]]:
    """A right side with one of the left side's stretches, as it is written without a sum."""
    for term in terms:
        for place, group in enumerate(groups):
            for start in range(len(group) - len(term) + 1):
                if set(group[start : start + len(term)]) == set(term):
                    joined = (*group[:start], SUM, *group[start + len(term) :])
                    return (*groups[:place], joined, *groups[place + 1 :]), (group[start : start + len(term)],)
    raise BadPattern("the right side has none of the stretches", "write those that are taken: `(2 + rows) m -> rows m`")


class _Side:
    """Reads one side of a pattern: its groups, and the stretches of the axis that is a sum."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text.strip(), 0
        self.terms: tuple[Term, ...] = ()

    def read(self) -> tuple[tuple[Group, ...], tuple[Term, ...]]:
        groups: list[Group] = []
        while (token := self.next()) is not None:
            if token == "(":
                groups.append(self.group())
            elif token in (")", "+") or (token.isdigit() and token != "1"):
                raise self.wrong(token)
            else:
                groups.append(() if token == "1" else (token,))
        return tuple(groups), self.terms

    def next(self) -> str | None:
        if self.place >= len(self.text):
            return None
        found = _TOKEN.match(self.text, self.place)
        if not found:
            raise self.wrong(self.text[self.place :].strip()[:1])
        self.place = found.end()
        return found["name"] or found["sign"]

    def group(self) -> Group:
        """What stands up to the closing parenthesis; a sum of stretches is the one name `+`."""
        terms: list[list[str]] = [[]]
        while (token := self.next()) != ")":
            if token is None:
                raise BadPattern("a parenthesis is not closed")
            if token == "+":
                terms.append([])
            elif token != "(":
                terms[-1].append(token)
            elif self.group() == (SUM,) and len(terms) == 1:
                terms[-1].append(SUM)
            else:
                raise self.wrong("(")
        if len(terms) == 1:
            return tuple(terms[0])
        if self.terms or not all(terms):
            raise self.wrong("+")
        self.terms = tuple(tuple(term) for term in terms)
        return (SUM,)

    def wrong(self, token: str) -> BadPattern:
        return BadPattern(
            f"`{token}` cannot stand here", "axes are names; `( )` joins some, `+` puts stretches in a row"
        )


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
    known = {**known, **_known_sum(pattern, known)}
    sizes = _solve(right, shape, known)
    every = [_solve(right, other, known) for other in siblings]
    chosen, total = _chosen(pattern, sizes.get(SUM), known)
    sizes |= {SUM: total} if SUM in sizes else {}
    view, groups, cuts, axes = _view(left, sizes, picked, pattern.index if siblings else "", every)
    order = [axes[name] for group in right for name in group]
    rest = [cut.axis for cut in cuts if cut.axis not in order]
    along = Stretches(len(rest) + order.index(axes[SUM]), chosen, total) if SUM in sizes else None
    return Piece(tuple(view), groups, tuple(cuts), (*rest, *order), tuple(shape), along)


def _known_sum(pattern: Pattern, known: Mapping[str, int]) -> dict[str, int]:
    """What the model's stretches come to, where all their sizes are known."""
    sizes = [[size_of(name, known) for name in term] for term in pattern.right_terms]
    if not sizes or any(size is None for term in sizes for size in term):
        return {}
    return {SUM: sum(prod(size or 0 for size in term) for term in sizes)}


def _chosen(pattern: Pattern, size: int | None, known: Mapping[str, int]) -> tuple[tuple[int, ...], int]:
    """The places of the file along the stretches that the model takes, and how many places there are."""
    if size is None:
        return (), 0
    sizes = solved(pattern.right_terms, size, known)
    for name in (name for term in pattern.left_terms for name in term if name not in sizes):
        found = size_of(name, known)
        if found is None:
            raise BadPattern(f"the size of `{name}` is not known", f"say it: `sizes: {{{name}: …}}`")
        sizes[name] = found
    total = sum(prod(sizes[name] for name in term) for term in pattern.left_terms)
    return places(pattern.left_terms, pattern.right_terms, sizes), total


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
            listed = " and ".join("the stretches" if name == SUM else f"`{name}`" for name in unknown)
            first = next(name for name in unknown if name != SUM)
            raise BadPattern(f"the sizes of {listed} are not known", f"say one: `sizes: {{{first}: …}}`")
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
