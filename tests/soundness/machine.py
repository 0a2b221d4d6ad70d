"""A model that runs: the reference interpreter on weights of a seed, in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from graphspec.analysis.cost import Costs
from graphspec.graph import Graph, parameter_paths
from tests import reference
from tests.drawn import VOCAB
from tests.soundness.worlds import World, repeated, rows, worlds

FELT, ROUGHLY = 1e-9, 1e-5
"""A change of less, of outputs of about 1, is rounding; roughly where it stands elsewhere (angles are single)."""


@contextmanager
def double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@dataclass(frozen=True)
class Machine:
    """One model with weights drawn at random, large enough that what is read is seen."""

    graph: Graph
    seed: int
    scale: float = 0.7

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        draw, costs = torch.Generator().manual_seed(self.seed), Costs(self.graph)
        return {
            name: self.scale
            * torch.randn([costs.number(size) for size in p.shape], generator=draw, dtype=torch.float64)
            for name, p in parameter_paths(self.graph.body)
        }

    def run(self, given: World) -> Tensor:
        """Rows, then positions unless they were pooled, then features."""
        wanted = {source.name for source in self.graph.body.inputs}
        with double(), torch.no_grad():
            found = reference.run(self.graph, self.weights, {name: x for name, x in given.items() if name in wanted})
        return found["y"]

    @cached_property
    def mixes_rows(self) -> bool:
        """Whether some row is another one among all rows than among every second one."""
        given = worlds(5, self.seed)
        together = self.run(given)
        return any(
            bool(differs(together[half], self.run(rows(given, half)), FELT).any())
            for half in (slice(0, None, 2), slice(1, None, 2))
        )

    def moved(self, given: World, places: list[int], variants: int = 2) -> Tensor:
        """For each world, output position and place among `places`: whether a change of the token moves the output."""
        changed = [
            _changed(given, place, 1 + 3 * variant + place % 2) for place in places for variant in range(variants)
        ]
        before = self.run(given)
        if self.mixes_rows:
            found = torch.stack([self._alone(given, before, place, 1) for place in places])
        else:
            after = self.run({name: torch.cat([each[name] for each in changed]) for name in given})
            found = differs(before.repeat(len(changed), *[1] * (before.ndim - 1)), after, FELT).reshape(
                len(places), variants, *before.shape[:-1]
            )
            found = found.any(1)
        return found.movedim(0, -1)

    def _alone(self, given: World, before: Tensor, place: int, by: int) -> Tensor:
        """Changes of one row at a time, so that rows that are mixed are not changed together: any row counts."""
        moved = torch.zeros(before.shape[:-1], dtype=torch.bool)
        for row in range(0, len(before), 3):
            changed = dict(given) | {"tokens": given["tokens"].clone()}
            changed["tokens"][row, place] = (changed["tokens"][row, place] + by) % VOCAB
            moved[row] = differs(before, self.run(changed), FELT)[row]
        return moved


def _changed(given: World, place: int, by: int) -> World:
    tokens = given["tokens"].clone()
    tokens[:, place] = (tokens[:, place] + by) % VOCAB
    return {**given, "tokens": tokens}


def differs(left: Tensor, right: Tensor, felt: float = ROUGHLY) -> Tensor:
    """Where two outputs differ in a feature; what is no number differs from nothing."""
    scale = 1 + torch.maximum(left.abs(), right.abs()).nan_to_num(0, 0, 0)
    return ((left - right).abs() / scale > felt).any(-1)


__all__ = ["FELT", "Machine", "differs", "double", "repeated"]
