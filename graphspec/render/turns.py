"""The inside of a repeat: one scene if all turns look alike, else the different ones in a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from graphspec.axes import Dim
from graphspec.graph import Body, Repeat, Run
from graphspec.render.names import block_name, humanised, size_text
from graphspec.render.scene import Item, Scene, Wire

MOST_TURNS = 6
"""How many different turns of one repeat are drawn."""


SceneOf = Callable[[Body], Scene]
Places = frozenset[tuple[int, int]]
"""Turns: the number of their run, and where in its pattern they stand."""

Drawn = tuple[tuple[Body, ...], int, tuple[Places, ...]]
"""A pattern of bodies, how often it is gone through, and for each of its bodies the turns that look like it."""


@dataclass(frozen=True)
class Turns:
    """Draws the turns of one repeat; `entry` is the input that each hands on to the next."""

    scene: SceneOf
    entry: str

    def of(self, repeat: Repeat) -> tuple[str, Scene]:
        """How often it is gone through, and what is drawn in it."""
        runs = self.runs(repeat)
        if len(runs) > 1:
            return "", _row([self.part(*run) for run in runs], self.entry)
        bodies, count, places = runs[0] if runs else ((), 0, ())
        inner = self.scene(bodies[0]) if len(bodies) == 1 else self.row(bodies, places)
        times = f"× {count}" if len(bodies) > 1 else _times(repeat.times, count)
        return times + ", shared" * repeat.shared, inner

    def row(self, bodies: tuple[Body, ...], places: Sequence[Places]) -> Scene:
        parts = [self.part((body,), 1, (own,)) for body, own in zip(bodies, places, strict=True)]
        return _row(parts, self.entry)

    def runs(self, repeat: Repeat) -> list[Drawn]:
        """The runs of a repeat; bodies that look alike are the same."""
        found: list[Drawn] = []
        for number, run in enumerate(repeat.runs):
            bodies, count = self.alike(run)
            own = [frozenset({(number, at)}) for at in range(len(run.bodies))]
            places = own if len(bodies) == len(own) else [Places().union(*own)]
            before: tuple[Body, ...] = found[-1][0] if found else ()
            if len(bodies) == 1 and len(before) == 1 and self.scene(before[0]) == self.scene(bodies[0]):
                _, more, earlier = found.pop()
                count, places = count + more, [earlier[0] | places[0]]
            found.append((bodies, count, tuple(places)))
        return found

    def alike(self, run: Run) -> tuple[tuple[Body, ...], int]:
        first = {self.scene(body): body for body in reversed(run.bodies)}
        bodies = tuple(first[self.scene(body)] for body in run.bodies)
        return (bodies[:1], run.count * len(bodies)) if len(first) == 1 else (bodies, run.count)

    def part(self, bodies: tuple[Body, ...], count: int, places: Sequence[Places]) -> Item:
        """Some turns as a container."""
        inner = self.scene(bodies[0]) if len(bodies) == 1 else self.row(bodies, places)
        title, times = humanised(block_name(bodies[0].block)), f"× {count}" if count > 1 else ""
        return Item("", "container", title=title, times=times, inner=inner, turns=Places().union(*places))


def _times(size: Dim, count: int) -> str:
    return f"× {count}" if size.constant is not None else f"× {size_text(size, alone=True)} = {count}"


def _row(parts: list[Item], entry: str) -> Scene:
    """Containers one after another: what one gives the next reads, through the input `entry`; others are everyone's."""
    if len(parts) > MOST_TURNS:
        hidden = Places().union(*(part.turns for part in parts[MOST_TURNS - 2 : -1]))
        left_out = Item("", "text", title=f"… {len(parts) - MOST_TURNS + 1} more …", turns=hidden)
        parts = [*parts[: MOST_TURNS - 2], left_out, parts[-1]]
    parts = [replace(part, name=f"[{at}]") for at, part in enumerate(parts)]
    wires: list[Wire] = []
    before, out = entry, ""
    for part in parts:
        first, others, result = _ends(part)
        wires.append(Wire(before, out, part.name, first))
        wires += [Wire("", port, part.name, port, memory) for port, memory in others]
        before, out = part.name, result
    wires.append(Wire(before, out, "", ""))
    return Scene((Item(entry, "point"), *parts), tuple(wires), entry=entry)


def _ends(part: Item) -> tuple[str, list[tuple[str, bool]], str]:
    """A container's first input, its other inputs, and its first output."""
    if part.inner is None:
        return "", [], ""
    others = dict.fromkeys((wire.out, wire.memory) for wire in part.inner.wires if not wire.tail)
    first_out = next((wire.port for wire in part.inner.wires if not wire.head), "")
    return part.inner.entry, list(others), first_out
