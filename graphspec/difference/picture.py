"""A difference as one picture: what came, went and changed is coloured and dashed, the rest is pale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from graphspec.diagnostics import Report
from graphspec.difference.bodies import BodyDifference, Pair
from graphspec.difference.facts import Fact
from graphspec.difference.union import united
from graphspec.difference.values import Difference
from graphspec.graph import Graph, Repeat
from graphspec.render.compared import Change
from graphspec.render.files import finished, saved
from graphspec.render.focus import Focus, focus_of
from graphspec.render.legend import with_legend
from graphspec.render.names import size_text
from graphspec.render.picture import Box, Dot, Frame, Line, Paint, Picture, Piece, Point
from graphspec.render.place import picture_of
from graphspec.render.scene import Item, Scene, Wire
from graphspec.render.scenes import scene_of
from graphspec.render.theme import PALETTES, RenderOptions, pale

LEGEND: Mapping[Paint, str] = {"added": "Added", "removed": "Removed", "changed": "Changed"}


def write(difference: Difference, path: Path, report: Report, options: RenderOptions) -> None:
    """Draw to a file; errors as of `graphspec.render.write`."""
    for name, given in (("explain", options.explain), ("params", options.params)):
        if given:
            help = f"leave `{name}` out: the report has the verdicts and the numbers of both"
            report.error("wrong-word", f"a picture of a difference has no `{name}`", None, help=help)
    if options.focus:
        focus_of(_union(difference), options.focus, report)
    if not report.failed:
        saved(path, report, options, lambda form: drawing(difference, form, options, report))


def drawing(difference: Difference, form: str, options: RenderOptions, report: Report) -> bytes:
    """The content of a file. Raises `NoLayout`."""
    placed, palette = picture(difference, options), pale(PALETTES[options.theme])
    return finished(placed, form, palette, report, " → ".join(difference.names))


def picture(difference: Difference, options: RenderOptions) -> Picture:
    """Both models in one diagram, or a block of both, with everything in its place. Raises `SpecError` where there is
    nothing to focus on."""
    graph, report = _union(difference), Report()
    focus = focus_of(graph, options.focus, report) if options.focus else None
    report.check()
    scene = scene_of(graph, options, focus)
    if focus is None:
        scene = _with_times(_with_facts(scene, difference), difference.body)
    placed = picture_of(_with_joins(scene), _title(difference, options, focus), options.direction)
    return with_legend(replace(placed, pieces=tuple(_painted(placed.pieces))), LEGEND)


def _union(difference: Difference) -> Graph:
    return replace(difference.after, body=united(difference.body))


def _title(difference: Difference, options: RenderOptions, focus: Focus | None) -> str:
    if isinstance(options.title, str):
        return options.title
    both = " → ".join(difference.names)
    return (f"{focus.title}, {both}" if focus else both) if options.title else ""


def _painted(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Boxes as what became of them; a stem that several lines share is plain, unless all of them are of one kind."""
    forks = {piece.path.removesuffix("•"): (piece.x, piece.y) for piece in pieces if isinstance(piece, Dot)}
    shared: dict[str, set[str]] = {}
    for piece in pieces:
        if isinstance(piece, Line) and piece.kind != "tie":
            shared.setdefault(piece.tail, set()).add(piece.paint)
    forks = {tail: fork for path, fork in forks.items() for tail in shared if f"{tail}/".startswith(f"{path}/")}
    for piece in sorted(pieces, key=_is_painted_line):
        match piece:
            case Box() | Frame():
                yield replace(piece, paint=piece.item.change)
            case Line(tail=tail) if len(shared.get(tail, ())) > 1 and tail in forks:
                yield from _from_fork(piece, forks[tail])
            case _:
                yield piece


def _is_painted_line(piece: Piece) -> bool:
    """Such are drawn last, so that none lies under a plain one."""
    return isinstance(piece, Line) and bool(piece.paint)


def _from_fork(line: Line, fork: Point) -> Iterator[Line]:
    """A line that shows the stem of a fork, in two."""
    if _is_between(fork, line.points[:2]):
        yield replace(line, points=(line.points[0], fork), arrow=False, paint="")
        line = replace(line, points=(fork, *line.points[1:]))
    yield line


def _is_between(point: Point, segment: Sequence[Point]) -> bool:
    """Whether a point lies on a straight piece, but not at an end of it."""
    (x0, y0), (x1, y1) = segment
    x, y = point
    upright = x0 == x1 == x and min(y0, y1) <= y <= max(y0, y1)
    return point not in segment and (upright or (y0 == y1 == y and min(x0, x1) <= x <= max(x0, x1)))


# -- what the nodes do not say ----------------------------------------------------------------------------------------


def _with_facts(scene: Scene, difference: Difference) -> Scene:
    """Inputs and outputs of the model as what became of them."""
    inputs, outputs = _changes(difference.inputs), _changes(difference.outputs)
    known: dict[str, Change] = {**inputs, **{f"→{name}": change for name, change in outputs.items()}}
    items = tuple(
        replace(item, change=known.get(item.name, "")) if item.form == "text" else item for item in scene.items
    )
    wires = tuple(
        replace(wire, change=known.get(wire.head) or known.get(wire.tail) or wire.change)
        if _ends_at(wire.head, wire.tail, known)
        else wire
        for wire in scene.wires
    )
    return replace(scene, items=items, wires=wires)


def _ends_at(head: str, tail: str, known: Mapping[str, Change]) -> bool:
    return any(known.get(end) in ("added", "removed") for end in (head, tail))


def _changes(facts: tuple[Fact, ...]) -> dict[str, Change]:
    kinds: Mapping[str, Change] = {"added": "added", "removed": "removed"}
    return {fact.name: kinds.get(fact.status, "changed") for fact in facts}


def _with_times(scene: Scene, difference: BodyDifference) -> Scene:
    """Repeats with the number of their turns before and after."""
    items = tuple(_timed(item, difference.by_after.get(item.name)) for item in scene.items)
    return replace(scene, items=items)


def _with_joins(scene: Scene) -> Scene:
    """Where a container is entered in another way than before, a point at which both ways meet."""
    items: list[Item] = []
    wires = list(scene.wires)
    for item in scene.items:
        if item.inner is None:
            items.append(item)
            continue
        first = [wire for wire in scene.wires if wire.tail and wire.head == item.name and wire.port == item.inner.entry]
        if len(first) > 1:
            join = Item(f"{item.name}•join", "mark", "mark")
            items.append(join)
            wires = [replace(wire, head=join.name, port="") if wire in first else wire for wire in wires]
            wires.append(Wire(join.name, "", item.name, item.inner.entry))
        items.append(replace(item, inner=_with_joins(item.inner)))
    return replace(scene, items=tuple(items), wires=tuple(wires))


def _timed(item: Item, pair: Pair | None) -> Item:
    if pair is None or item.inner is None:
        return item
    if pair.inside and not any(inner.turns for inner in item.inner.items):
        item = replace(item, inner=_with_times(item.inner, pair.inside[0].difference))
    times = _times(pair)
    if not times or not item.times:
        return item
    return replace(item, times=times, change=item.change or "changed")


def _times(pair: Pair) -> str:
    match pair.before.node.does, pair.after.node.does:
        case Repeat() as old, Repeat() as new if old.count != new.count:
            size = "" if new.times.constant is not None else f"{size_text(new.times)} = "
            return f"× {size}{old.count} → {new.count}" + ", shared" * new.shared
        case _:
            return ""
