"""Graph → the bodies as the page draws them: every block both closed and open, so that the page can choose.

What a block is drawn as when it is closed, and what it shows when it is open, comes from the static diagrams: each
body's scene is made twice, with all its blocks closed and with all of them open, and the two are laid side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from graphspec.graph import WEIGHT, Body, Call, Graph, Mixture, Node, Repeat
from graphspec.page.data import Inside, RunData, Slot, Way
from graphspec.render.names import block_name, humanised, plain, size_text
from graphspec.render.scene import Item, Scene
from graphspec.render.scenes import SceneBuilder, Used
from graphspec.render.steps import Step
from graphspec.render.theme import RenderOptions

WEIGHED = f"{WEIGHT}•"
"""The mark in an open expert at which its weight comes in."""


@dataclass(frozen=True)
class Kind:
    """A body as it is used somewhere: with these of its outputs; as an expert; as the whole that is drawn."""

    body: Body
    used: Used = ()
    expert: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Drawn:
    """A body as slots, and what leaves it: tail, output, port."""

    slots: tuple[Slot, ...]
    outs: tuple[tuple[str, str, str], ...]
    ties: tuple[tuple[str, str], ...]
    entry: str
    ends: tuple[str, ...]


class Bodies:
    """Draws each kind of body once, and gives it a number."""

    def __init__(self, graph: Graph, options: RenderOptions) -> None:
        self.graph, self.options = graph, options
        self.numbers: dict[Kind, int] = {}
        self.drawn: dict[Kind, Drawn] = {}

    def number(self, kind: Kind) -> int:
        """Those within come first."""
        if kind not in self.numbers:
            made = self._expert(kind) if kind.expert else self._slots(kind)
            self.numbers[kind] = len(self.numbers)
            self.drawn[kind] = made
        return self.numbers[kind]

    def _slots(self, kind: Kind) -> Drawn:
        closed, opened = (_Sketch(self, kind, opened=opened) for opened in (False, True))
        one, other = closed.scene(), opened.scene()
        slots = tuple(_side_by_side(one, other, opened.insides))
        outs = tuple((wire.tail, wire.out, wire.port) for wire in one.wires if not wire.head)
        return Drawn(slots, outs, tuple(dict.fromkeys((*one.ties, *other.ties))), one.entry, one.ends)

    def _expert(self, kind: Kind) -> Drawn:
        """An expert, and above it the mark at which the weight comes in from the side."""
        plainly = self._slots(replace(kind, expert=False))
        tail, out, port = plainly.outs[0]
        ways: list[Way] = [(tail, out, "x", False), ("", WEIGHT, WEIGHT, False)]
        mark: Slot = {"name": WEIGHED, "form": "mark", "kind": "mark", "mark": "×", "names": [], "wires": ways}
        return replace(plainly, slots=(*plainly.slots, mark), outs=((WEIGHED, "", port),))

    def inside(self, node: Node, used: Used) -> Inside:
        match node.does:
            case Repeat() as repeat:
                runs = [(run.bodies, run.count) for run in repeat.runs]
                symbol = "" if repeat.times.constant is not None else size_text(repeat.times, alone=True)
                return self._inside("repeat", node, used, runs, symbol=symbol, shared=repeat.shared)
            case Mixture(inner) as mixture:
                times = f"× {mixture.count}, weighted"
                return self._inside("experts", node, used, [((inner,), 1)], times=times)
            case Call(inner):
                return self._inside("call", node, used, [((inner,), 1)])
            case _:
                raise AssertionError(f"{node.name} has no inside")

    def _inside(
        self,
        kind: str,
        node: Node,
        used: Used,
        runs: list[tuple[tuple[Body, ...], int]],
        symbol: str = "",
        shared: bool = False,
        times: str = "",
    ) -> Inside:
        expert = kind == "experts"
        numbered = [RunData(bodies=[self.number(Kind(b, used, expert)) for b in bs], count=n) for bs, n in runs]
        opened = SceneBuilder(self.graph, replace(self.options, depth=None)).opens(0, node)
        entry = node.inputs[0][0]
        return {
            "kind": kind,  # pyright: ignore[reportReturnType]
            "entry": entry,
            "runs": numbered,
            "symbol": symbol,
            "shared": shared,
            "times": times,
            "opened": opened,
        }


class _Sketch(SceneBuilder):
    """The scene of one body alone: with all its blocks open, but nothing in them, or with all of them closed."""

    def __init__(self, bodies: Bodies, kind: Kind, opened: bool) -> None:
        super().__init__(bodies.graph, bodies.options)
        self.bodies, self.kind, self.opened = bodies, kind, opened
        self.insides: dict[str, Inside] = {}

    def scene(self) -> Scene:
        body, used = self.kind.body, self.kind.used
        return self.model(body, used) if self.kind.whole else self.body(body, 0, used)

    def opens(self, level: int, node: Node) -> bool:
        return self.opened and (not isinstance(node.does, Repeat) or bool(node.does.runs))

    def container(self, step: Step, level: int, used: Used, learned: str) -> Item:
        self.insides[step.name] = self.bodies.inside(step.node, used)
        return Item(step.name, "container", title=step.title, learned=learned, names=step.names)


# -- side by side -----------------------------------------------------------------------------------------------------


def _side_by_side(closed: Scene, opened: Scene, insides: Mapping[str, Inside]) -> Iterator[Slot]:
    """What is the same in both stands once; else first what stands for a closed block, then what it is made of."""
    whole = {name: item for item in closed.items for name in item.names}
    plainly = {item.name: item for item in closed.items}
    for item in opened.items:
        group = whole.get(item.names[0] if item.names else "")
        if group is None or (item.form != "container" and item.names == group.names):
            yield _slot(plainly[item.name], closed)
            continue
        if item.name == group.name:
            yield {**_slot(group, closed), "when": "closed", "group": group.name}
        slot: Slot = {**_slot(item, opened), "when": "open", "group": group.name}
        yield {**slot, "inside": insides[item.name]} if item.form == "container" else slot


def _slot(item: Item, scene: Scene) -> Slot:
    ways: list[Way] = [(w.tail, w.out, w.port, w.memory) for w in scene.wires if w.head == item.name]
    slot: Slot = {"name": item.name, "form": item.form, "names": list(item.names), "wires": ways}
    if item.kind:
        slot["kind"] = item.kind
    if item.title:
        slot["title"] = plain(item.title)
    if item.mark:
        slot["mark"] = item.mark
    if item.glyph:
        slot["glyph"] = list(item.glyph)
    if item.shape:
        slot["shape"] = plain(item.shape)
    if item.learned:
        slot["learned"] = item.learned
    if item.note:
        slot["note"] = item.note
    return slot


def turn_title(body: Body) -> str:
    """What a turn of a repeat is called."""
    return humanised(block_name(body.block))
