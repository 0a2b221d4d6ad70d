"""Texts with a place marked in them: `a: «b»`."""

from __future__ import annotations

from graphspec.diagnostics import Report, Span
from graphspec.source import Map, Scalar, Sequence, Source, Value, parse


def marked(text: str) -> tuple[str, str]:
    """The text without its marks, and the place between them as `line:column-line:column`."""
    start, end = text.index("«"), text.index("»") - 1
    bare = text.replace("«", "").replace("»", "")
    return bare, f"{_place(bare, start)}-{_place(bare, end)}"


def _place(text: str, offset: int) -> str:
    before = text[:offset].split("\n")
    return f"{len(before)}:{len(before[-1]) + 1}"


def place(span: Span | None) -> str:
    return f"{span.line}:{span.column}-{span.end_line}:{span.end_column}" if span else ""


def cut(span: Span) -> str:
    """What stands at a place."""
    lines = span.file.text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def sound(text: str) -> Source:
    report = Report()
    source = parse(text, "x.yaml", report)
    assert not report.diagnostics, report.diagnostics
    assert source
    return source


def plain(value: Value) -> object:
    """The structure without places: dicts, lists and texts."""
    match value:
        case Scalar():
            return value.text
        case Sequence():
            return [plain(item) for item in value.items]
        case Map():
            return {key.text: plain(item) for key, item in value.entries}


def scalars(value: Value) -> list[Scalar]:
    match value:
        case Scalar():
            return [value]
        case Sequence():
            return [found for item in value.items for found in scalars(item)]
        case Map():
            return [found for key, item in value.entries for found in [key, *scalars(item)]]
