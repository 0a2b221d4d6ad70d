"""Inputs of a drawn spec, a row a world: what is real, which documents there are, what the edges are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tests.drawn import VOCAB

World = dict[str, Tensor]
"""By the names of inputs; the first axis is the row."""

MEMORY = 3
RIGHT, LEFT = slice(2, 6), slice(6, 9)
"""The worlds whose padding stands on the right, on the left."""


def worlds(length: int, seed: int = 0, more: int = 5) -> World:
    """All true, all false, padding on the right (four worlds) and on the left (three), then `more` at random."""
    draw = torch.Generator().manual_seed(seed)
    count = LEFT.stop + more

    def chance(share: float, *shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=draw) < share

    def whole(below: int, *shape: int) -> Tensor:
        return torch.randint(0, below, (count, *shape), generator=draw)

    real, edges, ids = chance(0.7, length), chance(0.6, length, length), whole(3, length)
    ids[1::2] = ids[1::2].sort(dim=1).values
    real[0], edges[0], ids[0] = True, True, 0
    real[1], edges[1], ids[1] = False, False, torch.arange(length)
    places = torch.arange(length)
    for at, kept in zip(range(count)[RIGHT], ((length + 1) // 2, 1, length - 1, max(2, length // 2)), strict=True):
        real[at] = places < kept
    for at, kept in zip(range(count)[LEFT], ((length + 1) // 2, 1, length - 2), strict=True):
        real[at] = places >= length - kept
    edges[RIGHT.start], ids[RIGHT.start] = True, 0  # as in the replays that look for a counterexample
    edges[LEFT.start], ids[LEFT.start] = True, 0
    ids[-1] = places >= (length + 1) // 2
    real[-1], edges[-1] = True, True
    return {
        "tokens": whole(VOCAB, length),
        "memory": whole(VOCAB, MEMORY),
        "real": real,
        "there": chance(0.7, MEMORY),
        "ids": ids,
        "edges": edges,
    }


PLACED = ("tokens", "real", "ids", "edges")
"""The inputs that lie along the sequence."""


def along(given: World, change: Callable[[Tensor, int], Tensor]) -> World:
    """The same with every axis of the sequence changed."""
    made = dict(given)
    for name in PLACED:
        made[name] = change(given[name], 1)
    made["edges"] = change(made["edges"], 2)
    return made


def crop(given: World, start: int, stop: int) -> World:
    return along(given, lambda tensor, axis: tensor.narrow(axis, start, stop - start))


def rows(given: World, chosen: slice | list[int]) -> World:
    return {name: tensor[chosen] for name, tensor in given.items()}


def repeated(given: World, times: int) -> World:
    return {name: tensor.repeat(times, *[1] * (tensor.ndim - 1)) for name, tensor in given.items()}
