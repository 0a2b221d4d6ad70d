"""Text → tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

MAX_LENGTH = 4096


class ExpressionError(Exception):
    """The text is no expression: what is wrong between the offsets `start` and `end`, and a hint."""

    def __init__(self, message: str, start: int, end: int, help: str = "") -> None:
        super().__init__(message)
        self.message, self.start, self.end, self.help = message, start, end, help


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a mark, between two offsets of the text; the last one is the `end`."""

    kind: OneOf["number", "name", "symbol", "end"]
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d]\w*(?:\.\w+)*)"
    r"|(?P<symbol>\.\.\.|\*\*|//|[<>=!]=|[-+*/%()<>&|~,='])"
)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text. Raises `ExpressionError`."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"expression of {len(text)} characters; the limit is {MAX_LENGTH}", 0, len(text))
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            raise ExpressionError(
                f"unexpected character `{text[place]}`", place, place + 1, _character_help(text[place])
            )
        place = found.end()
        if found.lastgroup != "space":
            yield Token(found.lastgroup, found.group(), found.start(), place)  # pyright: ignore[reportArgumentType]
    yield Token("end", "", len(text), len(text))


def _character_help(character: str) -> str:
    if character in "[]{}":
        return "write lists and maps as YAML values of their own"
    return "use `**` for powers" if character == "^" else ""
