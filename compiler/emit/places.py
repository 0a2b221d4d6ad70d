"""Where a block stands in a model: its paths, with the turns of a repeat taken together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphspec.graph import Body, Call, Graph, Mixture, Repeat

SHOWN = 4
"""Turns that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path that ends in a dot (empty for the model itself), and how many there are: `layers.*.attention.`, 32."""

    path: str
    count: int


def places(graph: Graph) -> dict[Body, list[Place]]:
    """All places of each body."""
    found: dict[Body, list[Place]] = {graph.body: [Place("", 1)]}
    for body in reversed(graph.bodies()):  # outer ones first
        for inner, path, count in _inside(body):
            outer = found.get(body, [])
            found.setdefault(inner, []).extend(Place(f"{it.path}{path}", it.count * count) for it in outer)
    return found


def _inside(body: Body) -> Iterator[tuple[Body, str, int]]:
    """The bodies within a body, with the path of each and its number of turns."""
    for node in body.nodes:
        match node.does:
            case Mixture(inner) as mixture:
                yield inner, f"{node.name}.*.", mixture.count
            case Call(inner):
                yield inner, f"{node.name}.", 1
            case Repeat(shared=True) as repeat:
                yield repeat.bodies[0], f"{node.name}.", 1
            case Repeat() as repeat:
                yield from ((inner, f"{node.name}.{turns}.", count) for inner, turns, count in _turns(repeat))
            case _:
                pass


def _turns(repeat: Repeat) -> Iterator[tuple[Body, str, int]]:
    """For each body of a repeat the turns that it takes: `*` if all, else their numbers."""
    taken: dict[Body, list[int]] = {}
    for turn, body in enumerate(repeat.turns()):
        taken.setdefault(body, []).append(turn)
    for body, numbers in taken.items():
        if len(taken) == 1:
            yield body, "*", len(numbers)
        elif len(numbers) <= SHOWN:
            yield body, f"[{', '.join(map(str, numbers))}]" if len(numbers) > 1 else str(numbers[0]), len(numbers)
        else:
            yield body, f"[{', '.join(map(str, numbers[: SHOWN - 1]))}, … {numbers[-1]}]", len(numbers)
