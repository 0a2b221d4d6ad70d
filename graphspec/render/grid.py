"""A grid of truth values, readers by what they may read: as blocks in the terminal, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from graphspec.diagnostics import Report
from graphspec.render.files import saved
from graphspec.render.layout import drawn
from graphspec.render.names import plain, width, wrapped
from graphspec.render.theme import FONTS, PALETTES, Palette, RenderOptions

YES, MAYBE, NO = "#", "?", "."


@dataclass(frozen=True)
class Grid:
    """Rows from the first reader down: `#` read, `?` perhaps, `.` not. `notes` stand below, a line each.

    `readers` and `places` say what lies along the rows' and the columns' axis.
    """

    title: str
    rows: tuple[str, ...]
    readers: str
    places: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return as_text(self)

    def _repr_svg_(self) -> str:
        return drawing(self, "svg", RenderOptions()).decode()

    @property
    def columns(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    @property
    def is_doubtful(self) -> bool:
        return any(MAYBE in row for row in self.rows)

    def below(self) -> tuple[str, ...]:
        """The notes, and what a grey square means where there is one."""
        grey = "grey: perhaps; the flow of some operator is known as a bound only"
        return (*self.notes, grey) if self.is_doubtful else self.notes


# -- in the terminal --------------------------------------------------------------------------------------------------

_LETTERS = {YES: "█", MAYBE: "▒", NO: "·"}
_HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
_WIDEST, _MOST, _EVERY = 32, 160, 8
"""Columns that are drawn two letters wide; and that are drawn at all; how many letters apart numbers stand."""


def as_text(grid: Grid) -> str:
    """The grid in blocks; two rows a line where it is large, if nothing is in doubt: half a letter has no grey."""
    head = [grid.title, ""] if grid.title else []
    if grid.columns > _MOST:
        return "\n".join([*head, f"{len(grid.rows)} × {grid.columns}: too wide to show here, draw it with `-o`"])
    narrow = grid.columns > _WIDEST
    drawing = _halved(grid) if narrow and not grid.is_doubtful else _whole(grid, 1 if narrow else 2)
    return "\n".join([*head, *drawing, *([""] if grid.below() else []), *grid.below()])


def _whole(grid: Grid, wide: int) -> Iterator[str]:
    yield from _heads(grid, wide)
    for at, row in enumerate(grid.rows):
        yield f"{_row_name(grid, at)} {''.join(_LETTERS[seen] * wide for seen in row)}"


def _halved(grid: Grid) -> Iterator[str]:
    yield from _heads(grid, 1)
    rows = [*grid.rows, NO * grid.columns] if len(grid.rows) % 2 else list(grid.rows)
    for at in range(0, len(rows), 2):
        pairs = zip(rows[at], rows[at + 1], strict=True)
        yield f"{_row_name(grid, at)} {''.join(_HALVES[a != NO, b != NO] for a, b in pairs)}".rstrip()


def _heads(grid: Grid, wide: int) -> Iterator[str]:
    """What lies along the columns, and their numbers."""
    left = " " * (len(_row_name(grid, 0)) + 1)
    numbers = "".join(str(at).ljust(_EVERY) for at in range(0, grid.columns, _EVERY // wide))
    yield f"{left}{grid.places} →"
    yield (left + numbers).rstrip()


def _row_name(grid: Grid, at: int) -> str:
    """The number of a row; beside the first, what lies along the rows."""
    number = f"{at:>{len(str(len(grid.rows) - 1))}}" if len(grid.rows) > 1 else ""
    arrow = " ↓" if len(grid.rows) > 1 else ""
    label = f"{grid.readers}{arrow}"
    return f"{label if at == 0 else '':<{len(label)}} {number}".rstrip() if number else label


# -- as a picture -----------------------------------------------------------------------------------------------------

_MARGIN, _LARGEST, _SMALLEST, _SIDE = 16.0, 18.0, 2.0, 396.0
_LINED = 7.0
"""The size of a square from which on there are lines between squares."""

_TITLE, _LABEL, _NUMBER, _LINE = 13.0, 11.0, 9.0, 16.0
_PITCH = 24.0
"""The least distance between numbers."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Its upper left corner, and its size; y downwards."""

    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True, slots=True)
class Words:
    """A text with the middle of its line."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    bold: bool = False


Shape = Rectangle | Words


@dataclass(frozen=True)
class Drawing:
    """Shapes within (0, 0) and (width, height), the first at the back."""

    width: float
    height: float
    background: str
    shapes: tuple[Shape, ...]


def draw(grid: Grid, palette: Palette) -> Drawing:
    """Where everything stands."""
    cell = max(_SMALLEST, min(_LARGEST, _SIDE // max(1, grid.columns, len(grid.rows))))
    wide, high = cell * grid.columns, cell * len(grid.rows)
    numbers = 22.0 if len(grid.rows) > 1 else 8.0
    left = _MARGIN + width(f"{grid.readers} ↓", _LABEL) + numbers
    right = _MARGIN + max(width(grid.places, _LABEL) - wide, 0.0) / 2 + 12
    room = max(left + wide + right, 380.0) - 2 * _MARGIN
    titles = [*wrapped(grid.title, room, _TITLE)]
    notes = [line for note in grid.below() for line in wrapped(note, room, _NUMBER)]
    texts = [width(line, _TITLE, bold=True) for line in titles] + [width(line, _NUMBER) for line in notes]
    whole = max([left + wide + right, *(text + 2 * _MARGIN for text in texts)])
    left += (whole - left - wide - right) / 2
    top = _MARGIN + len(titles) * (_LINE + 2) + (8 if titles else 0) + 2 * _LINE
    shapes: list[Shape] = [
        Words(whole / 2, _MARGIN + (at + 0.5) * (_LINE + 2), line, _TITLE, palette.ink, bold=True)
        for at, line in enumerate(titles)
    ]
    shapes += _labels(grid, palette, left, top, cell)
    shapes += _squares(grid, palette, left, top, cell)
    foot = top + high + _MARGIN * 0.75
    for line in notes:
        shapes.append(Words(whole / 2, foot + (_NUMBER + 5) / 2, line, _NUMBER, palette.muted))
        foot += _NUMBER + 5
    return Drawing(whole, foot + _MARGIN / 2, palette.background, tuple(shapes))


def _labels(grid: Grid, palette: Palette, left: float, top: float, cell: float) -> Iterator[Shape]:
    """What lies along the axes, and numbers."""
    middle = left + cell * grid.columns / 2
    yield Words(middle, top - 1.75 * _LINE, f"{grid.places} →", _LABEL, palette.ink)
    several = len(grid.rows) > 1
    label = f"{grid.readers} ↓" if several else grid.readers
    beside = left - (22.0 if several else 8.0) - width(label, _LABEL) / 2
    yield Words(beside, top + cell / 2, label, _LABEL, palette.ink)
    every = next(step for step in (1, 2, 4, 8, 16, 32, 64, 128, 256) if step * cell >= _PITCH or step == 256)
    for at in range(0, grid.columns, every):
        yield Words(left + (at + 0.5) * cell, top - _LINE / 2, str(at), _NUMBER, palette.muted)
    for at in range(0, len(grid.rows) if several else 0, max(1, every // 2) if cell >= 12 else every):
        yield Words(left - 11, top + (at + 0.5) * cell, str(at), _NUMBER, palette.muted)


def _squares(grid: Grid, palette: Palette, left: float, top: float, cell: float) -> Iterator[Shape]:
    wide, high = cell * grid.columns, cell * len(grid.rows)
    fills = {YES: palette.border, MAYBE: palette.frame, NO: palette.containers[1]}
    yield Rectangle(left - 1, top - 1, wide + 2, high + 2, palette.frame)
    yield Rectangle(left, top, wide, high, fills[NO])
    for at, row in enumerate(grid.rows):
        start = 0
        for seen, run in groupby(row):
            count = len(list(run))
            if seen != NO:
                yield Rectangle(left + start * cell, top + at * cell, count * cell, cell, fills[seen])
            start += count
    if cell >= _LINED:
        for at in range(1, grid.columns):
            yield Rectangle(left + at * cell - 0.5, top, 1, high, palette.background)
        for at in range(1, len(grid.rows)):
            yield Rectangle(left, top + at * cell - 0.5, wide, 1, palette.background)


# -- as files ---------------------------------------------------------------------------------------------------------


def write(grid: Grid, path: Path, report: Report, options: RenderOptions) -> None:
    """Draw to a file: `.svg .png .pdf .dot`. Errors: as of `graphspec.render.write`."""
    saved(path, report, options, lambda form: drawing(grid, form, options))


def drawing(grid: Grid, form: str, options: RenderOptions) -> bytes:
    """The content of a file. Raises `NoLayout` where nothing can draw; an SVG needs no program."""
    title = options.title if isinstance(options.title, str) else grid.title if options.title else ""
    made = draw(replace(grid, title=title), PALETTES[options.theme])
    if form == "svg":
        return to_svg(made, grid).encode()
    dot = to_dot(made)
    return dot.encode() if form == "dot" else drawn(dot, form).data


def to_svg(made: Drawing, grid: Grid) -> str:
    """An SVG that stands alone."""
    wide, high = _n(made.width), _n(made.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}pt" height="{high}pt" viewBox="0 0 {wide} {high}" '
        f'role="img" aria-label="{escape(plain(grid.title), {chr(34): "&quot;"})}">',
        f"<title>{escape(plain(grid.title))}</title>",
        f"<desc>{escape(plain(_described(grid)))}</desc>",
        f'<rect width="{wide}" height="{high}" fill="{made.background}"/>',
        *(_svg_shape(shape) for shape in made.shapes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _described(grid: Grid) -> str:
    read = sum(row.count(YES) for row in grid.rows)
    return f"{read} of {len(grid.rows)} × {grid.columns} pairs. " + " ".join(f"{note}." for note in grid.below())


def _svg_shape(shape: Shape) -> str:
    if isinstance(shape, Rectangle):
        place = f'x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" height="{_n(shape.height)}"'
        return f'<rect {place} fill="{shape.fill}" shape-rendering="crispEdges"/>'
    weight = ' font-weight="bold"' if shape.bold else ""
    place = f'x="{_n(shape.x)}" y="{_n(shape.y + shape.size * 0.35)}" text-anchor="middle"'
    looks = f'font-family="{FONTS}" font-size="{_n(shape.size)}"{weight} fill="{shape.colour}"'
    return f"<text {place} {looks}>{escape(plain(shape.text))}</text>"


def to_dot(made: Drawing) -> str:
    """DOT with every position in it."""
    from graphspec.render.dot import escaped

    def words(shape: Words) -> str:
        text = f"<B>{escaped(plain(shape.text))}</B>" if shape.bold else escaped(plain(shape.text))
        label = f'<FONT POINT-SIZE="{_n(shape.size)}" COLOR="{shape.colour}">{text}</FONT>'
        return f'shape=plaintext, style="", width=0.01, height=0.01, label=<{label}>'

    def line(at: int, shape: Shape) -> str:
        if isinstance(shape, Words):
            return f'  n{at} [pos="{_n(shape.x)},{_n(made.height - shape.y)}", {words(shape)}]'
        x, y = shape.x + shape.width / 2, made.height - shape.y - shape.height / 2
        size = f"width={shape.width / 72:.4f}, height={shape.height / 72:.4f}"
        return f'  n{at} [pos="{_n(x)},{_n(y)}", {size}, fillcolor="{shape.fill}"]'

    box = f'bb="0,0,{_n(made.width)},{_n(made.height)}"'
    head = (
        f'  graph [layout=nop2, {box}, bgcolor="{made.background}", fontname=Inter]',
        '  node [shape=box, style=filled, fixedsize=true, penwidth=0, label="", fontname=Inter]',
    )
    shapes = (Rectangle(0, 0, made.width, made.height, made.background), *made.shapes)
    return "\n".join(['digraph "" {', *head, *(line(at, shape) for at, shape in enumerate(shapes)), "}"]) + "\n"


def _n(number: float) -> str:
    return f"{round(number, 2) + 0:g}"
