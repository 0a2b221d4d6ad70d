"""What writers of YAML trip over, recognised by what the parser says and how the line looks."""

from __future__ import annotations

import re
from typing import Literal

import yaml

from graphspec.diagnostics import Diagnostic, File, Note, Span
from graphspec.source.values import Map, Pair, Scalar, Value

# -- expressions that YAML split --------------------------------------------------------------------------------------


def split_expression(map: Map, index: int) -> str | None:
    """The expression that YAML split at its commas, if the entry at `index` is a part of one.

    `{mask: window(left=3, right=2)}` has two entries, `mask: window(left=3` and `right=2)`; of either, the expression
    is `window(left=3, right=2)`.
    """
    parts = parts_of(map.entries, index)
    text = ", ".join(parts)
    return text if len(parts) > 1 and _open(text) <= 0 else None


def parts_of(pairs: tuple[Pair, ...], index: int, reach: int = 16) -> list[str]:
    """The text of the entry at `index`, with its neighbours' from where a parenthesis opens to where all are closed."""
    start = index
    while start > max(0, index - reach) and lone_text(pairs[start]):
        start -= 1
    parts: list[str] = []
    depth = 0
    for position, pair in enumerate(pairs[start : index + reach], start):
        part = lone_text(pair)
        if position > index and (depth <= 0 or not part):
            break
        if depth <= 0:
            parts, depth = [], 0
        parts.append(part or _plain(pair[1]))
        depth += _open(parts[-1])
    return parts


def lone_text(pair: Pair) -> str:
    """The text of a key without a value."""
    key, value = pair
    return _plain(key) if isinstance(value, Scalar) and value.absent else ""


def _plain(value: Value) -> str:
    return value.text if isinstance(value, Scalar) and value.style == "plain" else ""


def _open(text: str) -> int:
    return text.count("(") - text.count(")")


# -- syntax errors ----------------------------------------------------------------------------------------------------

_APOSTROPHE = "within single quotes an apostrophe is written twice: `''`"
_SIBLINGS = "siblings have the same indentation, and a key has a colon and a space: `key: value`"

# What the parser says; how the line looks there (`¦` being the place); whether to point where it went wrong (`here`)
# or where the part that it was reading begins (`start`); the message and the help, `¦` being what stands there.
_ACCIDENTS: tuple[tuple[str, str, Literal["here", "start"], str, str], ...] = (
    ("token|tab |not allowed", r"^ *(¦?\t|\t.*¦)", "here", "a tab indents this line", "indent with spaces"),
    ("quoted scalar: .*unexpected", "", "start", "the quote ¦ is not closed", f"close it; {_APOSTROPHE}"),
    ("quoted scalar: ", "", "here", "YAML knows no such escape", r"write `\\`, or use single quotes"),
    ("unexpected ':'", "", "here", "no space after the colon", "write `key: value`"),
    (
        "flow .* or .*(outdented|stream end)",
        "",
        "start",
        "the bracket ¦ is not closed",
        "close it, or look for a missing comma",
    ),
    ("flow .* or ", "", "here", "¦ cannot stand here in brackets", "write a comma, or put the whole text in quotes"),
    ("node content", "", "here", "a value is missing before ¦", "write it, or put a text that begins so in quotes"),
    ("alias|anchor|block scalar|any token", "", "start", "a text cannot begin with ¦", "put the text in quotes"),
    ("mapping values", "^[^¦]*: ", "here", "a second colon in one value", "put the text in quotes, or a map in braces"),
    ("mapping values", "", "here", "a key cannot stand here: the text above goes on", _SIBLINGS),
    ("simple key", "", "start", "a key without a colon and a space", _SIBLINGS),
    ("expected (key|<block)", r"[\"'] *¦[^:]", "here", "text after the closing quote", f"quote it all; {_APOSTROPHE}"),
    ("expected (key|<|'-|'<)", r"¦[\]}]", "here", "¦ closes nothing", "remove it, or open it before"),
    ("expected (key|<|'-|'<)", "", "here", "¦ continues nothing that stands above", _SIBLINGS),
    ("entries|keys", "", "here", "¦ cannot stand within a line", "put a list on lines of its own, or in brackets"),
    ("tag|directive|YAML doc", "", "start", "YAML tags and directives are not part of the language", "leave it out"),
    ("", "", "here", "", "if this is meant as text, put it in quotes"),
)
_WORD = re.compile(r"\w+|\S")


def syntax_error(file: File, error: yaml.MarkedYAMLError) -> Diagnostic:
    """The parser's complaint in the words of `_ACCIDENTS`, or failing that in its own."""
    here, start = error.problem_mark, error.context_mark or error.problem_mark
    assert here and start and error.problem, "the parser says what is wrong, and where"
    line = file.line(here.line + 1)
    said = f"{error.context}: {error.problem}"
    if here.line > start.line and _indentation(line) <= _indentation(file.line(start.line + 1)):
        said += ", outdented"
    looks = f"{line[: here.column]}¦{line[here.column :]}"
    place, message, help = next(row[2:] for row in _ACCIDENTS if re.search(row[0], said) and re.search(row[1], looks))
    span, word = _word(file, start if place == "start" else here)
    notes = (Note("what it stands in begins", _word(file, start)[0]),) if span.line > start.line + 1 else ()
    return Diagnostic("yaml-syntax", message.replace("¦", word) or error.problem, span, notes=notes, help=help)


def _word(file: File, mark: yaml.Mark) -> tuple[Span, str]:
    """The word or sign at a mark: its place, and how to speak of it."""
    found = _WORD.match(file.line(mark.line + 1), mark.column)
    line, column, word = mark.line + 1, mark.column + 1, found[0] if found else ""
    span = Span(file, line, column, line, column + max(1, len(word)))
    return span, f"`{short(word)}`" if word else "the end of the line"


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def short(text: str) -> str:
    """A text as it may stand in a message."""
    return text if len(text) <= 40 else f"{text[:40]}…"
