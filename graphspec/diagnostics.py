"""Problems as values, and the one reporter that prints them.

Every stage returns what it made together with the diagnostics it found; nothing is raised until the public
boundary, where `SpecError` carries them all.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class File:
    """A text with the name under which the user knows it."""

    name: str
    text: str = field(compare=False, repr=False)

    def line(self, number: int) -> str:
        """The text of line `number`, counted from 1."""
        lines = self.text.split("\n")
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """Where something stands. Lines and columns count from 1; the end is exclusive."""

    file: File
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}:{self.column}"

    def part(self, start: int, end: int) -> Span:
        """The columns `start` to `end` (offsets) of a span that lies within one line."""
        return Span(self.file, self.line, self.column + start, self.line, self.column + max(end, start + 1))


@dataclass(frozen=True, slots=True)
class Note:
    """A further fact, with the place it is about."""

    message: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: what is wrong, where, and how to mend it.

    `message` is lower case without a full stop, `label` stands beside the carets, the fix stands only in `help`.
    """

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    notes: tuple[Note, ...] = ()
    help: str = ""
    severity: Severity = "error"


class SpecError(Exception):
    """Raised at the public boundary with every problem found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(format_text(self.diagnostics))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Diagnostic, ...]]]:
        return (SpecError, (self.diagnostics,))


class Report:
    """Collects the diagnostics of one stage."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}

    def error(
        self, code: str, message: str, span: Span | None, *, label: str = "", notes: Iterable[Note] = (), help: str = ""
    ) -> None:
        self.add(Diagnostic(code, message, span, label, tuple(notes), help))

    def warning(
        self, code: str, message: str, span: Span | None, *, label: str = "", notes: Iterable[Note] = (), help: str = ""
    ) -> None:
        self.add(Diagnostic(code, message, span, label, tuple(notes), help, "warning"))

    def add(self, *diagnostics: Diagnostic) -> None:
        """Keep each once: a block used in two places reports its fault once."""
        for diagnostic in diagnostics:
            self._found.setdefault(diagnostic)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return tuple(sorted(self._found, key=_place))

    @property
    def failed(self) -> bool:
        return any(found.severity == "error" for found in self._found)

    def check(self) -> None:
        """Raise `SpecError` if an error was found."""
        if self.failed:
            raise SpecError(self.diagnostics)


def _place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return (span.file.name, span.line, span.column) if span else ("", 0, 0)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that `word` was probably meant to be."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def suggestion(word: str, known: Iterable[str], kind: str = "names") -> str:
    """A help line for an unknown name: the nearest known one, or all of them if they are few."""
    names = sorted(set(known))
    near = nearest(word, names)
    if near:
        return f"did you mean `{near}`?"
    if not names:
        return f"there are no {kind} here"
    listed = ", ".join(f"`{name}`" for name in names[:12])
    return f"known {kind}: {listed}" + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 input`, `2 inputs`; `plural` where it is not the noun with an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


# -- printing ---------------------------------------------------------------------------------------------------------

_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "note": "\x1b[1;36m"}
_BOLD, _BLUE, _RESET = "\x1b[1m", "\x1b[1;34m", "\x1b[0m"


class _Paint:
    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def __call__(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self.colour and text else text


def format_text(diagnostics: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """The report as people read it: message, place, the line with carets, notes, help."""
    paint = _Paint(colour)
    return "\n\n".join("\n".join(_lines(diagnostic, paint)) for diagnostic in diagnostics)


def format_json(diagnostics: Iterable[Diagnostic]) -> str:
    """The report as machines read it: a list of objects, places as file, line, column."""
    return json.dumps([as_dict(diagnostic) for diagnostic in diagnostics], indent=2, ensure_ascii=False)


def as_dict(diagnostic: Diagnostic) -> dict[str, Any]:
    """One diagnostic as plain data."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "span": _span_dict(diagnostic.span),
        "notes": [{"message": note.message, "span": _span_dict(note.span)} for note in diagnostic.notes],
        "help": diagnostic.help,
    }


def _span_dict(span: Span | None) -> Mapping[str, Any] | None:
    if span is None:
        return None
    return {
        "file": span.file.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _lines(diagnostic: Diagnostic, paint: _Paint) -> Iterator[str]:
    head = paint(_COLOURS[diagnostic.severity], f"{diagnostic.severity}[{diagnostic.code}]")
    yield f"{head}{paint(_BOLD, ': ' + diagnostic.message)}"
    width = len(str(diagnostic.span.line)) if diagnostic.span else 1
    if diagnostic.span:
        yield from _excerpt(diagnostic.span, diagnostic.label, width, paint)
    bar = " " * width + paint(_BLUE, " =")
    for note in diagnostic.notes:
        place = f" at {note.span}" if note.span else ""
        yield f"{bar} note: {note.message}{place}"
    if diagnostic.help:
        yield f"{bar} help: {diagnostic.help}"


def _excerpt(span: Span, label: str, width: int, paint: _Paint) -> Iterator[str]:
    pad = " " * width
    yield f"{pad}{paint(_BLUE, '-->')} {span}"
    text = span.file.line(span.line).replace("\t", " ").rstrip("\r")
    if not text.strip():
        return
    end = span.end_column if span.end_line == span.line else len(text) + 1
    start, text, end = _window(span.column, text, min(end, len(text) + 1))
    carets = "^" * max(1, end - start)
    yield f"{pad} {paint(_BLUE, '|')}"
    yield f"{paint(_BLUE, f'{span.line:>{width}} |')} {text}"
    marked = paint(_COLOURS["error"], carets) + (f" {label}" if label else "")
    yield f"{pad} {paint(_BLUE, '|')} {' ' * (start - 1)}{marked}"


def _window(start: int, text: str, end: int, limit: int = 160) -> tuple[int, str, int]:
    """Show at most `limit` characters of a very long line, around the carets."""
    if len(text) <= limit:
        return start, text, end
    left = max(0, start - 1 - limit // 3)
    shown = text[left : left + limit]
    return start - left, shown, min(end - left, len(shown) + 1)


def display_name(path: str | os.PathLike[str]) -> str:
    """A path as the user should read it: relative to the working directory where it lies below it."""
    text = os.fspath(path)
    relative = os.path.relpath(text)
    return text if relative.startswith("..") else relative
