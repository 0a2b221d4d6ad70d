"""Examples from the files that users have: pairs as TSV or JSONL, token and label lines (CoNLL), plain text.

Every field remembers its line and column, so that a later stage can point at it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.train.recipe import Data, Format
from graphspec.diagnostics import Diagnostic, File, Note, Report, Span, display_name, suggestion

FORMATS: Mapping[str, Format] = {
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "text",
    ".conll": "conll",
    ".bio": "conll",
}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Field:
    """A text with the place where it stands in its file. `stacked`: its words stand on lines of their own."""

    text: str
    line: int
    column: int
    stacked: bool = False

    def span(self, file: File, offset: int = 0, length: int | None = None) -> Span:
        """A part of the field, or all of it."""
        width = max(1, len(self.text) - offset if length is None else length)
        if self.stacked:
            line = self.line + self.text.count(" ", 0, offset)
            return Span(file, line, 1, line, 1 + len(file.line(line)))
        return Span(file, self.line, self.column + offset, self.line, self.column + offset + width)


@dataclass(frozen=True, slots=True)
class Example:
    """What the model reads, and what it should answer."""

    input: Field
    output: Field


@dataclass(frozen=True)
class Examples:
    """The examples of one file, in its order."""

    file: File
    rows: tuple[Example, ...]


class Faults:
    """Faults of one file: the first few are reported, the others counted."""

    def __init__(self, file: File) -> None:
        self.file, self.found = file, list[Diagnostic]()

    def add(self, code: str, message: str, span: Span, *, label: str = "", help: str = "") -> None:
        self.found.append(Diagnostic(code, message, span, label, (), help))

    def report(self, report: Report) -> None:
        report.add(*self.found[:_SHOWN])
        if len(self.found) > _SHOWN:
            message = f"{len(self.found) - _SHOWN} more faults in `{self.file.name}`"
            report.add(Diagnostic("more-faults", message, self.found[_SHOWN].span, severity="note"))


# -- files -------------------------------------------------------------------------------------------------------------


def open_text(path: Path, report: Report, asked: Span | None = None) -> File | None:
    """The text of a UTF-8 file. `asked`: where the recipe names it."""
    name = display_name(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "").lower()
        help = "paths in a recipe are relative to its folder, those on the command line to the working directory"
        report.error("missing-file", f"cannot read `{name}`: {reason}", asked, help=help)
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _report_encoding(name, raw, error.start, report)
        return None
    file = File(name, text)
    if not text.strip():
        notes = [Note("named here", asked)] if asked else []
        report.error("empty-file", f"`{name}` holds no examples", Span(file, 1, 1, 1, 1), notes=notes)
        return None
    return file


def _report_encoding(name: str, raw: bytes, place: int, report: Report) -> None:
    line, start = raw.count(b"\n", 0, place) + 1, raw.rfind(b"\n", 0, place) + 1
    column = len(raw[start:place].decode("utf-8-sig", "replace")) + 1
    file = File(name, raw.decode(errors="replace"))
    help = "save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`"
    span = Span(file, line, column, line, column + 1)
    report.error("wrong-encoding", f"`{name}` is not UTF-8", span, label=f"byte {raw[place]:#04x}", help=help)


def format_of(path: Path, data: Data, report: Report, asked: Span | None = None) -> Format | None:
    """How a file is written: as the recipe says, else as its name ends."""
    found = data.format or FORMATS.get(path.suffix.lower())
    if found is None:
        message = f"`{display_name(path)}` does not tell how it is written"
        help = f"say `format: tsv`, `jsonl`, `text` or `conll`; known endings: {', '.join(FORMATS)}"
        report.error("unknown-format", message, asked, help=help)
    return found


def read_examples(path: Path, data: Data, report: Report, asked: Span | None = None) -> Examples | None:
    """The pairs of a TSV, JSONL or CoNLL file. Reports every line that does not fit and returns None if any."""
    kind, file = format_of(path, data, report, asked), open_text(path, report, asked)
    if kind is None or file is None:
        return None
    if kind == "text":
        help = "say `format: tsv` if its lines hold an input and an output, with a tab between"
        report.error("wrong-format", f"`{file.name}` is plain text, but this task learns from pairs", asked, help=help)
        return None
    faults = Faults(file)
    rows = tuple(_READERS[kind](file, data, faults))
    if not rows and not faults.found:
        faults.add("empty-file", f"`{file.name}` holds no examples", Span(file, 1, 1, 1, 1))
    faults.report(report)
    return None if faults.found else Examples(file, rows)


def _lines(file: File) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    for number, line in enumerate(file.text.split("\n"), 1):
        if line.strip():
            yield number, line.removesuffix("\r")


# -- TSV ---------------------------------------------------------------------------------------------------------------


def _read_tsv(file: File, data: Data, faults: Faults) -> Iterator[Example]:
    lines = _lines(file)
    columns = [data.input, data.output]
    if any(isinstance(column, str) for column in columns):
        number, header = next(lines)
        found = [_named(column, header, number, faults) for column in columns]
    else:
        found = [int(column) - 1 for column in columns]
    if None not in found:
        places = [place for place in found if place is not None]
        yield from _pairs(lines, places, faults)


def _named(column: int | str, header: str, line: int, faults: Faults) -> int | None:
    names = header.split("\t")
    if isinstance(column, int):
        return column - 1
    if column in names:
        return names.index(column)
    span = Span(faults.file, line, 1, line, len(header) + 1)
    faults.add("unknown-column", f"no column is called `{column}`", span, help=suggestion(column, names, "columns"))
    return None


def _pairs(lines: Iterable[tuple[int, str]], places: list[int], faults: Faults) -> Iterator[Example]:
    width = 0
    for number, line in lines:
        cells = line.split("\t")
        wanted = width or max(places) + 1
        if len(cells) < wanted or (width and len(cells) != width):
            _wrong_width(number, line, len(cells), wanted, faults)
            continue
        width = len(cells)
        yield from _example(_cell(cells, places[0], number), _cell(cells, places[1], number), faults)


def _cell(cells: list[str], place: int, line: int) -> Field:
    return Field(cells[place], line, 1 + sum(len(cell) + 1 for cell in cells[:place]))


def _wrong_width(number: int, line: str, found: int, wanted: int, faults: Faults) -> None:
    message = f"this line has {found} column{'s' * (found != 1)}, expected {wanted}"
    help = "columns are separated by a tab" + (", not by spaces" if found == 1 and "  " in line else "")
    faults.add("wrong-columns", message, Span(faults.file, number, 1, number, len(line) + 1), help=help)


def _example(input: Field, output: Field, faults: Faults) -> Iterator[Example]:
    """The example, unless one of its fields is empty."""
    empty = [(name, it) for name, it in (("input", input), ("output", output)) if not it.text.strip()]
    for name, it in empty:
        faults.add("empty-field", f"the {name} is empty", it.span(faults.file), help="fill it, or take the line out")
    if not empty:
        yield Example(input, output)


# -- JSONL -------------------------------------------------------------------------------------------------------------


def _read_jsonl(file: File, data: Data, faults: Faults) -> Iterator[Example]:
    keys = [it if isinstance(it, str) else name for it, name in ((data.input, "input"), (data.output, "output"))]
    for number, line in _lines(file):
        span = Span(file, number, 1, number, len(line) + 1)
        values = _object(line, span, faults)
        if values is None:
            continue
        if not isinstance(values, dict):
            faults.add("wrong-json", "expected an object", span, help=f'write {{"{keys[0]}": …, "{keys[1]}": …}}')
            continue
        found = [_json_field(values, key, line, span, faults) for key in keys]
        if found[0] and found[1]:
            yield from _example(found[0], found[1], faults)


def _object(line: str, span: Span, faults: Faults) -> object | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        place = span.part(error.colno - 1, error.colno)
        faults.add("wrong-json", f"this line is no JSON: {error.msg.lower()}", place)
    except RecursionError:
        faults.add("wrong-json", "this line is nested too deep", span)
    return None


def _json_field(values: Mapping[str, object], key: str, line: str, span: Span, faults: Faults) -> Field | None:
    """The text under a key; a list of tokens becomes one text with spaces between."""
    if key not in values:
        faults.add("missing-field", f"the key `{key}` is missing", span, help=suggestion(key, values, "keys"))
        return None
    value = values[key]
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int) for item in items):
        faults.add("wrong-field", f"`{key}` is neither a text nor a list of texts", span)
        return None
    text = " ".join(str(item) for item in items)
    return Field(text, span.line, max(0, line.find(json.dumps(text, ensure_ascii=False)) + 1) + 1)


# -- CoNLL -------------------------------------------------------------------------------------------------------------


def _read_conll(file: File, data: Data, faults: Faults) -> Iterator[Example]:
    """One token and its label on each line, a blank line between sequences."""
    places = [it - 1 if isinstance(it, int) else place for place, it in enumerate((data.input, data.output))]
    tokens: list[tuple[int, list[str]]] = []
    for number, line in enumerate([*file.text.split("\n"), ""], 1):
        cells = line.split()
        if cells and len(cells) <= max(places):
            _wrong_width(number, line, len(cells), max(places) + 1, faults)
        elif cells:
            tokens.append((number, cells))
        elif tokens:
            texts = [" ".join(row[place] for _, row in tokens) for place in places]
            yield Example(*(Field(text, tokens[0][0], 1, stacked=True) for text in texts))
            tokens = []


_READERS: Mapping[str, Callable[[File, Data, Faults], Iterator[Example]]] = {
    "tsv": _read_tsv,
    "jsonl": _read_jsonl,
    "conll": _read_conll,
}
