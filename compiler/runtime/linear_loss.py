"""Cross-entropy of a projection, some rows at a time.

The gradient of a row's logits is known as soon as the row's loss is. So both are computed together, in one buffer, and
what is kept for the way back is as large as the inputs; the logits of all rows never exist.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from compiler.features import multiplied_in
from compiler.target import PIECE

TINY = 1e-30
"""Smaller probabilities have lost digits in fp32."""


def linear_cross_entropy(
    x: Tensor,
    labels: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    """`F.cross_entropy(F.linear(x, weight, bias), labels, …)` for `x` [n, d] and `labels` [n], in less memory.

    There is no second derivative.
    """
    device = x.device.type
    rounded = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    learns = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias))
    given = (x, labels, weight, bias, ignore_index, label_smoothing, learns, rounded)
    if rounded is None:
        return _linear_cross_entropy(*given)[0]
    with torch.autocast(device, enabled=False):  # it would round what is chosen here to be multiplied in fp32
        return _linear_cross_entropy(*given)[0]


@torch.library.custom_op("graphspec::linear_cross_entropy", mutates_args=())
def _linear_cross_entropy(
    x: Tensor,
    labels: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    ignore: int,
    smoothing: float,
    learns: bool,
    rounded: torch.dtype | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The loss, and its gradients for `x`, `weight` and `bias`, empty where nothing learns.

    To `torch.compile` it is one operator, so that the number of pieces makes no graph of its own.
    """
    loss, of_x, of_weight, of_bias = _results(x, weight, bias, learns)
    if rounded is not None:
        kind = multiplied_in(rounded, x.device)
        x, weight, bias = x.to(kind), weight.to(kind), None if bias is None else bias.to(kind)
    counted = labels != ignore
    share = counted.sum().clamp(min=1).to(loss.dtype).reciprocal()  # of each row that counts in the mean
    loss /= counted.sum()  # where nothing counts there is no mean
    if not len(x):
        of_weight.zero_()
    rows = min(max(1, PIECE // len(weight)), len(x))
    logits = x.new_empty(rows, len(weight))
    scores = logits if x.dtype == loss.dtype else logits.to(loss.dtype)
    for start in range(0, len(x), max(1, rows)):
        some, real = x[start : start + rows], counted[start : start + rows, None]
        columns = labels[start : start + rows].where(real[:, 0], 0)[:, None]
        made = torch.mm(some, weight.T, out=logits[: len(some)])
        made = made if bias is None else made.add_(bias)
        chances = made if scores is logits else scores[: len(some)].copy_(made)
        losses = _to_chances(chances, columns, smoothing)
        if not losses.is_cuda and losses.isinf().any():
            lost = losses[:, 0].isinf()
            again = F.linear(some[lost], weight, bias).to(loss.dtype).log_softmax(-1)
            losses[lost] = _losses(again, columns[lost], smoothing)
        loss += (losses * share).where(real, 0).sum()
        if learns:
            made = made if chances is made else made.copy_(chances)
            _less_wanted(made, columns, smoothing)
            of_x[start : start + rows] = ((made @ weight).to(loss.dtype) * share).where(real, 0)
            _add_product(of_weight, made.T, some, real, share, first=start == 0)
            of_bias += (real.to(x.dtype).T @ made)[0].to(loss.dtype) * share if len(of_bias) else 0
    return loss, of_x, of_weight, of_bias


def _to_chances(scores: Tensor, columns: Tensor, smoothing: float) -> Tensor:
    """Turn the scores of classes into their probabilities, in place. Returns the loss of each row [n, 1].

    On a CPU the loss is read off the probabilities, which saves going through all classes once more; it is infinite
    where that of the wanted class is too small to tell.
    """
    if scores.is_cuda or smoothing:
        losses = _losses(torch.log_softmax(scores, -1, out=scores), columns, smoothing)
        scores.exp_()
        return losses
    wanted = torch.softmax(scores, -1, out=scores).gather(1, columns)
    return wanted.log().neg().masked_fill(wanted < TINY, math.inf)


def _losses(chances: Tensor, columns: Tensor, smoothing: float) -> Tensor:
    """The loss of each row [n, 1] from the logarithms of what its classes may expect."""
    wanted = chances.gather(1, columns)
    if smoothing:
        wanted = (1 - smoothing) * wanted + smoothing * chances.mean(-1, keepdim=True)
    return -wanted


def _less_wanted(made: Tensor, columns: Tensor, smoothing: float) -> None:
    """Take from probabilities those that are wanted: what is left is the gradient of the loss."""
    if smoothing:
        made -= smoothing / made.shape[1]
    made.scatter_add_(1, columns, made.new_full((1, 1), smoothing - 1).expand_as(columns))


def _results(x: Tensor, weight: Tensor, bias: Tensor | None, learns: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where the loss and the gradients are summed, in fp32 at least."""
    wide = torch.promote_types(x.dtype, torch.float32)
    size = None if bias is None else bias.shape
    return (
        x.new_zeros((), dtype=wide),
        x.new_empty(x.shape if learns else 0, dtype=wide),
        weight.new_empty(weight.shape if learns else 0, dtype=wide),
        x.new_zeros(size if learns and size else 0, dtype=wide),
    )


def _add_product(to: Tensor, left: Tensor, right: Tensor, real: Tensor, share: Tensor, first: bool) -> None:
    """Sum `share * left @ right`, of the `real` rows of `right`; the first product is written where nothing was.

    Rounded numbers are scaled after they were summed, in fp32: fp16 has no room for so small ones.
    """
    if to.dtype == left.dtype:
        right = (right * share).where(real, 0)
        torch.mm(left, right, out=to) if first else to.addmm_(left, right)
        return
    product = left @ right.where(real, 0)
    if first:
        to.copy_(product).mul_(share)
    else:
        to += product.to(to.dtype) * share


@_linear_cross_entropy.register_fake
def _(
    x: Tensor,
    labels: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    ignore: int,
    smoothing: float,
    learns: bool,
    rounded: torch.dtype | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _results(x, weight, bias, learns)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*output[1:])
    ctx.kinds = [None if tensor is None else tensor.dtype for tensor in (inputs[0], inputs[2], inputs[3])]


def _back(ctx: Any, slope: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    pairs = zip(ctx.saved_tensors, ctx.kinds, strict=True)
    scaled = (lambda it: it) if _is_one(slope) else (lambda it: it * slope)
    of_x, of_weight, of_bias = (None if kind is None else scaled(gradient).to(kind) for gradient, kind in pairs)
    return of_x, None, of_weight, of_bias, None, None, None, None


def _is_one(slope: Tensor) -> bool:
    """Whether nothing is to be scaled, where it costs nothing to know: eagerly, on the CPU."""
    return type(slope) is Tensor and slope.device.type == "cpu" and slope.item() == 1


_linear_cross_entropy.register_autograd(_back, setup_context=_keep)
