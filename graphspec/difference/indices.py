"""Some of the numbers of a repeat's turns or of a mixture's experts, in few words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

_MOST = 6


@dataclass(frozen=True, slots=True)
class Indices:
    """`own`, in order, of `count` indices from 0 on."""

    own: tuple[int, ...]
    count: int

    def __str__(self) -> str:
        return "*" if len(self.own) == self.count else listed(self.own)


def listed(indices: tuple[int, ...]) -> str:
    """`3`, `{0-31}`, `{1,3,…,31}`, and at most six that have no rule."""
    steps = {b - a for a, b in pairwise(indices)}
    if len(indices) == 1:
        return str(indices[0])
    if steps == {1}:
        return f"{{{indices[0]}-{indices[-1]}}}"
    if len(steps) == 1 and len(indices) > 3:
        return f"{{{indices[0]},{indices[1]},…,{indices[-1]}}}"
    shown = [str(index) for index in indices[:_MOST]]
    return f"{{{','.join(shown)}{',…' if len(indices) > _MOST else ''}}}"
