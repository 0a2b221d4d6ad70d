"""A mask as a grid of queries by keys: one that the spec names, or that of an attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from graphspec.analysis.flow import sizes_of
from graphspec.axes import Axis, Dim
from graphspec.diagnostics import Report, suggestion
from graphspec.graph import Body, Call, Graph, Node, Repeat, inner_bodies
from graphspec.masks import (
    Adjacency,
    Atom,
    Causal,
    Chunk,
    Dilated,
    Documents,
    Everything,
    Keys,
    Mask,
    Prefix,
    Window,
    atoms,
)
from graphspec.operators.attention import Attend
from graphspec.operators.flow_rules import ground
from graphspec.operators.mask_flow import numbers_of
from graphspec.render.glyphs import Sees, evaluated
from graphspec.render.grid import NO, YES, Grid

SIDE, LARGEST, MOST = 12, 15, 512
"""How many positions are drawn by default; the largest number in a mask that is not drawn smaller; the most drawn."""

_SMALL = 3
"""Numbers up to this are drawn as they are; larger ones, where they are too large, as the odd numbers from here on."""


@dataclass(frozen=True)
class Found:
    """A mask, what it is called, and the axes along which queries and keys lie, if that is known."""

    name: str
    mask: Mask
    queries: Axis | None = None
    keys: Axis | None = None
    note: str = ""


def mask_grid(graph: Graph, name: str, lengths: Mapping[str, int], report: Report) -> Grid | None:
    """The picture of a mask, small or at given lengths of axes. Errors: `unknown-mask`, `too-large-to-draw`."""
    found = _find(graph, name, report)
    return _Drawing(graph, found, lengths).grid(report) if found else None


# -- which mask -------------------------------------------------------------------------------------------------------


def _find(graph: Graph, name: str, report: Report) -> Found | None:
    paths = dict(_attentions(graph.body, ""))
    if name in dict(graph.masks):
        mask = dict(graph.masks)[name]
        nodes = ((node, body) for body in graph.bodies() for node in body.nodes if isinstance(node.does, Attend))
        like = (_found(name, node, body) for node, body in nodes)
        return next((found for found in like if found.mask == mask), Found(name, mask))
    within = [path for path in paths if path.startswith(f"{name}.")]
    if name in paths or len(within) == 1:
        return paths[name if name in paths else within[0]]
    turn = _in_turn(graph.body, name.split("."))
    if turn is not None:
        return Found(name, turn.mask, turn.queries, turn.keys)
    if within:
        help = f"name one of them: {', '.join(f'`{path}`' for path in within)}"
        report.error("unknown-mask", f"`{name}` holds several attentions", None, help=help)
    else:
        help = suggestion(name, [*dict(graph.masks), *paths], "masks")
        report.error("unknown-mask", f"there is neither a mask nor an attention `{name}`", None, help=help)
    return None


def _attentions(body: Body, above: str) -> Iterator[tuple[str, Found]]:
    """Every attention by its path; one alone in a block of a library has the name of the block's node."""
    for node in body.nodes:
        path = f"{above}{node.name}"
        if isinstance(node.does, Attend):
            yield path, _found(path, node, body)
            continue
        bodies = inner_bodies(node)
        inner = [found for first in bodies[:1] for found in _attentions(first, f"{path}.")]
        differ = len({tuple(found.mask for _, found in _attentions(other, "")) for other in bodies}) > 1
        if differ:
            note = f"the turns of `{path}` differ: this is the first; `{path}.1` and so on name others"
            inner = [(at, Found(f.name, f.mask, f.queries, f.keys, note)) for at, f in inner]
        if len(inner) == 1 and "." in bodies[0].block:
            (found,) = (found for _, found in inner)
            inner = [(path, Found(path, found.mask, found.queries, found.keys, found.note))]
        yield from inner


def _found(path: str, node: Node, body: Body) -> Found:
    assert isinstance(node.does, Attend)
    axes = [body.type_of(ref).axes[-3] for port in ("query", "key") if (ref := node.input(port))]
    return Found(path, node.does.mask, axes[0], axes[1])


def _in_turn(body: Body, parts: list[str]) -> Found | None:
    """By a path with the number of a turn in it: `layers.5.attention`."""
    name, *rest = parts
    if not body.has_node(name):
        return None
    node = body.node(name)
    match node.does:
        case Repeat() as repeat if rest and rest[0].isdigit() and int(rest[0]) < repeat.count:
            inner, rest = _turn(repeat, int(rest[0])), rest[1:]
        case Repeat() as repeat if repeat.runs:
            inner = repeat.bodies[0]
        case Call(inner):
            pass
        case Attend() if not rest:
            return _found(name, node, body)
        case _:
            return None
    if rest:
        return _in_turn(inner, rest)
    found = [found for _, found in _attentions(inner, "")]
    return found[0] if len(found) == 1 else None


def _turn(repeat: Repeat, at: int) -> Body:
    for run in repeat.runs:
        if at < run.count * len(run.bodies):
            return run.bodies[at % len(run.bodies)]
        at -= run.count * len(run.bodies)
    raise AssertionError("a turn beyond the last")


# -- its picture ------------------------------------------------------------------------------------------------------


class _Drawing:
    """One mask at some lengths; tensors that it reads hold an example."""

    def __init__(self, graph: Graph, found: Found, lengths: Mapping[str, int]) -> None:
        self.found, self.lengths = found, lengths
        self.sizes = sizes_of(graph)
        numbers = {size: self.number(size) for size in numbers_of(found.mask)}
        self.known = {size: number for size, number in numbers.items() if number is not None}

    def number(self, size: Dim) -> int | None:
        return ground(size, self.sizes).value(self.lengths)

    @cached_property
    def small(self) -> dict[int, int]:
        """By what the numbers are replaced that are too large to be seen; nothing, where lengths are given."""
        large = sorted({number for number in self.known.values() if number > _SMALL})
        if self.lengths or not large or large[-1] <= LARGEST:
            return {}
        return {number: _SMALL + 2 * at for at, number in enumerate(large)}

    def drawn(self, size: Dim) -> int:
        """The number as which a size is drawn; one that depends on a length that is not given is half of it."""
        number = self.known.get(size)
        return self.side // 2 if number is None else self.small.get(number, number)

    @cached_property
    def side(self) -> int:
        numbers = [self.small.get(number, number) for number in self.known.values()]
        return max([SIDE, *(2 * number + 2 for number in numbers if number <= LARGEST)])

    def count(self, axis: Axis | None) -> int:
        """How many positions an axis has: as given, as known, else a few."""
        given = ground(axis.size, self.sizes).value(self.lengths) if axis else max([*self.lengths.values(), 0])
        return given or self.side

    def grid(self, report: Report) -> Grid | None:
        queries, keys = self.count(self.found.queries), self.count(self.found.keys)
        if max(queries, keys) > MOST:
            message = f"`{self.found.name}` has {queries:,} queries and {keys:,} keys"
            help = f"at most {MOST} of each are drawn: give smaller sizes with `--set` or `--at`"
            report.error("too-large-to-draw", message, None, help=help)
            return None
        sees = evaluated(self.found.mask, partial(self.atom, keys))
        rows = tuple("".join(YES if sees(i, j) else NO for j in range(keys)) for i in range(queries))
        return Grid(self.title, rows, *self.labels, tuple(self.notes(keys)))

    @property
    def title(self) -> str:
        text = str(self.found.mask)
        return text if text == self.found.name else f"{self.found.name}: {text}"

    @property
    def labels(self) -> tuple[str, str]:
        queries, keys = self.found.queries, self.found.keys
        return f"queries {queries or ''}".strip(), f"keys {keys or ''}".strip()

    # -- atoms --------------------------------------------------------------------------------------------------------

    def atom(self, keys: int, atom: Atom) -> Sees:
        match atom:
            case Everything():
                return lambda i, j: True
            case Causal():
                return lambda i, j: j <= i
            case Window(left, right):
                return self.window(left, right)
            case Chunk(size):
                chunk = max(1, self.drawn(size))
                return lambda i, j: i // chunk == j // chunk
            case Dilated(size):
                step = max(1, self.drawn(size))
                return lambda i, j: (i - j) % step == 0
            case Prefix(size):
                first = self.drawn(size) if isinstance(size, Dim) else keys // 3
                return lambda i, j: j < first
            case _:
                return _example(atom, keys)

    def window(self, left: Dim | None, right: Dim | None) -> Sees:
        before = None if left is None else self.drawn(left)
        after = None if right is None else self.drawn(right)
        return lambda i, j: (before is None or i - before <= j) and (after is None or j <= i + after)

    def notes(self, keys: int) -> Iterator[str]:
        if self.found.note:
            yield self.found.note
        replaced = ", ".join(f"{large:,} as {small}" for large, small in self.small.items())
        if replaced:
            yield f"drawn smaller: {replaced}; --at gives true sizes"
        for atom in dict.fromkeys(atoms(self.found.mask)):
            yield from _what(atom, keys)


def _example(atom: Atom, keys: int) -> Sees:
    """What a tensor holds for the sake of the picture."""
    match atom:
        case Keys():
            return lambda i, j: j < keys - _padding(keys)
        case Documents():
            return lambda i, j: _document(i, keys) == _document(j, keys)
        case _:
            return lambda i, j: _neighbours(min(i, j), max(i, j), keys)


def _what(atom: Atom, keys: int) -> Iterator[str]:
    match atom:
        case Keys(port):
            yield f"{port} holds an example: the last {_padding(keys)} are padding"
        case Documents(port):
            yield f"{port} holds an example: three documents"
        case Adjacency(port):
            yield f"{port} holds an example: a ring with two chords"
        case Prefix(str(port)):
            yield f"{port} holds an example: {keys // 3}"
        case _:
            pass


def _padding(keys: int) -> int:
    return max(1, keys // 4)


def _document(at: int, count: int) -> int:
    """Three documents, no two equally long."""
    return (12 * at >= 5 * count) + (12 * at >= 9 * count)


def _neighbours(low: int, high: int, count: int) -> bool:
    chords = {(0, count // 2), (count // 4, 3 * count // 4)}
    return high - low in (0, 1, count - 1) or (low, high) in chords
