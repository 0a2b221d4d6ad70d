"""Where a block stands in a model: its paths, with the turns of a repeat taken together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphspec.graph import Body, Call, Graph, Mixture, Repeat

SHOWN = 4
"""Turns that are listed one by one."""
LISTED = 16
"""Paths that are listed of one body."""


@dataclass(slots=True)
class Places:
    """Paths that end in a dot (empty for the model itself), and how many places they are: `layers.*.attention.`, 32.

    Blocks within blocks stand in more places than anyone reads: the first paths are kept, `more` where others are not.
    """

    paths: list[str]
    count: int
    more: bool = False

    def add(self, outer: Places, path: str, count: int) -> None:
        """Also stand at `path`, `count` times, within each place of what is around."""
        free = LISTED - len(self.paths)
        self.more |= outer.more or len(outer.paths) > free
        self.paths += [f"{it}{path}" for it in outer.paths[:free]]
        self.count += outer.count * count


def places(graph: Graph) -> dict[Body, Places]:
    """All places of each body."""
    found = {body: Places([], 0) for body in graph.bodies()}
    found[graph.body] = Places([""], 1)
    for body in reversed(graph.bodies()):  # outer ones first
        for inner, path, count in _inside(body):
            found[inner].add(found[body], path, count)
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
