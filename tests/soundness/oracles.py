"""What a contract says of a model that runs: whether one breaks it, whether a path that refutes it really moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product

import torch
from torch import Tensor

from graphspec.analysis.contracts import Verdict, verdicts
from graphspec.graph import Contract, Graph
from tests.soundness.machine import Machine, differs
from tests.soundness.pairs import TURNS, Pair, made_for
from tests.soundness.worlds import LEFT, RIGHT, World, along, crop, rows, worlds

LENGTH = 6
LONG_ENOUGH = 3
"""A sequence that all specs can be run on: they cut at most two places off."""
LONGER = (6, 9, 12, 20)
SCALES = (0.7, 0.3, 0.15, 0.7, 0.3)
"""Of weights: with smaller ones attention weighs its keys more evenly, so that what has a small part in it shows."""
PURSUED = 2 * SCALES
"""Of the weights with which a pair is sought in worlds made for it."""


@dataclass(frozen=True)
class Seen:
    """One model with some weights, what it was seen to read, at one length.

    `lawful`: the kinds of which it holds for every input along the sequence, so that a part of the sequence alone must
    give that part of the output. `together`: where rows are mixed, that is seen by cutting all rows alike, or else not.
    """

    machine: Machine
    length: int
    seed: int
    lawful: frozenset[str] = frozenset()
    together: bool = False

    @cached_property
    def given(self) -> World:
        return worlds(self.length, self.seed)

    @cached_property
    def output(self) -> Tensor:
        return self.machine.run(self.given)

    @property
    def pooled(self) -> bool:
        return self.output.ndim == 2

    @cached_property
    def moved(self) -> Tensor:
        """Worlds, output positions (one if pooled), places of tokens."""
        moved = self.machine.moved(self.given, list(range(self.length)))
        return moved[:, None] if self.pooled else moved

    @property
    def reader(self) -> Tensor:
        return torch.arange(1 if self.pooled else self.length)[None, :, None]

    @property
    def place(self) -> Tensor:
        return torch.arange(self.length)[None, None, :]

    def cropped(self, chosen: slice | list[int], start: int, stop: int) -> Tensor:
        """Where the output on a part of some worlds differs from that part of the whole output."""
        whole = self.output[chosen] if self.pooled else self.output[chosen, start:stop]
        nothing = torch.zeros(whole.shape[:-1], dtype=torch.bool)
        mixed = self.machine.mixes_rows
        if mixed and not self.together:
            return nothing
        given = self.given if mixed else rows(self.given, chosen)
        try:
            found = self.machine.run(crop(given, start, stop))
            return differs(found[chosen] if mixed else found, whole)
        except (RuntimeError, IndexError):
            assert stop - start < LONG_ENOUGH
            return nothing


# -- what breaks a contract -------------------------------------------------------------------------------------------


def causal(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    shift = told("shift") or 0
    yield bool((seen.moved & (seen.place > seen.reader + shift)).any())
    for stop in () if "causal" not in seen.lawful else (3, seen.length - 1):
        yield bool(seen.cropped(slice(None), 0, stop)[:, : stop - shift].any())


def prefix_causal(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    n = told("n") or 0
    yield bool((seen.moved & (seen.place > seen.reader) & (seen.place >= n)).any())
    for stop in () if "prefix_causal" not in seen.lawful else range(n, seen.length):
        yield bool(seen.cropped(slice(None), 0, stop).any())


def reach(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    left, right = (told(side) for side in ("left", "right"))
    assert left is not None and right is not None
    outside = (seen.place < seen.reader - left) | (seen.place > seen.reader + right)
    yield bool((seen.moved & outside).any())


def independent(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    yield seen.machine.mixes_rows


def independent_places(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    yield bool((seen.moved & (seen.pooled | (seen.place != seen.reader))).any())
    for stop in () if "independent T" not in seen.lawful else (3, seen.length - 1):
        yield bool(seen.cropped(slice(None), 0, stop).any())


def padded(seen: Seen, side: slice = RIGHT) -> Tensor:
    """The pairs of something real (or of what is pooled) with padding, in the worlds where it stands on one side."""
    real = seen.given["real"]
    reader = torch.ones(len(real), 1, 1, dtype=torch.bool) if seen.pooled else real[:, :, None]
    found = torch.zeros_like(seen.moved)
    found[side] = (~real[:, None, :] & reader)[side]
    return found


def foreign(seen: Seen) -> Tensor:
    """The pairs of one document with another."""
    ids = seen.given["ids"]
    return torch.ones_like(seen.moved) if seen.pooled else ids[:, :, None] != ids[:, None, :]


def ignores_padding(seen: Seen, told: Callable[[str], int | None], side: slice = RIGHT) -> Iterator[bool]:
    real = seen.given["real"]
    yield bool((seen.moved & padded(seen, side)).any())
    kind = "ignores_padding" if side == RIGHT else "ignores_padding left"
    for row in range(len(real))[side] if kind in seen.lawful else ():
        kept = int(real[row].sum())
        start, stop = (0, kept) if side == RIGHT else (seen.length - kept, seen.length)
        yield bool(seen.cropped([row], start, stop).any())


def ignores_padding_left(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    yield from ignores_padding(seen, told, LEFT)


def isolates(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    yield bool((seen.moved & foreign(seen)).any())


def isolates_alone(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    yield from isolates(seen, told)
    for row in range(1, len(seen.given["ids"]), 2) if "isolates alone" in seen.lawful else ():
        ids = seen.given["ids"][row]
        for document in ids.unique():
            places = (ids == document).nonzero()[:, 0]
            yield bool(seen.cropped([row], int(places[0]), int(places[-1]) + 1).any())


def equivariant(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    order = torch.randperm(seen.length, generator=torch.Generator().manual_seed(seen.seed))
    after = seen.machine.run(along(seen.given, lambda tensor, axis: tensor.index_select(axis, order)))
    yield bool(differs(after, seen.output if seen.pooled else seen.output[:, order]).any())


def uses(seen: Seen, told: Callable[[str], int | None]) -> Iterator[bool]:
    yield not bool(seen.moved.any())


Oracle = Callable[[Seen, Callable[[str], "int | None"]], Iterator[bool]]
BREAKS: dict[str, Oracle] = {
    "causal": causal,
    "prefix_causal": prefix_causal,
    "reach": reach,
    "independent": independent,
    "independent T": independent_places,
    "ignores_padding": ignores_padding,
    "ignores_padding left": ignores_padding_left,
    "isolates": isolates,
    "isolates alone": isolates_alone,
    "equivariant": equivariant,
    "invariant": equivariant,
    "uses": uses,
}


def kind_of(verdict: Verdict) -> str:
    """The contract's kind, with what makes it another one."""
    contract = verdict.contract
    more = {"independent": contract.get("axis") == "T" and "T", "ignores_padding": contract.get("side")}
    alone = contract.kind == "isolates" and contract.get("alone") and "alone"
    return " ".join(filter(None, (contract.kind, str(more.get(contract.kind) or alone or ""))))


LAWS = ("causal", "prefix_causal", "independent T", "ignores_padding", "ignores_padding left", "isolates alone")


def lawful(graph: Graph, found: Sequence[Verdict]) -> frozenset[str]:
    """The kinds of contracts that are proved of the tokens, and would be of the other inputs along the sequence."""
    if any(source.name == "edges" and graph.body.readers()["edges"] for source in graph.body.inputs):
        return frozenset()
    proved = [verdict for verdict in found if verdict.status == "proved" and kind_of(verdict) in LAWS]
    asked = [(kind_of(verdict), contract) for verdict in proved for contract in _of_others(verdict.contract)]
    said = verdicts(replace(graph, contracts=tuple(contract for _, contract in asked)))
    fails = {kind for (kind, _), verdict in zip(asked, said, strict=True) if verdict.status != "proved"}
    return frozenset(map(kind_of, proved)) - fails


def _of_others(contract: Contract) -> Iterator[Contract]:
    """The same contract, asked of the other inputs that it does not hold fixed."""
    for name in sorted({"real", "ids"} - {contract.get("where"), contract.get("documents")}):
        rest = (pair for pair in contract.arguments if pair[0] != "input")
        yield replace(contract, arguments=(*rest, ("input", name)))


# -- contradictions ---------------------------------------------------------------------------------------------------


def broken(graph: Graph, verdict: Verdict, seen: Seen) -> bool:
    """Whether the model breaks the contract."""

    def told(name: str) -> int | None:
        value = verdict.contract.get(name)
        return value if isinstance(value, int) else None

    return any(BREAKS[kind_of(verdict)](seen, told))


def contradicted(graph: Graph, verdict: Verdict, seen: Seen) -> bool:
    """Whether a verdict is not what the model does."""
    kind = kind_of(verdict)
    if verdict.status == "unknown":
        return False
    if kind == "uses":
        reads = any(bool(each.moved.any()) for each in searched(graph, seen))
        return reads != (verdict.status == "proved")
    if verdict.status == "proved":
        return broken(graph, verdict, seen)
    found = moves(verdict, seen) or pursued(graph, verdict, seen)
    return not (found or any(moves(verdict, each) for each in searched(graph, seen)))


def searched(graph: Graph, first: Seen) -> Iterator[Seen]:
    """The model as it was seen, then at other lengths, with other weights and inputs."""
    yield first
    for seed, scale in enumerate(SCALES):
        for length in LONGER:
            yield Seen(Machine(graph, first.seed + 100 + seed, scale), length, first.seed + seed, first.lawful)


def pursued(graph: Graph, verdict: Verdict, first: Seen) -> bool:
    """Whether the pair that is told moves in worlds made for it, where the contract says when it must not."""
    pair, kind = Pair.said(verdict.summary), kind_of(verdict)
    if pair is None or kind not in TURNS or (pair.i is None) != first.pooled:
        return False
    tries = product(enumerate(PURSUED, start=first.seed), LONGER)
    return any(
        pair.moves(Machine(graph, seed, scale), given)
        for (seed, scale), length in tries
        if pair.fits(length) and (given := made_for(kind, pair, length, seed))
    )


SHIFTED = re.compile(r"`y\[t\]` reads `(?P<source>\w+)\[t(?: (?P<sign>[+−]) (?P<by>\d+))?\]`")


def moves(verdict: Verdict, seen: Seen) -> bool:
    """Whether the pair that refutes a contract is seen to move; where none is told, whether the contract is broken."""
    found = Pair.said(verdict.summary)
    shifted = SHIFTED.fullmatch(verdict.summary)
    if shifted and shifted["source"] == "tokens" and not seen.pooled:
        by = int(shifted["by"] or 0) * (-1 if shifted["sign"] == "−" else 1)
        return bool(seen.moved.diagonal(by, -2, -1).any())
    if found is None:
        return broken(seen.machine.graph, verdict, replace(seen, lawful=frozenset(LAWS), together=True))
    if not found.fits(seen.length):
        return False
    within = WITHIN.get(kind_of(verdict))
    moved = seen.moved & within(seen) if within else seen.moved
    return bool(moved[:, 0 if seen.pooled else found.i or 0, found.j].any())


WITHIN: dict[str, Callable[[Seen], Tensor]] = {
    "ignores_padding": padded,
    "ignores_padding left": partial(padded, side=LEFT),
    "isolates": foreign,
    "isolates alone": foreign,
}
"""Of pairs in numbers, those that break a contract by what the world holds."""
