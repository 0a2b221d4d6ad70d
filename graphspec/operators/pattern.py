"""Patterns of `rearrange`: `B (c n) d -> B c n d`, as text and as a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graphspec.axes import Dim, primed, product, unprimed

Part = Dim | str
"""What one name of a pattern stands for: a size, or a name of the pattern's own whose size the tensor gives."""

_TOKEN = re.compile(r"\.\.\.|[()]|[^\s()]+")


class PatternError(ValueError):
    """A pattern that means nothing: what is wrong, from where to where, and how to mend it."""

    def __init__(self, message: str, start: int, end: int, help: str = "") -> None:
        super().__init__(message)
        self.message, self.start, self.end, self.help = message, start, end, help


@dataclass(frozen=True, slots=True)
class Word:
    """A name or expression of a pattern, and where it stands."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Pattern:
    """The parts of each axis before, and which of them, by their number, make up each axis after.

    An axis without parts has one place. `leading`: both sides begin with any other axes, which stay. `turned`: the
    parts whose name gets a prime, or loses it. `new`: the parts that stand after alone, numbered on: the tensor is the
    same along them.
    """

    before: tuple[tuple[Part, ...], ...]
    after: tuple[tuple[int, ...], ...]
    leading: bool = False
    turned: tuple[int, ...] = ()
    new: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*(part for axis in self.before for part in axis), *self.new)

    def name_after(self, number: int) -> Part:
        """What a part is called after the arrow."""
        part = self.parts[number]
        if number not in self.turned:
            return part
        if isinstance(part, str):
            return _other(part)
        return primed(part) if unprimed(part) == part else unprimed(part)

    def __str__(self) -> str:
        start = ["..."] if self.leading else []
        before = [_axis_text(axis) for axis in self.before]
        after = [_axis_text([self.name_after(at) for at in axis]) for axis in self.after]
        return f"{' '.join(start + before)} -> {' '.join(start + after)}"


def _axis_text(parts: Sequence[Part]) -> str:
    words = [str(part) if isinstance(part, str) or part.is_atomic else f"({part})" for part in parts]
    return "1" if not words else words[0] if len(words) == 1 else f"({' '.join(words)})"


def parse_pattern(text: str, meaning: Callable[[Word], Part]) -> Pattern:
    """The pattern that a text holds; `meaning` says what each of its words stands for. Raises `PatternError`."""
    before, arrow, after = text.partition("->")
    if not arrow or "->" in after:
        raise PatternError("a pattern has two sides", 0, len(text), "write `before -> after`: `B (c n) d -> B c n d`")
    left, right = _side(before, 0), _side(after, len(before) + 2)
    if left.leading != right.leading:
        raise PatternError("`...` stands on one side only", 0, len(text), "begin both sides with `...`, or none")
    known = [word for axis in left.axes for word in axis]
    found = _numbered(known, [word for axis in right.axes for word in axis])
    numbers = tuple(tuple(found[word.text] for word in axis) for axis in right.axes)
    before = tuple(tuple(map(meaning, axis)) for axis in left.axes)
    turned = tuple(at for text, at in found.items() if at < len(known) and known[at].text != text)
    new = (word for axis in right.axes for word in axis if found[word.text] >= len(known))
    return Pattern(before, numbers, left.leading, turned, tuple(map(meaning, new)))


def _other(text: str) -> str:
    """The same name with a prime, or without it."""
    return text.removesuffix("'") if text.endswith("'") else f"{text}'"


def _numbered(before: Sequence[Word], after: Sequence[Word]) -> Mapping[str, int]:
    """Every word after, with the number of the same word before, or of the same but for a prime; new ones follow."""
    numbers: dict[str, int] = {}
    for word in before:
        if word.text in numbers:
            said = f"a: {word.text}, b: {word.text}" if word.text.isdecimal() else f"{word.text}_1: …"
            help = f"give each a name of its own, and say its size: `sizes: {{{said}}}`"
            raise PatternError(f"`{word.text}` stands twice", word.start, word.end, help)
        numbers[word.text] = len(numbers)
    found: dict[str, int] = {}
    for word in after:
        if word.text in found:
            help = "every axis is there once after the arrow"
            raise PatternError(f"`{word.text}` stands twice after `->`", word.start, word.end, help)
        found[word.text] = numbers.get(word.text, -1)
    turned = {text: _other(text) for text, number in found.items() if number < 0 and _other(text) in numbers}
    found |= {text: numbers[other] for text, other in turned.items() if other not in found}
    for word in before:
        if numbers[word.text] not in found.values():
            help = "`rearrange` keeps every axis; drop one with `reduce` or `select`"
            raise PatternError(f"`{word.text}` is gone after `->`", word.start, word.end, help)
    new = iter(range(len(before), len(before) + len(after)))
    return {text: next(new) if number < 0 else number for text, number in found.items()}


# -- words ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Side:
    leading: bool
    axes: list[list[Word]]


def _side(text: str, offset: int) -> _Side:
    tokens = [Word(match.group(), match.start() + offset) for match in _TOKEN.finditer(text)]
    leading = bool(tokens) and tokens[0].text == "..."
    axes = list(_axes(tokens[leading:], text, offset))
    return _Side(leading, axes)


def _axes(tokens: Sequence[Word], text: str, offset: int) -> Iterator[list[Word]]:
    """The words of each axis: one alone, those in parentheses together; `1` and `()` have none."""
    for group in _groups(tokens, len(text) + offset):
        if len(group) == 1:
            yield [] if group[0].text == "1" else [_checked(group[0])]
        else:
            yield _inside(group[1:-1], text, offset)


def _inside(tokens: Sequence[Word], text: str, offset: int) -> list[Word]:
    """The words within parentheses: one expression if it computes, else a product of words and expressions."""
    groups = list(_groups(tokens, len(text) + offset))
    if any(len(group) == 1 and not _is_name(group[0].text) for group in groups):
        return [_expression(tokens, text, offset)]
    return [_checked(g[0]) if len(g) == 1 else _expression(g[1:-1], text, offset) for g in groups]


def _expression(tokens: Sequence[Word], text: str, offset: int) -> Word:
    if not tokens:
        raise PatternError("`()` within parentheses says nothing", offset, offset + len(text))
    start = tokens[0].start
    return Word(" ".join(text[start - offset : tokens[-1].end - offset].split()), start)


def _checked(word: Word) -> Word:
    if word.text == "...":
        raise PatternError("`...` stands for the first axes", word.start, word.end, "put it first, on both sides")
    if not _is_name(word.text):
        help = f"write an expression in parentheses: `({word.text})`"
        raise PatternError(f"`{word.text}` is no name of an axis", word.start, word.end, help)
    return word


def _is_name(text: str) -> bool:
    """A name, primed or not, or a number."""
    return text.removesuffix("'").isidentifier() or text.isdigit()


def _groups(tokens: Sequence[Word], end: int) -> Iterator[list[Word]]:
    """Single tokens, and whole pairs of parentheses with what is in them."""
    group: list[Word] = []
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth < 0:
            raise PatternError("this parenthesis was never opened", token.start, token.end)
        group.append(token)
        if depth == 0:
            yield group
            group = []
    if depth:
        raise PatternError("a parenthesis is not closed", group[0].start, end)


# -- sizes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """A pattern upon one tensor: the sizes of all parts, those of each axis before and after by their numbers.

    Parts of no axis before are new: the tensor is the same along them.
    """

    sizes: tuple[Dim, ...]
    before: tuple[tuple[int, ...], ...]
    after: tuple[tuple[int, ...], ...]

    @property
    def new(self) -> tuple[int, ...]:
        return tuple(range(sum(map(len, self.before)), len(self.sizes)))

    def size(self, parts: Sequence[int]) -> Dim:
        return product(self.sizes[part] for part in parts)

    def joined(self) -> Layout:
        """The same with parts that stay side by side, on both sides of the arrow, as one."""
        kept = set(_neighbours(self.before)) & set(_neighbours(self.after))
        seconds = {second for _, second in kept}
        runs = [run for axis in self.before for run in _runs(axis, seconds)] + [[part] for part in self.new]
        number = {run[0]: at for at, run in enumerate(runs)}
        sides = [
            tuple(tuple(number[part] for part in axis if part in number) for axis in side)
            for side in (self.before, self.after)
        ]
        return Layout(tuple(self.size(run) for run in runs), sides[0], sides[1])


def _neighbours(side: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    for axis in side:
        yield from pairwise(axis)


def _runs(axis: Sequence[int], seconds: set[int]) -> list[list[int]]:
    """The parts of an axis, each with those that follow it and belong to it."""
    runs: list[list[int]] = []
    for part in axis:
        if part in seconds:
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs
