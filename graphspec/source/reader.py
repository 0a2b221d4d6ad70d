"""Text → values, in bounded time and depth; what YAML would do behind the reader's back is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

import yaml

from graphspec.diagnostics import Diagnostic, File, Note, Report, Span
from graphspec.source.accidents import lone_text, parts_of, short, syntax_error
from graphspec.source.files import DISK, Files
from graphspec.source.values import Map, Pair, Scalar, Sequence, Source, Value

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_EVENTS = 200_000
MAX_FAULTS = 100


def read(path: str | os.PathLike[str], report: Report, files: Files = DISK) -> Source | None:
    """Read a file; errors: `file-unreadable`, `not-utf-8`, and those of `parse`."""
    name = files.name(path)
    try:
        data = files.read(path, MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        help = "name a file that exists and may be read"
        report.error("file-unreadable", f"cannot read `{name}`: {reason.lower()}", None, help=help)
        return None
    try:
        text = data.decode("utf-8-sig", "strict" if len(data) <= MAX_BYTES else "replace")  # `parse` refuses the longer
    except UnicodeDecodeError as error:
        shown = File(name, error.object.decode(errors="replace"))
        span = _span_at(shown, len(error.object[: error.start].decode()))
        message = f"the byte {error.object[error.start]:#04x} is not UTF-8"
        report.error("not-utf-8", message, span, help="save the file in the encoding UTF-8")
        return None
    return parse(text, name, report)


def parse(text: str, name: str, report: Report) -> Source | None:
    """Read a text; errors: `yaml-syntax`, `duplicate-key`, those of `_HELP`, and the limits above."""
    file = File(name, text.removeprefix("\ufeff"))
    try:
        _check_characters(file)
        return Source(file, _Reader(file, report).root())
    except _Unreadable as stop:
        report.add(stop.diagnostic)
    except yaml.MarkedYAMLError as error:
        report.add(syntax_error(file, error))
    return None


class _Unreadable(Exception):
    """Reading cannot go on."""

    def __init__(self, code: str, message: str, span: Span | None, help: str = "") -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, span, help=help or _HELP[code])


_HELP = {
    "too-large": "split the file: `use` brings in the blocks of another",
    "too-many-values": "split the file: `use` brings in the blocks of another",
    "too-many-faults": "mend those above first",
    "too-deep": "give the inner parts names of their own",
    "unwanted-character": "delete it; within double quotes it can be written as an escape",
    "empty-document": "a spec begins with `graphspec: 1`",
    "document-not-a-map": "a spec begins with `graphspec: 1`",
    "yaml-anchor": "what is used twice gets a name: a parameter, a mask or a block",
    "yaml-alias": "what is used twice gets a name: a parameter, a mask or a block",
    "yaml-merge-key": "`with: name` spreads a map over attributes",
    "yaml-tag": "leave it out: every value is text, read as an expression",
    "yaml-documents": "keep one spec in a file, without `---`",
    "yaml-key": "a key is a word; a text with brackets or braces needs quotes",
}

# Controls, halves of surrogate pairs, byte order marks, and the line breaks that only YAML counts as such.
_UNWANTED = re.compile("[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)")
_TAG_DIRECTIVE = re.compile(r"^%TAG\b", re.MULTILINE)  # libyaml compares each with all before it


def _check_characters(file: File) -> None:
    if len(file.text.encode(errors="replace")) > MAX_BYTES:
        raise _Unreadable("too-large", f"`{file.name}` is larger than {MAX_BYTES:,} bytes", None)
    if found := _UNWANTED.search(file.text):
        message = f"the character U+{ord(found[0]):04X} has no place in a spec"
        raise _Unreadable("unwanted-character", message, _span_at(file, found.start()))
    if found := _TAG_DIRECTIVE.search(file.text):
        span = _span_at(file, found.start(), len(found[0]))
        raise _Unreadable("yaml-tag", "the directive `%TAG` is not part of the language", span)


def _span_at(file: File, offset: int, width: int = 1) -> Span:
    line = file.text.count("\n", 0, offset) + 1
    column = offset - file.text.rfind("\n", 0, offset)
    return Span(file, line, column, line, column + width)


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may have been built without libyaml
_STYLES: dict[str | None, Literal["quoted", "block"]] = {"'": "quoted", '"': "quoted", "|": "block", ">": "block"}
_COLON = re.compile(r"[ \t]*:")
_TAG = re.compile(r"![^\s,\[\]{}]*")


class _Reader:
    """Builds values from the parser's events, in a recursion that MAX_DEPTH bounds."""

    def __init__(self, file: File, report: Report) -> None:
        self.file, self.report = file, report
        self.next_event: Callable[[], Any] = _LOADER(file.text).get_event
        self.events = self.faults = 0

    def root(self) -> Map:
        self.take()  # the start of the stream
        root = None if isinstance(self.take(), yaml.StreamEndEvent) else self.value(self.take(), 0)
        if root is None or (isinstance(root, Scalar) and root.absent):
            raise _Unreadable("empty-document", "nothing is written here", Span(self.file, 1, 1, 1, 2))
        self.take()  # the end of the document
        if isinstance(second := self.take(), yaml.DocumentStartEvent):
            self.fault("yaml-documents", "a second document begins here", self.span(second))
        if isinstance(root, Map):
            return root
        colon = isinstance(root, Scalar) and re.match(r"[\w.]+:\S", root.text)
        help = "put a space after each colon: `key: value`" if colon else ""
        raise _Unreadable("document-not-a-map", f"this is a {_kind(root)}, and a spec is a map", root.span, help)

    def take(self) -> Any:
        event = self.next_event()
        self.events += 1
        if self.events > MAX_EVENTS:
            raise _Unreadable("too-many-values", f"more than {MAX_EVENTS:,} keys and values", self.span(event))
        return event

    def value(self, event: Any, depth: int) -> Value:
        if event.anchor is not None or event.tag is not None:
            self.refuse_properties(event)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, self.span(event), _STYLES.get(event.style, "plain"))
        if isinstance(event, yaml.AliasEvent):
            return Scalar(f"*{event.anchor}", self.span(event), "plain")
        if depth == MAX_DEPTH:
            raise _Unreadable("too-deep", f"nested deeper than {MAX_DEPTH} levels", self.span(event))
        return self.map(event, depth) if isinstance(event, yaml.MappingStartEvent) else self.sequence(event, depth)

    def sequence(self, start: Any, depth: int) -> Sequence:
        items: list[Value] = []
        while not isinstance(event := self.take(), yaml.SequenceEndEvent):
            items.append(self.value(event, depth + 1))
        return Sequence(tuple(items), self.span_of_collection(start, event, items[-1] if items else None))

    def map(self, start: Any, depth: int) -> Map:
        pairs: list[Pair] = []
        while not isinstance(event := self.take(), yaml.MappingEndEvent):
            key = self.value(event, depth + 1)
            value = self.value(self.take(), depth + 1)
            if isinstance(value, Scalar) and value.absent and isinstance(key, Scalar):
                value = self.absent_value(key, event.end_mark.index)
            pairs.append((key, value))
        span = self.span_of_collection(start, event, pairs[-1][1] if pairs else None)
        return Map(tuple(self.sound(tuple(pairs))), span)

    def sound(self, pairs: tuple[Pair, ...]) -> Iterator[tuple[Scalar, Value]]:
        """The entries that a map may have; the others are reported."""
        first: dict[str, Scalar] = {}
        for index, (key, value) in enumerate(pairs):
            lone = lone_text((key, value))
            if not isinstance(key, Scalar):
                self.fault("yaml-key", f"a {_kind(key)} cannot be a key", key.span)
            elif key.absent:
                self.fault("yaml-key", "a key is missing here", key.span)
            elif key.text == "<<" and key.style == "plain":
                self.fault("yaml-merge-key", "the merge key `<<` is not part of the language", key.span)
            elif ":" in lone:
                span = key.part(lone.index(":"), lone.index(":") + 1)
                self.fault("yaml-syntax", "no space after the colon", span, help="write `key: value`")
            elif first.setdefault(key.text, key) is not key and not (lone and len(parts_of(pairs, index)) > 1):
                note = Note("it is first given", first[key.text].span)
                help = "remove one of the two, or rename it"
                self.fault("duplicate-key", f"the key `{short(key.text)}` is given twice", key.span, note, help=help)
            else:
                yield key, value

    def fault(self, code: str, message: str, span: Span, *notes: Note, help: str = "") -> None:
        self.report.error(code, message, span, notes=notes, help=help or _HELP[code])
        self.faults += 1
        if self.faults == MAX_FAULTS:
            raise _Unreadable("too-many-faults", f"{MAX_FAULTS} faults, and the rest of the file is unread", span)

    def refuse_properties(self, event: Any) -> None:
        """Report an alias, or the anchor and the tag before a value, which stand in either order."""
        text, start = self.file.text, event.start_mark.index
        if isinstance(event, yaml.AliasEvent):
            self.refuse("alias", f"*{event.anchor}", start)
            return
        if event.anchor is not None:
            anchor = f"&{event.anchor}"
            self.refuse("anchor", anchor, text.index(anchor, start))
        if event.tag is not None and (tag := _TAG.search(text, start)):
            self.refuse("tag", tag[0], tag.start())

    def refuse(self, kind: str, found: str, offset: int) -> None:
        span = _span_at(self.file, offset, len(found))
        self.fault(f"yaml-{kind}", f"the {kind} `{short(found)}` is not part of the language", span)

    def span(self, event: Any, end: Any = None) -> Span:
        """The place of an event, or of all from it to another; at least one column wide."""
        start, end = event.start_mark, (end or event).end_mark
        empty = start.index == end.index
        return Span(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1 + empty)

    def span_of_collection(self, start: Any, end: Any, last: Value | None) -> Span:
        """Brackets have an end of their own; without them the parser's end is where the next thing begins."""
        if start.flow_style or last is None:
            return self.span(start, end)
        mark = start.start_mark
        return Span(self.file, mark.line + 1, mark.column + 1, last.span.end_line, last.span.end_column)

    def absent_value(self, key: Scalar, end: int) -> Scalar:
        """Stands right after the colon, or right after the key if that is all there is; `end` is the key's offset."""
        colon = _COLON.match(self.file.text, end)
        line, column = key.span.end_line, key.span.end_column + (colon.end() - end if colon else 0)
        return Scalar("", Span(self.file, line, column, line, column + 1), "plain")


def _kind(value: Value) -> str:
    return {Scalar: "text", Sequence: "list", Map: "map"}[type(value)]
