"""Tensors computed from those of a file, and back; exact to the last place of their type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from graphspec.checkpoints import Step

_DO: Mapping[str, Callable[[Tensor, float], Tensor]] = {
    "add": lambda x, number: x + number,
    "take": lambda x, number: x - number,
    "times": lambda x, number: x * number,
    "over": lambda x, number: x / number,
    "from": lambda x, number: number - x,
    "into": lambda x, number: number / x,
    "exp": lambda x, _: x.exp(),
    "log": lambda x, _: x.log(),
}


def compute(tensor: Tensor, steps: Sequence[Step]) -> Tensor:
    """The steps, one after the other, in double precision; without any, the tensor itself."""
    if not steps:
        return tensor
    found = tensor.double()
    for step in steps:
        found = _DO[step.kind](found, step.number)
    return found.to(tensor.dtype)


def undo(tensor: Tensor, steps: Sequence[Step]) -> Tensor:
    """The steps taken back, last one first."""
    return compute(tensor, [step.back for step in reversed(steps)])
