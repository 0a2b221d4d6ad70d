"""Linear recurrences, all places at once: in a number of steps that grows with the logarithm of the length.

A step is products and sums alone. Nothing is divided by a product of decays, which is lost where they are near zero.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def linear_scan(
    drive: Tensor, decay: Tensor, start: Tensor | None = None, *, dim: int, reverse: bool = False
) -> Tensor:
    """`h[t] = decay[t] * h[t - 1] + drive[t]` along `dim`, with `start` or zero before the first place.

    Tensors are broadcast against each other; `start` has one place along `dim`. With `reverse` it runs from the last
    place to the first. Half precision is computed in fp32: it would lose what many small terms add up to.
    """
    kind = torch.promote_types(drive.dtype, decay.dtype)
    wide = torch.promote_types(kind, torch.float32)
    shape = torch.broadcast_shapes(drive.shape, decay.shape)
    drive, decay = drive.to(wide).expand(shape), _stretched(decay.to(wide), len(shape), dim, shape[dim])
    if reverse:
        drive, decay = drive.flip(dim), decay.flip(dim)
    if start is not None and shape[dim]:
        first = drive.narrow(dim, 0, 1) + decay.narrow(dim, 0, 1) * start
        drive = torch.cat((first, drive.narrow(dim, 1, shape[dim] - 1)), dim)
    made: Tensor = _Scan.apply(drive, decay, dim)
    return (made.flip(dim) if reverse else made).to(kind)


def _stretched(decay: Tensor, axes: int, dim: int, length: int) -> Tensor:
    """With all axes, and all places along `dim`; along the others decays may stay the same everywhere."""
    sizes = [-1] * axes
    sizes[dim] = length
    return decay[(None,) * (axes - decay.dim())].expand(sizes)


class _Scan(Function):
    """The gradient of a scan is a scan from the other end: decays and results are all that is kept for it."""

    generate_vmap_rule = True

    @staticmethod
    def forward(drive: Tensor, decay: Tensor, dim: int) -> Tensor:
        return _scan(drive, decay, dim)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
        _, decay, ctx.dim = inputs
        ctx.save_for_backward(decay, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        decay, made = ctx.saved_tensors
        driven = linear_scan(gradient, _moved(decay, ctx.dim, -1), dim=ctx.dim, reverse=True)
        return driven, (driven * _moved(made, ctx.dim, 1)).sum_to_size(decay.shape), None


def _scan(drive: Tensor, decay: Tensor, dim: int) -> Tensor:
    """Each place joined with the one before: the scan of these pairs is every second place, the rest one step more."""
    length = drive.shape[dim]
    if length < 2:
        return drive.clone()
    paired = length - length % 2
    (drive_0, drive_1), (decay_0, decay_1) = _taken_in_turns(drive, dim, paired), _taken_in_turns(decay, dim, paired)
    seconds = _scan(decay_1 * drive_0 + drive_1, decay_1 * decay_0, dim)
    rest_drive, rest_decay = (_every_second(x, dim, 2, length) for x in (drive, decay))
    firsts = rest_decay * seconds.narrow(dim, 0, rest_drive.shape[dim]) + rest_drive
    firsts = torch.cat((drive.narrow(dim, 0, 1), firsts), dim)
    pairs = torch.stack((firsts.narrow(dim, 0, paired // 2), seconds), dim + 1).flatten(dim, dim + 1)
    return pairs if paired == length else torch.cat((pairs, firsts.narrow(dim, paired // 2, 1)), dim)


def _taken_in_turns(x: Tensor, dim: int, length: int) -> tuple[Tensor, Tensor]:
    return _every_second(x, dim, 0, length), _every_second(x, dim, 1, length)


def _every_second(x: Tensor, dim: int, first: int, length: int) -> Tensor:
    return x[(slice(None),) * dim + (slice(first, length, 2),)]


def _moved(x: Tensor, dim: int, by: int) -> Tensor:
    """One place up or down along `dim`; zeros come in."""
    zero, rest = torch.zeros_like(x.narrow(dim, 0, min(1, x.shape[dim]))), max(x.shape[dim] - 1, 0)
    if by > 0:
        return torch.cat((zero, x.narrow(dim, 0, rest)), dim)
    return torch.cat((x.narrow(dim, x.shape[dim] - rest, rest), zero), dim)
