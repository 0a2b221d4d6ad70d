"""The names on both sides of a line of a map: `attention.{q,k}`, `layers.{i}`, `h.{i + 1}.(model.)?x`.

`{a,b}` is a set: one name for each element, those of both sides side by side. Braces without a comma hold an index: on
the left a name for the number that stands there, on the right arithmetic on such names. `(text)?` may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from graphspec import expressions as syntax
from graphspec.checkpoints.arithmetic import evaluate

MAX_NAMES = 256
_PART = re.compile(r"\{(?P<braces>[^{}]*)\}|\((?P<optional>[^(){}]+)\)\?|(?P<text>[^{}()?*\s]+)")
_VARIABLE = re.compile(r"[^\W\d]\w*")


class BadName(Exception):
    """A name that cannot be read: why, where in the text, and how to mend it."""

    def __init__(self, message: str, start: int, end: int, help: str = "") -> None:
        super().__init__(message)
        self.message, self.start, self.end, self.help = message, start, end, help


@dataclass(frozen=True, slots=True)
class Choice:
    """`{q,k,v}`."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """`{i}` or `{i + 1}`."""

    expression: syntax.Expression


@dataclass(frozen=True, slots=True)
class Maybe:
    """`(model.)?`."""

    text: str


Part = str | Choice | Index | Maybe


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is written, on either side."""

    parts: tuple[Part, ...]

    @property
    def choices(self) -> tuple[Choice, ...]:
        return tuple(part for part in self.parts if isinstance(part, Choice))

    def templates(self, picked: tuple[int, ...]) -> tuple[Template, ...]:
        """The names for one element of each set: those with optional parts before those without."""
        number = iter(picked)
        options: list[tuple[str | Index, ...]] = []
        for part in self.parts:
            match part:
                case Choice(items):
                    options.append((items[next(number)],))
                case Maybe(text):
                    options.append((text, ""))
                case _:
                    options.append((part,))
        return tuple(Template(tuple(pieces)) for pieces in product(*options))


@dataclass(frozen=True, slots=True)
class Template:
    """A name in a file, up to the indices that it depends on."""

    pieces: tuple[str | Index, ...]

    @property
    def variables(self) -> frozenset[str]:
        found = (syntax.names(piece.expression) for piece in self.pieces if isinstance(piece, Index))
        return frozenset(name.text for names in found for name in names)

    def fill(self, indices: Mapping[str, int]) -> str:
        """The name at these indices. Raises `ValueError`."""
        return "".join(str(evaluate(p.expression, indices)) if isinstance(p, Index) else p for p in self.pieces)


@dataclass(frozen=True, slots=True)
class Path:
    """The left side of a line for one element of each set: what each step of a path must be."""

    steps: tuple[str | Index, ...]

    def match(self, path: tuple[str | int, ...]) -> dict[str, int] | None:
        """The indices, if this is how `path` begins."""
        if len(self.steps) > len(path):
            return None
        found: dict[str, int] = {}
        for step, actual in zip(self.steps, path, strict=False):
            if isinstance(step, Index):
                if not isinstance(actual, int):
                    return None
                assert isinstance(step.expression, syntax.Name)
                found[step.expression.text] = actual
            elif step != str(actual):
                return None
        return found

    @property
    def literals(self) -> int:
        return sum(isinstance(step, str) for step in self.steps)

    def __str__(self) -> str:
        return ".".join(step if isinstance(step, str) else "{i}" for step in self.steps)


def parse_name(text: str) -> Name:
    """A name of either side. Raises `BadName`."""
    parts: list[Part] = []
    place = 0
    while place < len(text):
        found = _PART.match(text, place)
        if not found:
            help = "names hold letters, digits, `.`, sets `{a,b}`, indices `{i + 1}` and optional parts `(a.)?`"
            raise BadName(f"`{text[place]}` cannot stand here", place, place + 1, help)
        parts.append(_part(found))
        place = found.end()
    if not parts:
        raise BadName("a name is missing", 0, 1)
    counted = 1
    for part in parts:
        counted *= len(part.items) if isinstance(part, Choice) else 2 if isinstance(part, Maybe) else 1
    if counted > MAX_NAMES:
        raise BadName(f"this stands for {counted} names; the limit is {MAX_NAMES}", 0, len(text))
    return Name(tuple(parts))


def _part(found: re.Match[str]) -> Part:
    if (text := found["text"]) is not None:
        return text
    if (optional := found["optional"]) is not None:
        return Maybe(optional)
    inside = found["braces"]
    if "," in inside:
        return Choice(tuple(item.strip() for item in inside.split(",")))
    try:
        return Index(syntax.parse(inside))
    except syntax.ExpressionError as error:
        start = found.start() + 1
        raise BadName(error.message, start + error.start, start + error.end, error.help) from error


def paths(name: Name, text: str) -> Iterator[tuple[tuple[int, ...], Path]]:
    """The paths that a left side stands for, each with the element of each set. Raises `BadName`."""
    if any(isinstance(part, Maybe) for part in name.parts):
        raise BadName("an optional part stands only on the right", 0, len(text))
    for picked in product(*(range(len(choice.items)) for choice in name.choices)):
        (template,) = name.templates(picked)
        yield picked, Path(tuple(_steps(template, text)))


def _steps(template: Template, text: str) -> Iterator[str | Index]:
    """The pieces, cut at the dots; an index is a step of its own."""
    open_step: str | None = ""
    for piece in template.pieces:
        if isinstance(piece, Index):
            variable = piece.expression
            if open_step or not isinstance(variable, syntax.Name) or not _VARIABLE.fullmatch(variable.text):
                help = "write `layers.{i}`, and do the arithmetic on the right"
                raise BadName("an index on the left is a name that stands alone between dots", 0, len(text), help)
            yield piece
            open_step = None
            continue
        first, *rest = piece.split(".")
        if open_step is None and first:
            raise BadName("a dot must follow the index", 0, len(text))
        if open_step is None and not rest:
            continue
        for step in rest:
            if open_step is not None:
                yield _checked(open_step + first, text)
            open_step, first = "", step
        open_step = (open_step or "") + first
    if open_step is not None:
        yield _checked(open_step, text)


def _checked(step: str, text: str) -> str:
    if not step:
        raise BadName("there is nothing between two dots", 0, len(text))
    return step
