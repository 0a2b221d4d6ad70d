"""At which lengths a model is probed: small ones, different for different axes, at which it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphspec.graph import Contract, Graph

ROWS, LENGTH, LONGEST = 3, 9, 384
"""Of a batch; of the first position axis where that will do; of any."""

_ROUND = (8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 384, 6, 4, 2)
"""Lengths for models that split or stride their axes."""


def lengths_to_try(graph: Graph, least: int) -> Iterator[Mapping[str, int]]:
    """Lengths of the axes that are known only at run time, the preferred ones first."""
    free = [axis for axis in graph.axes if axis.size is None]
    rows = {axis.name: ROWS for axis in free if axis.role == "batch"}
    others = [axis.name for axis in free if axis.name not in rows]
    start = max(LENGTH, least)
    yield rows | {name: start + 2 * at for at, name in enumerate(others)}
    for length in (*_ROUND, start + 1, start + 2):
        if length >= least:
            yield rows | dict.fromkeys(others, length)


def least_length(contract: Contract) -> int:
    """The length from which on a contract forbids (or demands) anything in the middle of a sequence."""
    numbers = {name: value for name, value in contract.arguments if isinstance(value, int)}
    near = numbers.get("left", 0) + numbers.get("right", 0) + abs(numbers.get("shift", 0))
    far = max(numbers.get("n", 0), numbers.get("prefix", 0), numbers.get("at_least", 0), near)
    return far + 4 if far else 2
