"""Names in an order in which each stands after what it reads; or the cycle that forbids it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def order(names: Iterable[str], reads: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """`names` so that each stands after what it reads, otherwise as given; and a cycle if there is one.

    Names on that cycle are left out of the order, what depends on them is not.
    """
    listed = list(names)
    placed, first = _depth_first(listed, reads)
    cycle = first
    while cycle:  # further cycles are left for when the first is mended
        listed = [name for name in listed if name not in cycle]
        placed, cycle = _depth_first(listed, reads)
    return placed, first


def _depth_first(names: list[str], reads: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """Depth first without recursion: the order, or the shortest cycle of one tangle."""
    placed: dict[str, None] = {}
    known = set(names)
    for start in names:
        path: dict[str, Iterator[str]] = {} if start in placed else {start: iter(reads.get(start, ()))}
        while path:
            name = next(reversed(path))
            following = next((read for read in path[name] if read in known and read not in placed), None)
            if following is None:
                del path[name]
                placed[name] = None
            elif following in path:
                return [], _shortest_cycle(names, reads)
            else:
                path[following] = iter(reads.get(following, ()))
    return list(placed), []


def _shortest_cycle(names: list[str], reads: Mapping[str, Iterable[str]]) -> list[str]:
    """Of the shortest cycles the first, from its first name on, in the order of the names."""
    import networkx as nx

    place = {name: at for at, name in enumerate(names)}
    found = {name: sorted({*reads.get(name, ())} & place.keys(), key=place.__getitem__) for name in names}
    edges: nx.DiGraph[str] = nx.DiGraph([(name, read) for name in names for read in found[name]])
    tangle = {name: at for at, part in enumerate(nx.strongly_connected_components(edges)) for name in part}

    def cycles() -> Iterator[list[str]]:
        for name, read in edges.edges:
            if tangle[name] == tangle[read]:
                back: list[str] = nx.shortest_path(edges, read, name)  # pyright: ignore[reportUnknownMemberType]
                yield [name, *back[:-1]]

    shortest = min(cycles(), key=len)
    start = min(range(len(shortest)), key=lambda at: place[shortest[at]])
    return [*shortest[start:], *shortest[:start]]
