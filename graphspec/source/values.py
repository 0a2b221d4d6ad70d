"""What a text holds: scalars, sequences and maps, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphspec.diagnostics import File, Span


@dataclass(frozen=True, slots=True)
class Scalar:
    text: str
    span: Span
    style: Literal["plain", "quoted", "block"]

    @property
    def absent(self) -> bool:
        """Whether nothing was written, as in `key:`; an empty text in quotes is something."""
        return not self.text and self.style == "plain"

    def part(self, start: int, end: int) -> Span:
        """Where the offsets `start` to `end` of the text stand; the whole scalar if YAML unfolded or unescaped it."""
        margin = 1 if self.style == "quoted" else 0
        width = self.span.end_column - self.span.column - 2 * margin
        verbatim = self.span.line == self.span.end_line and width == len(self.text)  # every escape is longer
        return self.span.part(margin + start, margin + end) if verbatim else self.span


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Map:
    entries: tuple[tuple[Scalar, Value], ...]
    span: Span

    def get(self, key: str) -> Value | None:
        return next((value for name, value in self.entries if name.text == key), None)

    def key(self, key: str) -> Scalar | None:
        return next((name for name, _ in self.entries if name.text == key), None)

    def keys(self) -> tuple[str, ...]:
        return tuple(name.text for name, _ in self.entries)


Value = Scalar | Sequence | Map
Pair = tuple[Value, Value]
"""A key and its value, before it is known that the key is a word."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file with its values; those of the `bases` that it extends are among them, with places of their own."""

    file: File
    root: Map
    bases: tuple[Path, ...] = ()
