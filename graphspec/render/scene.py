"""Graph → scene: the items of a diagram, what is in which, what is joined to what. Pure data, no measures.

The scene of a body does not know where the body stands, so that a body used in many places is one scene.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from graphspec.axes import Dim
from graphspec.graph import Body, Call, Graph, Input, Node, Parameter, Ref, Repeat, Run, inner_bodies
from graphspec.operators import Operator
from graphspec.render.fold import folded
from graphspec.render.glyphs import Glyph, glyph
from graphspec.render.names import block_name, humanised, plain, shape_text, size_text
from graphspec.render.steps import CONTAINER, Flow, Step, flow_of
from graphspec.render.theme import RenderOptions

MOST_TURNS = 6
"""How many different turns of one repeat are drawn."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a scene: a box, a mark, a text (an input or output of the model), a point, or a container."""

    name: str
    form: str
    kind: str = ""
    title: str = ""
    mark: str = ""
    glyph: Glyph = ()
    times: str = ""
    inner: Scene | None = None
    note: str = field(default="", compare=False)
    shape: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Wire:
    """A value on its way: from an item (or an input of the scene) to an item (or an output of the scene).

    Empty names stand for the scene's own ends; ports tell which of them, and which of a container's.
    """

    tail: str
    out: str
    head: str
    port: str
    memory: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """The items of one body from the first computed to the last.

    `ties` are pairs of items that learn one tensor, `entry` is the point at which a body's first input comes in,
    `ends` are the items that stand for a model's outputs.
    """

    items: tuple[Item, ...]
    wires: tuple[Wire, ...]
    ties: tuple[tuple[str, str], ...] = ()
    entry: str = ""
    ends: tuple[str, ...] = ()


def scene_of(graph: Graph, options: RenderOptions) -> Scene:
    """The scene of a whole model."""
    return _Builder(graph.sizes, options).model(graph.body)


class _Builder:
    def __init__(self, sizes: Mapping[str, int], options: RenderOptions) -> None:
        self.sizes, self.options = sizes, options
        self.known: dict[tuple[Body, int, Used], Scene] = {}

    def model(self, body: Body) -> Scene:
        flow = self.flow(body, 0)
        readers = flow.readers()
        inputs = tuple(self.text(source) for source in body.inputs if readers[source.name])
        outputs = tuple(Item(f"→{name}", "text", title=plain(name)) for name, _ in flow.outputs)
        given = {source.name: source.name for source in body.inputs}
        wires = tuple(replace(wire, head=wire.head or f"→{wire.port}") for wire in _wires(flow, given))
        items = (*inputs, *self.items(flow, 0), *outputs)
        return Scene(items, wires, tuple(_ties(flow)), ends=tuple(item.name for item in outputs))

    def body(self, body: Body, level: int, used: Used) -> Scene:
        """The scene of a body as far as its `used` outputs need it; its first input comes in at a point."""
        if (body, level, used) not in self.known:
            flow = self.flow(body, level, used)
            first = body.inputs[0].name if body.inputs else ""
            entry = (Item(first, "point"),) if flow.readers().get(first) else ()
            wires = tuple(_wires(flow, {first: first}))
            scene = Scene((*entry, *self.items(flow, level)), wires, tuple(_ties(flow)), first if entry else "")
            self.known[body, level, used] = scene
        return self.known[body, level, used]

    def flow(self, body: Body, level: int, used: Used = ()) -> Flow:
        return folded(flow_of(body, partial(self.opens, level), self.sizes, used))

    def opens(self, level: int, node: Node) -> bool:
        """By default repeats and the file's own blocks that are made of blocks."""
        if self.options.depth is not None:
            return level < self.options.depth
        structured = any(inner_bodies(inner) for body in inner_bodies(node) for inner in body.nodes)
        library = any("." in body.block for body in inner_bodies(node))
        return isinstance(node.does, Repeat) or (structured and not library)

    # -- items --------------------------------------------------------------------------------------------------------

    def text(self, source: Input) -> Item:
        shape = shape_text(source.type) if self.options.shapes != "none" else ""
        return Item(source.name, "text", title=plain(source.name), shape=shape)

    def items(self, flow: Flow, level: int) -> Iterator[Item]:
        titles = Counter(step.title for step in flow.steps)
        for step in flow.steps:
            if step.kind == CONTAINER:
                yield self.container(step, level, _used(step, flow))
            elif step.is_mark:
                yield Item(step.name, "mark", "mark", mark=step.mark)
            else:
                seen = glyph(step.mask, self.sizes)
                note = f"mask: {step.mask}" if seen else ""
                name = step.name if titles[step.title] > 1 and _needs_name(step) else ""
                shape = " · ".join(filter(None, [name, self.shape(step, flow)]))
                yield Item(step.name, "box", step.kind, step.title, step.mark, seen, note=note, shape=shape)

    def shape(self, step: Step, flow: Flow) -> str:
        """The axes of what a step gives, where they are news."""
        text = shape_text(step.type)
        if self.options.shapes == "changes" and step.reads:
            before = {shape_text(flow.body.type_of(read.ref)) for read in step.reads if not read.memory}
            return "" if text in before else text
        return text if self.options.shapes != "none" else ""

    def container(self, step: Step, level: int, used: Used) -> Item:
        match step.node.does:
            case Call(body):
                times, inner = "", self.body(body, level + 1, used)
            case Repeat() as repeat:
                times, inner = _Turns(self, level + 1, used).of(repeat)
            case _:
                raise AssertionError(f"{step.name} has no inside")
        return Item(step.name, "container", title=step.title, times=times, inner=inner)


def _needs_name(step: Step) -> bool:
    """Whether people tell such steps apart by their names: linears, for one, but not norms."""
    return isinstance(step.node.does, Operator) and not step.node.anonymous and step.kind not in _NAMELESS


_NAMELESS = ("norm", "attention", "cross", "embedding", "position")
Used = tuple[str, ...]


def _used(step: Step, flow: Flow) -> Used:
    """The outputs of a step that something reads, its first one in any case."""
    first = step.node.outputs[0].name
    refs = [read.ref for other in flow.steps for read in other.reads] + [ref for _, ref in flow.outputs]
    return tuple(dict.fromkeys([first, *(ref.output or first for ref in refs if ref.name == step.name)]))


# -- repeats ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turns:
    """The inside of a repeat: one scene if all turns look alike, else the different ones in a row."""

    builder: _Builder
    level: int
    used: Used

    def of(self, repeat: Repeat) -> tuple[str, Scene]:
        runs = self.runs(repeat)
        if not runs:
            return _times(repeat.times, 0), _row([])
        if len(runs) > 1:
            return "", _row([self.part(bodies, count) for bodies, count in runs])
        ((bodies, count),) = runs
        if len(bodies) == 1:
            return _times(repeat.times, count), self.scene(bodies[0])
        return f"× {count}", _row([self.part((body,), 1) for body in bodies])

    def scene(self, body: Body) -> Scene:
        return self.builder.body(body, self.level, self.used)

    def runs(self, repeat: Repeat) -> list[tuple[tuple[Body, ...], int]]:
        """The runs of a repeat; bodies that look alike are the same."""
        found: list[tuple[tuple[Body, ...], int]] = []
        for run in repeat.runs:
            bodies, count = self.alike(run)
            before: tuple[Body, ...] = found[-1][0] if found else ()
            if len(bodies) == 1 and len(before) == 1 and self.scene(before[0]) == self.scene(bodies[0]):
                count += found.pop()[1]
            found.append((bodies, count))
        return found

    def alike(self, run: Run) -> tuple[tuple[Body, ...], int]:
        first = {self.scene(body): body for body in reversed(run.bodies)}
        bodies = tuple(first[self.scene(body)] for body in run.bodies)
        return (bodies[:1], run.count * len(bodies)) if len(first) == 1 else (bodies, run.count)

    def part(self, bodies: tuple[Body, ...], count: int) -> Item:
        inner = self.scene(bodies[0]) if len(bodies) == 1 else _row([self.part((body,), 1) for body in bodies])
        return Item("", "container", title=humanised(block_name(bodies[0].block)), times=f"× {count}", inner=inner)


def _times(size: Dim, count: int) -> str:
    return f"× {count}" if size.constant is not None else f"× {size_text(size)} = {count}"


def _row(parts: list[Item]) -> Scene:
    """Containers one after another: what one gives the next reads, other inputs are everyone's."""
    if len(parts) > MOST_TURNS:
        left_out = Item("", "text", title=f"… {len(parts) - MOST_TURNS + 1} more …")
        parts = [*parts[: MOST_TURNS - 2], left_out, parts[-1]]
    parts = [
        replace(part, name=f"[{at}]", times="" if part.times == "× 1" else part.times) for at, part in enumerate(parts)
    ]
    entry = Item(next((part.inner.entry for part in parts if part.inner), "") or "[", "point")
    wires: list[Wire] = []
    before, out = entry.name, ""
    for part in parts:
        first, others, out_next = _ends(part)
        wires.append(Wire(before, out, part.name, first))
        wires += [Wire("", port, part.name, port, memory) for port, memory in others]
        before, out = part.name, out_next
    wires.append(Wire(before, out, "", ""))
    return Scene((entry, *parts), tuple(wires), entry=entry.name)


def _ends(part: Item) -> tuple[str, list[tuple[str, bool]], str]:
    """A container's first input, its other inputs, and its first output."""
    if part.inner is None:
        return "", [], ""
    others = dict.fromkeys((wire.out, wire.memory) for wire in part.inner.wires if not wire.tail)
    first_out = next((wire.port for wire in part.inner.wires if not wire.head), "")
    return part.inner.entry, list(others), first_out


# -- wires ------------------------------------------------------------------------------------------------------------


def _wires(flow: Flow, given: Mapping[str, str]) -> Iterator[Wire]:
    """What joins the steps; `given` are the inputs that are items of the scene."""
    steps = flow.by_name()
    for step in flow.steps:
        for read in step.reads:
            yield Wire(*_tail(read.ref, steps, given), step.name, read.port, read.memory)
    for name, ref in flow.outputs:
        yield Wire(*_tail(ref, steps, given), "", name)


def _tail(ref: Ref, steps: Mapping[str, Step], given: Mapping[str, str]) -> tuple[str, str]:
    if ref.name in steps:
        return ref.name, ref.output or steps[ref.name].node.outputs[0].name
    return (given[ref.name], "") if ref.name in given else ("", ref.name)


def _ties(flow: Flow) -> Iterator[tuple[str, str]]:
    """Pairs of steps that learn one tensor: the owner and the one tied to it."""
    owner = {name: step.name for step in flow.steps for name in step.names}
    for step in flow.steps:
        for parameter in _parameters(step, flow):
            if parameter.tied and owner.get(parameter.tied[0], step.name) != step.name:
                yield owner[parameter.tied[0]], step.name


def _parameters(step: Step, flow: Flow) -> Iterator[Parameter]:
    for name in step.names:
        yield from flow.body.node(name).parameters
