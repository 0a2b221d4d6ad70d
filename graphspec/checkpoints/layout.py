"""The tensors of a file, as a map and the sizes of a model decide them, and which part each of the model's takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from graphspec.checkpoints.patterns import BadPattern, Cut, Piece, cut_out, whole
from graphspec.checkpoints.resolve import Found, Resolver
from graphspec.checkpoints.values import CheckpointMap, Line
from graphspec.diagnostics import Note, Report, suggestion
from graphspec.graph import Graph, buffer_paths, parameter_paths

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """A tensor of the model, and the part of a file's tensor that it is.

    `names` are alternatives, best first; several names are tensors of the file stacked along a new first axis.
    """

    path: str
    shape: tuple[int, ...]
    names: tuple[Names, ...]
    stacked: bool
    piece: Piece
    line: Line


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A tensor of the file (or a stack of some), by its best name, with what the model takes of it."""

    names: Names
    view: tuple[int, ...]
    shape: tuple[int, ...]
    uses: tuple[Use, ...]

    @property
    def each(self) -> tuple[int, ...]:
        """The shape of each tensor that is in the file."""
        return self.shape[1:] if self.stacked else self.shape

    @property
    def stacked(self) -> bool:
        return self.uses[0].stacked


@dataclass(frozen=True)
class Layout:
    """All tensors of a file, in the order of the model's."""

    map: CheckpointMap
    tensors: tuple[FileTensor, ...]


def lay_out_files(graph: Graph, given: CheckpointMap, report: Report) -> Layout:
    """What a file must hold for a model. Reports what does not come out whole."""
    resolver = Resolver(graph, given, report)
    found = resolver.resolve()
    groups: dict[Names, list[Use]] = {}
    for use in _uses(resolver, found):
        groups.setdefault(use.names[0], []).append(use)
    if report.failed:
        return Layout(given, ())
    _check_aliases(given, {name for uses in groups.values() for use in uses for it in use.names for name in it}, report)
    return Layout(given, tuple(_file_tensor(names, uses, report) for names, uses in groups.items()))


def _check_aliases(given: CheckpointMap, known: set[str], report: Report) -> None:
    """Report aliases of names that no line of the map gives."""
    for alias in given.aliases:
        if not known.intersection(alias.owners):
            message = f"`{alias.owner}` is no tensor of this map, so that nothing can be its second name"
            report.error("unknown-name", message, alias.span, help=suggestion(alias.owner, known))


def own_layout(graph: Graph, report: Report) -> Layout:
    """A file in the spec's own names."""
    given = CheckpointMap("", graph.body.span, (), (), (), (), (), {}, {})
    sizes = Resolver(graph, given, report).sizes
    found: list[FileTensor] = []
    line = Line(graph.name, graph.body.span)  # one for all, so that one report lists them
    for path, parameter in (*parameter_paths(graph.body), *buffer_paths(graph.body)):
        shape = tuple(sizes.value(size) or 0 for size in parameter.shape)
        use = Use(path, shape, ((path,),), False, whole(shape), line)
        found.append(FileTensor((path,), shape, shape, (use,)))
    return Layout(given, tuple(found))


def check_pieces(resolver: Resolver, found: Sequence[Found]) -> None:
    """Report patterns that do not fit the shapes."""
    for _ in _uses(resolver, found):
        pass


def _uses(resolver: Resolver, found: Sequence[Found]) -> Iterator[Use]:
    sets: dict[tuple[str, Line], dict[int, Found]] = {}
    for each in found:
        if each.rule.count:
            sets.setdefault((each.fill(0), each.line), {})[each.rule.pick] = each
    for each in found:
        parts = sets[each.fill(0), each.line] if each.rule.count else {}
        if len(parts) < each.rule.count:
            _report_missing_part(each, parts, resolver.report)
            continue
        try:
            yield _use(resolver, each, [parts[pick].shape for pick in range(each.rule.count)])
        except BadPattern as error:
            message = f"`{each.path}`: {error.message}"
            resolver.report.error("map-size", message, each.line.span, help=error.help)
        except ValueError as error:
            resolver.report.error("bad-map-name", str(error), each.line.span, help="an index is bound on the left")


def _use(resolver: Resolver, found: Found, siblings: Sequence[Sequence[int]]) -> Use:
    pattern = found.line.pattern
    if pattern is None:
        return Use(found.path, found.shape, _names(found, "", 0), False, whole(found.shape), found.line)
    known = resolver.known_sizes(found)
    picked = dict(found.indices) | ({pattern.index: found.rule.pick} if siblings else {})
    piece = cut_out(pattern, found.shape, known, picked, siblings)
    stack = pattern.left[0][0] if len(pattern.left[0]) == 1 else ""
    names = _names(found, stack, piece.view[0] or 0)
    return Use(found.path, found.shape, names, _is_stacked(found, 0, stack), piece, found.line)


def _is_stacked(found: Found, option: int, stack: str) -> bool:
    """Whether a name has an index that only the pattern knows, as its first axis."""
    free = found.names[option][1].variables - {name for name, _ in found.indices}
    return free == frozenset([stack])


def _names(found: Found, stack: str, count: int) -> tuple[Names, ...]:
    """The alternatives; of a stack, a name for each place."""
    every: list[Names] = []
    for option in range(len(found.names)):
        if _is_stacked(found, option, stack):
            every.append(tuple(found.fill(option, **{stack: place}) for place in range(count)))
        else:
            every.append((found.fill(option),))
    return tuple(every)


def _report_missing_part(found: Found, parts: Mapping[int, Found], report: Report) -> None:
    listed = ", ".join(f"`{part.path}`" for part in parts.values())
    message = f"one tensor of the file is divided by `{found.line.text}`, but only {listed} is there to take a part"
    help = "the nodes of the set must learn the same tensors"
    report.error("map-incomplete", message, found.line.span, help=help)


def _file_tensor(names: Names, uses: Sequence[Use], report: Report) -> FileTensor:
    """One tensor of the file, from the parts that are taken of it. Reports overlaps and gaps."""
    view = tuple(_extent(axis, uses) for axis in range(len(uses[0].piece.view)))
    shape = _grouped(view, uses[0].piece.groups)
    parts = {use.piece.cuts: prod(use.piece.permuted) for use in uses}
    same = len({use.piece.groups for use in uses}) == 1
    if not same or sum(parts.values()) != _taken(view, uses[0].piece) or not _apart(list(parts), view):
        notes = [Note(f"`{use.path}` takes {use.shape}", use.line.span) for use in uses[:8]]
        message = f"the parts of `{names[0]}` do not make up a whole"
        help = "every row of the file's tensor belongs to exactly one tensor of the model"
        report.error("map-incomplete", message, uses[0].line.span, notes=notes, help=help)
    return FileTensor(names, view, shape, tuple(uses))


def _taken(view: Sequence[int], piece: Piece) -> int:
    """How many numbers of the whole are not skipped."""
    along = piece.stretches
    return prod(view) // along.total * len(along.places) if along else prod(view)


def _extent(axis: int, uses: Sequence[Use]) -> int:
    """The size of an axis of the whole; of an index, as far as it is used."""
    sizes = [use.piece.view[axis] for use in uses if axis < len(use.piece.view)]
    known = [size for size in sizes if size is not None]
    if known:
        return max(known)
    return max(cut.start + cut.length for use in uses for cut in use.piece.cuts if cut.axis == axis)


def _grouped(view: Sequence[int], groups: Sequence[int]) -> tuple[int, ...]:
    sizes, place = list[int](), 0
    for count in groups:
        sizes.append(prod(view[place : place + count]))
        place += count
    return tuple(sizes)


def _apart(every: Sequence[tuple[Cut, ...]], view: Sequence[int]) -> bool:
    """Whether no two parts overlap; with the sum of their sizes, whether they make up the whole."""
    if len(every) > 512:  # as many as the sum says: the sizes alone must do
        return True
    return all(
        any(a.start + a.length <= b.start or b.start + b.length <= a.start for a, b in zip(one, other, strict=False))
        for place, one in enumerate(every)
        for other in every[:place]
    )
