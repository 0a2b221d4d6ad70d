"""Graph → scene: one for each distinct body."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from graphspec.analysis.cost import Costs, human
from graphspec.graph import Body, Call, Graph, Input, Mixture, Node, Parameter, Ref, Repeat, inner_bodies
from graphspec.operators import Operator
from graphspec.operators.attention import Attend
from graphspec.render.compared import Change, change_of, is_removed
from graphspec.render.focus import Focus
from graphspec.render.fold import folded
from graphspec.render.glyphs import glyph
from graphspec.render.names import plain, shape_text
from graphspec.render.scene import Item, Scene, Wire
from graphspec.render.steps import CONTAINER, Flow, Step, flow_of
from graphspec.render.theme import RenderOptions
from graphspec.render.turns import Turns

_NAMELESS = ("norm", "attention", "cross", "embedding", "position")
Used = tuple[str, ...]
"""The outputs of a body that something reads."""


def scene_of(graph: Graph, options: RenderOptions, focus: Focus | None = None) -> Scene:
    """The scene of a whole model, or of one block alone."""
    builder = SceneBuilder(graph, options)
    return builder.model(focus.body, focus.used) if focus else builder.model(graph.body)


class SceneBuilder:
    """Makes the scene of each distinct body once, as far as its used outputs need it."""

    def __init__(self, graph: Graph, options: RenderOptions) -> None:
        self.sizes, self.options = graph.sizes, options
        self.costs = Costs(graph)
        self.known: dict[tuple[Body, int, Used], Scene] = {}

    def model(self, body: Body, used: Used = ()) -> Scene:
        """A body with its inputs and (`used`) outputs as texts."""
        flow = self.flow(body, 0, used)
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
        """By default repeats and the file's own blocks that are made of blocks, but for attentions; never experts:
        weights end at them. Nor what is drawn as removed: that it stood there is all that is to be seen of it."""
        if isinstance(node.does, Mixture) or is_removed(node):
            return False
        if self.options.depth is not None:
            return level < self.options.depth
        inside = [inner for body in inner_bodies(node) for inner in body.nodes]
        structured = any(map(inner_bodies, inside)) and not any(isinstance(inner.does, Attend) for inner in inside)
        library = any("." in body.block for body in inner_bodies(node))
        return isinstance(node.does, Repeat) or (structured and not library)

    # -- items --------------------------------------------------------------------------------------------------------

    def text(self, source: Input) -> Item:
        shape = shape_text(source.type) if self.options.shapes != "none" else ""
        return Item(source.name, "text", title=plain(source.name), names=(source.name,), shape=shape)

    def items(self, flow: Flow, level: int) -> Iterator[Item]:
        titles = Counter(step.title for step in flow.steps)
        for step in flow.steps:
            if step.kind == CONTAINER:
                yield self.container(step, level, _used(step, flow), self.learned(step, flow))
            elif step.is_mark:
                yield Item(step.name, "mark", "mark", mark=step.mark, names=step.names, change=_change(step, flow))
            else:
                seen = glyph(step.mask, self.sizes)
                note = f"mask: {step.mask}" if seen else ""
                name = step.name if titles[step.title] > 1 and _needs_name(step) else ""
                shape = " · ".join(filter(None, [name, self.shape(step, flow)]))
                look = Item(step.name, "box", step.kind, step.title, step.mark, seen, source=not step.reads)
                learned, change = self.learned(step, flow), _change(step, flow)
                yield replace(look, note=note, names=step.names, shape=shape, learned=learned, change=change)

    def shape(self, step: Step, flow: Flow) -> str:
        """The axes of what a step gives, where they are news."""
        text = shape_text(step.type)
        if self.options.shapes == "changes" and step.reads:
            before = {shape_text(flow.body.type_of(read.ref)) for read in step.reads if not read.memory}
            return "" if text in before else text
        return text if self.options.shapes != "none" else ""

    def learned(self, step: Step, flow: Flow) -> str:
        """How many numbers a step learns, where that is asked for."""
        if not self.options.params:
            return ""
        counts = (self.costs.node_parameters(flow.body.node(name), flow.body) for name in step.names)
        count = sum(map(self.costs.number, counts))
        return human(count) if count else ""

    def container(self, step: Step, level: int, used: Used, learned: str) -> Item:
        match step.node.does:
            case Call(body):
                times, inner = "", self.body(body, level + 1, used)
            case Repeat() as repeat:
                times, inner = Turns(lambda body: self.body(body, level + 1, used), step.node.inputs[0][0]).of(repeat)
            case _:
                raise AssertionError(f"{step.name} has no inside")
        look = Item(step.name, "container", title=step.title, times=times, learned=learned, inner=inner)
        return replace(look, names=step.names, change=change_of([step.node], opened=True))


def _change(step: Step, flow: Flow) -> Change:
    return change_of(flow.body.node(name) for name in step.names)


def _needs_name(step: Step) -> bool:
    """Whether people tell such steps apart by their names: linears, for one, but not norms."""
    return isinstance(step.node.does, Operator) and not step.node.anonymous and step.kind not in _NAMELESS


def _used(step: Step, flow: Flow) -> Used:
    """The outputs of a step that something reads, its first one in any case."""
    first = step.node.outputs[0].name
    refs = [read.ref for other in flow.steps for read in other.reads] + [ref for _, ref in flow.outputs]
    return tuple(dict.fromkeys([first, *(ref.output or first for ref in refs if ref.name == step.name)]))


# -- wires ------------------------------------------------------------------------------------------------------------


def _wires(flow: Flow, given: Mapping[str, str]) -> Iterator[Wire]:
    """What joins the steps; `given` are the inputs that are items of the scene."""
    steps = flow.by_name()
    for step in flow.steps:
        for read in step.reads:
            yield Wire(*_tail(read.ref, steps, given), step.name, read.port, read.memory, read.change)
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
