"""The one pair that a verdict says refutes a contract, sought in worlds made for it: in each it breaks the contract.

Some paths show only where several things meet: the padding begins between the two places, another mask leaves two keys
to choose from, the change of the token makes a maximum of its place. So every change of the token is tried; only what
moves the named place of the output, in the row of the token, counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.drawn import VOCAB
from tests.soundness.machine import FELT, Machine, differs
from tests.soundness.worlds import World, repeated, worlds

SAID = re.compile(r"`y`(?: at `T` = (?P<i>\d+))? reads `tokens` at `T` = (?P<j>\d+)")


@dataclass(frozen=True)
class Pair:
    """The place of the output, none where it is pooled, and that of the token which it reads."""

    i: int | None
    j: int

    @staticmethod
    def said(summary: str) -> Pair | None:
        found = SAID.fullmatch(summary)
        if found is None:
            return None
        return Pair(None if found["i"] is None else int(found["i"]), int(found["j"]))

    def fits(self, length: int) -> bool:
        return max(self.i or 0, self.j) < length

    def moves(self, machine: Machine, given: World) -> bool:
        """Whether in some world some change of the token moves the output."""
        if not machine.mixes_rows:
            return self._all_move(machine, given)
        return any(self._row_moves(machine, given, row) for row in range(len(given["tokens"])))

    def _all_move(self, machine: Machine, given: World) -> bool:
        """All changes in all worlds in one run, in which the tokens as they were come first."""
        count = len(given["tokens"])
        changed = [self._changed(given, slice(None), by) for by in range(VOCAB)]
        before, *after = self._place(machine.run(repeated(given, VOCAB) | {"tokens": torch.cat(changed)})).split(count)
        return any(bool(differs(before, each, FELT).any()) for each in after)

    def _row_moves(self, machine: Machine, given: World, row: int) -> bool:
        """Changes of one row alone: what other rows do to it is no matter of the pair."""
        before, *after = (
            self._place(machine.run(given | {"tokens": self._changed(given, row, by)}))[row] for by in range(VOCAB)
        )
        return any(bool(differs(before, each, FELT)) for each in after)

    def _changed(self, given: World, row: int | slice, by: int) -> Tensor:
        tokens = given["tokens"].clone()
        tokens[row, self.j] = (tokens[row, self.j] + by) % VOCAB
        return tokens

    def _place(self, output: Tensor) -> Tensor:
        return output if self.i is None else output[:, self.i]


@dataclass(frozen=True)
class Turn:
    """A tensor that a contract holds fixed and what it holds if it turns at a place; whether a pair is then broken."""

    tensor: str
    values: Callable[[Tensor, int], Tensor]
    breaks: Callable[[Pair, int], bool]


def _reads_behind(pair: Pair, turn: int) -> bool:
    return turn <= pair.j and (pair.i is None or pair.i < turn)


def _reads_before(pair: Pair, turn: int) -> bool:
    return pair.j < turn and (pair.i is None or turn <= pair.i)


RIGHT = Turn("real", lambda places, turn: places < turn, _reads_behind)
LEFT = Turn("real", lambda places, turn: places >= turn, _reads_before)
TWO = Turn("ids", lambda places, turn: (places >= turn).long(), lambda *at: _reads_behind(*at) or _reads_before(*at))
TURNS = {"ignores_padding": RIGHT, "ignores_padding left": LEFT, "isolates": TWO, "isolates alone": TWO}
"""By kinds of contracts."""


def made_for(kind: str, pair: Pair, length: int, seed: int) -> World:
    """Worlds in which a pair breaks a contract, none if there are none, for every place at which its tensor may turn.

    All else that masks read is true, then false, as in the replays that look for a counterexample; then it is random.
    """
    turns = [turn for turn in range(1, length) if TURNS[kind].breaks(pair, turn)]
    made = [_turned(worlds(length, length * seed + turn), TURNS[kind], turn) for turn in turns]
    return {name: torch.cat([each[name] for each in made]) for name in made[0]} if made else {}


def _turned(given: World, held: Turn, turn: int) -> World:
    there = given["there"].clone()
    there[0], there[1] = True, False  # as all other tensors are in the first two worlds
    values = held.values(torch.arange(given["tokens"].shape[1]), turn)
    return given | {"there": there, held.tensor: values.expand_as(given[held.tensor])}
