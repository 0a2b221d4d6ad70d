"""Picture → DOT text with every position in it, the same to the byte each time.

`layout=nop2` makes `dot` draw what is placed instead of placing it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from graphspec.render.measure import (
    CAPTION_LINE,
    CAPTION_SIZE,
    CELL,
    FRAME_SIZE,
    LONGEST_SHAPE,
    LONGEST_TITLE,
    SHAPE_SIZE,
    SIDE_CELL,
    TIMES_SIZE,
    TITLE_SIZE,
    WHOLE_SIZE,
)
from graphspec.render.names import plain, shortened
from graphspec.render.picture import Box, Dot, Frame, Label, Line, Picture, Point
from graphspec.render.theme import Palette

GLYPH_SUFFIX, BESIDE_SUFFIX = "•mask", "•beside"
LEADING = 1
_ROUND = 6.0
_ARROW = 5.5
_POINTS_PER_INCH = 72


def dot_text(picture: Picture, palette: Palette) -> str:
    """The whole DOT file."""
    return "\n".join(_Writer(picture, palette).lines()) + "\n"


def quoted(text: str) -> str:
    """A DOT string."""
    escaped = plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def escaped(text: str) -> str:
    """Text within an HTML-like label, where Graphviz would put a node's name for `\\N`."""
    for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\\", "\\\\")):
        text = text.replace(mark, entity)
    return text


class _Writer:
    def __init__(self, picture: Picture, palette: Palette) -> None:
        self.picture, self.palette = picture, palette

    def lines(self) -> Iterator[str]:
        p = self.palette
        yield 'digraph "" {'
        box = f'bb="0,0,{_n(self.picture.width)},{_n(self.picture.height)}"'
        yield (
            f'  graph [layout=nop2, {box}, bgcolor="{p.background}", pad=0.25, '
            f'fontname=Inter, fontcolor="{p.ink}"{self.title()}]'
        )
        yield (
            f'  node [shape=box, style="rounded,filled", fixedsize=true, fontname=Inter, fontsize={_n(TITLE_SIZE)}, '
            f'fontcolor="{p.ink}", color="{p.border}", penwidth=0.9]'
        )
        yield f'  edge [color="{p.line}", arrowsize=0.6, fontname=Inter]'
        yield from self.inside("", "  ")
        for at, piece in enumerate(piece for piece in self.picture.pieces if isinstance(piece, Label)):
            yield self.label(piece, at)
        for at, words in enumerate(self.picture.caption):
            yield self.caption(words, at)
        for piece in self.picture.pieces:
            if isinstance(piece, Line):
                yield f"  {quoted(piece.tail)} -> {quoted(piece.head)} [{self.line(piece)}]"
        yield "}"

    def title(self) -> str:
        if not self.picture.title:
            return ""
        place = f"{_n(self.picture.width / 2)},{_n(self.picture.height - 18)}"
        text = escaped(shortened(self.picture.title, LONGEST_TITLE))
        return f', label=<<FONT POINT-SIZE="{_n(WHOLE_SIZE)}"><B>{text}</B></FONT>>, lp="{place}"'

    def inside(self, path: str, indent: str) -> Iterator[str]:
        """The boxes and frames within the frame at `path`."""
        for piece in self.within.get(path, ()):
            match piece:
                case Box() | Dot():
                    yield f"{indent}{self.box(piece) if isinstance(piece, Box) else self.dot(piece)}"
                    if isinstance(piece, Box):
                        yield from (f"{indent}{extra}" for extra in self.extras(piece))
                case Frame():
                    yield f"{indent}subgraph {quoted(f'cluster_{piece.path}')} {{"
                    yield f"{indent}  graph [{self.frame(piece, path.count('/'))}]"
                    if piece.beside:
                        yield f"{indent}  {self.apart(piece, piece.beside)}"
                    yield from self.inside(f"{piece.path}/", indent + "  ")
                    yield f"{indent}}}"

    @cached_property
    def within(self) -> Mapping[str, list[Box | Dot | Frame]]:
        """What stands in each frame, by its path."""
        found: dict[str, list[Box | Dot | Frame]] = {}
        for piece in self.picture.pieces:
            if isinstance(piece, Box | Dot | Frame):
                found.setdefault(_parent(piece.path), []).append(piece)
        return found

    # -- pieces -------------------------------------------------------------------------------------------------------

    def box(self, box: Box) -> str:
        size = f'pos="{_at((box.x, box.y))}", width={_inch(box.width)}, height={_inch(box.height)}'
        match box.item.form:
            case "mark":
                fill = f'shape=circle, style=filled, fillcolor="{self.palette.fill("mark")}"'
                return f"{quoted(box.path)} [{size}, {fill}{self.paint(box)}, label=<{escaped(box.item.mark)}>]"
            case "text":
                red = f', fontcolor="{self.palette.look(box.paint).colour}"' if box.paint else ""
                return f'{quoted(box.path)} [{size}, shape=plaintext, style=""{red}, label=<{self.words(box)}>]'
            case _:
                fill = f'fillcolor="{self.palette.fill(box.item.kind)}"'
                return f"{quoted(box.path)} [{size}, {fill}{self.paint(box)}, label=<{self.words(box)}>]"

    def paint(self, piece: Box | Frame) -> str:
        """The looks of what is painted; the later of two fills counts."""
        if not piece.paint:
            return ""
        look = self.palette.look(piece.paint)
        fill = f', fillcolor="{look.fill}"' if look.fill and isinstance(piece, Box) else ""
        dashes = f', style="{"rounded," * (piece.item.form != "mark")}filled,{look.dashes}"' if look.dashes else ""
        return f', color="{look.colour}", penwidth={_n(look.width)}{fill}{dashes}'

    def words(self, box: Box) -> str:
        """The title, and below it the shape, as rows of a table: lines of one text would nearly touch."""
        title = f"<B>{escaped(shortened(box.item.title))}</B>"
        if not box.item.small:
            return title
        text = escaped(shortened(box.item.small, LONGEST_SHAPE))
        shape = f'<FONT POINT-SIZE="{_n(SHAPE_SIZE)}" COLOR="{self.palette.muted}">{text}</FONT>'
        rows = f"<TR><TD>{title}</TD></TR><TR><TD>{shape}</TD></TR>"
        return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{LEADING}" CELLPADDING="0">{rows}</TABLE>'

    def extras(self, box: Box) -> Iterator[str]:
        """What stands beside the words: a mask's glyph, or the sign of a sum where the residual comes in."""
        inset = box.width / 2 - SIDE_CELL / 2 - 5
        if box.item.form != "box":
            return
        if box.item.glyph:
            yield self.glyph(box, (box.x + inset, box.y))
        if box.item.mark:
            place = f'pos="{_at((box.x + (box.side or 1) * inset, box.y))}", width=0.17, height=0.17'
            looks = f'shape=circle, style=filled, fillcolor="{self.palette.fill("mark")}", fontsize=10'
            yield f"{quoted(f'{box.path}•sum')} [{place}, {looks}, label=<{escaped(box.item.mark)}>]"

    def glyph(self, box: Box, place: Point) -> str:
        rows = "".join(f"<TR>{''.join(self.cell(seen) for seen in row)}</TR>" for row in box.item.glyph)
        table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>'
        size = f'pos="{_at(_whole(place))}", fixedsize=false'
        return f'{quoted(box.path + GLYPH_SUFFIX)} [{size}, shape=plain, style="", label=<{table}>]'

    def cell(self, seen: str) -> str:
        colour = self.palette.border if seen == "#" else self.palette.background
        return f'<TD FIXEDSIZE="TRUE" WIDTH="{_n(CELL)}" HEIGHT="{_n(CELL)}" BGCOLOR="{colour}"></TD>'

    def dot(self, dot: Dot) -> str:
        size = 'shape=point, width=0.05, height=0.05, label=""'
        colour = self.palette.look(dot.paint).colour if dot.paint else self.palette.line
        return f'{quoted(dot.path)} [pos="{_at((dot.x, dot.y))}", {size}, color="{colour}", fillcolor="{colour}"]'

    def frame(self, frame: Frame, level: int) -> str:
        p = self.palette
        fill = p.containers[min(level, len(p.containers) - 1)]
        corners = ",".join(map(_n, (frame.left, frame.bottom, frame.right, frame.top)))
        looks = f'fillcolor="{fill}", color="{p.frame}", penwidth=1.2{self.paint(frame)}'
        return (
            f'bb="{corners}", style="rounded,filled", {looks}, '
            f'label=<{self.frame_title(frame)}>, lp="{_at(frame.title)}"'
        )

    def frame_title(self, frame: Frame) -> str:
        title = f'<FONT POINT-SIZE="{_n(FRAME_SIZE)}"><B>{escaped(shortened(frame.item.title))}</B></FONT>'
        return title if frame.beside else f"{title}{self.beside(frame)}"

    def beside(self, frame: Frame) -> str:
        """The number of turns, and of what is learned."""
        times, learned = escaped(shortened(frame.item.times)), escaped(frame.item.learned)
        gap = "" if frame.beside else "  "
        found = [f'<FONT POINT-SIZE="{_n(TIMES_SIZE)}">{gap}<I>{times}</I></FONT>'] if times else []
        if learned:
            gap = "  " if found or gap else ""
            grey = f'POINT-SIZE="{_n(SHAPE_SIZE)}" COLOR="{self.palette.muted}"'
            found.append(f"<FONT {grey}>{gap}{learned}</FONT>")
        return "".join(found)

    def apart(self, frame: Frame, place: Point) -> str:
        """The same in a place of its own."""
        looks = f'shape=plaintext, style="", width=0.3, height=0.2, label=<{self.beside(frame)}>'
        return f'{quoted(frame.path + BESIDE_SUFFIX)} [pos="{_at(place)}", {looks}]'

    def label(self, label: Label, at: int) -> str:
        place = _at((label.x, label.y + 8))
        colour = self.palette.memory if label.kind == "memory" else self.palette.muted
        text = f'<FONT POINT-SIZE="9" COLOR="{colour}"><I>{escaped(label.text)}</I></FONT>'
        looks = f'shape=plaintext, style="", width=0.3, height=0.15, label=<{text}>'
        return f'  {quoted(f"{label.text}•{at}")} [pos="{place}", {looks}]'

    def caption(self, words: str, at: int) -> str:
        """A line below the diagram."""
        place = _at((self.picture.width / 2, (len(self.picture.caption) - at - 0.5) * CAPTION_LINE))
        text = f'<FONT POINT-SIZE="{_n(CAPTION_SIZE)}" COLOR="{self.palette.alarm}">{escaped(words)}</FONT>'
        looks = f'shape=plaintext, style="", width=0.1, height=0.1, label=<{text}>'
        return f'  {quoted(f"caption•{at}")} [pos="{place}", {looks}]'

    def line(self, line: Line) -> str:
        looks = {
            "data": "",
            "residual": f', color="{self.palette.residual}"',
            "memory": f', color="{self.palette.memory}", penwidth=1.6',
            "tie": f', color="{self.palette.residual}", style=dotted',
        }
        look = self.painted(line) if line.paint else looks[line.kind]
        return f'pos="{_spline(line)}"{look}{"" if line.arrow else ", arrowhead=none"}'

    def painted(self, line: Line) -> str:
        look = self.palette.look(line.paint)
        dashes = f", style={look.dashes}" if look.dashes else ""
        return f', color="{look.colour}", penwidth={_n(look.width - 0.2)}{dashes}'


def _parent(path: str) -> str:
    return path.rpartition("/")[0] + "/" if "/" in path else ""


# -- numbers ----------------------------------------------------------------------------------------------------------


def _n(number: float) -> str:
    return f"{round(number, 1) + 0:g}"


def _at(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _whole(point: Point) -> Point:
    """On whole points, so that the squares of a glyph meet those of the screen."""
    return round(point[0]), round(point[1])


def _inch(points: float) -> str:
    return f"{points / _POINTS_PER_INCH:.4f}"


def _spline(line: Line) -> str:
    """Straight pieces with rounded corners, as cubic curves; the end is kept free for the arrow's head."""
    way = list(line.points)
    head = ""
    if line.arrow:
        head = f"e,{_at(way[-1])} "
        way[-1] = _towards(way[-1], way[-2], _ARROW)
    points: list[Point] = [way[0]]
    for before, corner, after in zip(way, way[1:], way[2:], strict=False):
        radius = min(_ROUND, _distance(before, corner) / 2, _distance(corner, after) / 2)
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        points += [points[-1], start, start]
        points += [_towards(corner, before, radius * 0.45), _towards(corner, after, radius * 0.45), end]
    points += [points[-1], way[-1], way[-1]]
    return head + " ".join(map(_at, points))


def _towards(start: Point, end: Point, step: float) -> Point:
    length = _distance(start, end)
    if not length:
        return start
    return start[0] + (end[0] - start[0]) * step / length, start[1] + (end[1] - start[1]) * step / length


def _distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])
