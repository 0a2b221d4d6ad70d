"""Greedy decoding: the likeliest token after another until END.

Every token runs the whole forward again; rows that have ended are taken out, so that the last ones finish quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from compiler.train.vocabulary import OWN, Marks

Forward = Callable[..., Tensor]
"""The model without its objective: inputs by name → logits [batch, position, choices]."""


@dataclass(frozen=True)
class Generated:
    """The tokens of one answer, without START and END; `ended` is False if it was cut off."""

    tokens: tuple[int, ...]
    ended: bool


@torch.no_grad()
def continued(
    forward: Forward, inputs: Mapping[str, Tensor], name: str, begin_BT: Tensor, limit: int, marks: Marks = OWN
) -> list[Generated]:
    """Continue each row of the input `name` from `begin_BT` by at most `limit` tokens; the other inputs stay.

    Rows must have no padding. Only tokens that a text can hold are chosen.
    """
    tokens_BT, start = begin_BT, begin_BT.shape[1]
    inputs, rows = dict(inputs), list(range(len(begin_BT)))
    never = sorted({marks.pad, marks.start, marks.unknown} - {marks.end, -1})
    found: dict[int, Generated] = {}
    for _ in range(limit):
        logits_BV = forward(**inputs, **{name: tokens_BT})[:, -1]
        logits_BV[:, never] = -torch.inf
        next_B = logits_BV.argmax(-1)
        tokens_BT = torch.cat([tokens_BT, next_B[:, None]], 1)
        going_B = next_B != marks.end
        if not bool(going_B.all()):
            _collect(found, rows, tokens_BT[:, start:-1], ~going_B, True)
            rows = [row for row, going in zip(rows, going_B.tolist(), strict=True) if going]
            inputs = {key: value[going_B] for key, value in inputs.items()}
            tokens_BT = tokens_BT[going_B]
        if not rows:
            break
    _collect(found, rows, tokens_BT[:, start:], torch.ones(len(rows), dtype=torch.bool), False)
    return [found[row] for row in range(len(begin_BT))]


def _collect(found: dict[int, Generated], rows: list[int], tokens_BT: Tensor, chosen_B: Tensor, ended: bool) -> None:
    for place in chosen_B.nonzero()[:, 0].tolist():
        found[rows[place]] = Generated(tuple(tokens_BT[place].tolist()), ended)


def answers(
    forward: Forward, inputs: Mapping[str, Tensor], target: str, limit: int, marks: Marks = OWN
) -> list[Generated]:
    """Answer each row of a sequence-to-sequence batch from START."""
    some = next(iter(inputs.values()))
    begin_BT = torch.full((len(some), 1), marks.start, dtype=torch.long, device=some.device)
    return continued(forward, inputs, target, begin_BT, limit, marks)
