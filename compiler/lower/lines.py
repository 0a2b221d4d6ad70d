"""Lines of generated code, laid out as ruff would lay them out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.lower.code import Code

WIDTH = 120
INDENT = "    "
NOTHING = Code("")


@dataclass(frozen=True, slots=True)
class Line:
    """`start` and an expression: `x = self.norm(y)`; a shape stands behind it as a comment.

    With a comment alone, it is a line of its own.

    `depth` counts the loops and conditions around it within its function.
    """

    start: str
    code: Code = NOTHING
    comment: str = ""
    depth: int = 0

    @property
    def text(self) -> str:
        return f"{self.start}{self.code}"

    def fits(self, indent: int) -> bool:
        """Whether it stays one line at this indentation."""
        return len(INDENT) * (indent + self.depth) + len(self.text) <= WIDTH

    def breaks_well(self, indent: int) -> bool:
        """Whether it is one line, or a call whose arguments stand on one line of their own."""
        if self.fits(indent) or self.code.call is None:
            return self.fits(indent)
        return len(INDENT) * (indent + self.depth + 1) + len(", ".join(self.code.call[1])) <= WIDTH

    def lay_out(self, indent: int) -> Iterator[str]:
        """The text as one line or several."""
        depth = indent + self.depth
        if not self.text:
            start = f"{INDENT * depth}# "
            yield from (start + part for part in textwrap.wrap(self.comment, WIDTH - len(start)))
            return
        if self.fits(indent) or self.code.call is None:
            yield _commented(INDENT * depth + self.text, self.comment)
            return
        before, arguments, after = self.code.call
        inner = INDENT * (depth + 1)
        yield f"{INDENT * depth}{self.start}{before}"
        together = inner + ", ".join(arguments)
        if len(together) <= WIDTH:
            yield together
        else:
            yield from (f"{inner}{argument}," for argument in arguments)
        yield _commented(f"{INDENT * depth}{after}", self.comment)


def _commented(text: str, comment: str) -> str:
    full = f"{text}  # {comment}"
    return full if comment and len(full) <= WIDTH else text


def lay_out(lines: Sequence[Line], indent: int) -> Iterator[str]:
    for line in lines:
        yield from line.lay_out(indent)
