"""One drawn spec: its verdicts, those that its model contradicts, and what truly holds of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

import graphspec
from graphspec.analysis.contracts import verdicts
from graphspec.graph import Graph
from tests.drawn import Seeded, spec
from tests.soundness.machine import Machine
from tests.soundness.oracles import LAWS, LENGTH, Seen, broken, contradicted, kind_of, lawful
from tests.soundness.truth import Truth
from tests.soundness.worlds import RIGHT, World, worlds

SIZES = (8, 12, 16)
MEASURED = ("causal", "ignores_padding", "isolates")
"""The kinds of which precision is measured."""


@dataclass(frozen=True)
class Found:
    """One verdict. `wrong`: the model contradicts it; `true`: whether the contract truly holds, where that was asked."""

    kind: str
    status: str
    summary: str
    wrong: bool
    true: bool | None = None

    @property
    def missed(self) -> bool:
        return bool(self.true) and self.status != "proved"


@dataclass(frozen=True)
class Judged:
    seed: int
    found: tuple[Found, ...] = ()
    crash: str = ""


def judged(seed: int, measure: bool = True) -> Judged:
    """The spec of a seed, judged and held against the oracles; with `measure` against the truth too."""
    try:
        return Judged(seed, tuple(_all_found(graphspec.loads(spec(Seeded(seed)).text).graph, seed, measure)))
    except Exception as fault:  # so that one spec does not end a long run: it is reported as wrong
        return Judged(seed, crash=f"{type(fault).__name__}: {fault}".partition("\n")[0])


def _all_found(graph: Graph, seed: int, measure: bool) -> Iterator[Found]:
    said = verdicts(graph)
    seen, truths = Seen(Machine(graph, seed), LENGTH, seed, lawful(graph, said)), Truths(graph, seed)
    for verdict in said:
        kind = kind_of(verdict)
        wrong = contradicted(graph, verdict, seen)
        true = None
        if measure and kind in MEASURED:
            held = not seen.machine.mixes_rows if kind != "causal" else True
            true = held and truths.holds(kind) and not broken(graph, verdict, replace(seen, lawful=frozenset(LAWS)))
        yield Found(kind, verdict.status, verdict.summary, wrong, true)


@dataclass
class Truths:
    """What each token really reads at several lengths, asked for once."""

    graph: Graph
    seed: int
    reads: dict[int, tuple[World, Tensor]] = field(default_factory=dict)

    def at(self, length: int) -> tuple[World, Tensor]:
        if length not in self.reads:
            given = worlds(length, self.seed, more=11 if length == SIZES[0] else 3)
            self.reads[length] = given, Truth(self.graph, length, given).reads()
        return self.reads[length]

    def holds(self, kind: str) -> bool:
        return not any(self.breaks(kind, length) for length in SIZES)

    def breaks(self, kind: str, length: int) -> bool:
        given, reads = self.at(length)
        pooled = reads.shape[1] == 1
        if kind == "causal":
            places = torch.arange(length)
            return bool((reads & (places[None, None, :] > places[None, :, None])).any())
        if kind == "isolates":
            ids = given["ids"]
            return bool(reads.any() if pooled else (reads & (ids[:, :, None] != ids[:, None, :])).any())
        real = given["real"]
        padded = reads & ~real[:, None, :] & (torch.ones_like(reads) if pooled else real[:, :, None])
        return bool(padded[RIGHT].any())
