"""Cross-entropy of a projection, some rows at a time.

The gradient of a row's logits is known as soon as the row's loss is. So both are computed together, in one buffer, and
what is kept for the way back is as large as the inputs; the logits of all rows never exist.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

PIECE = 1 << 24
"""How many logits exist at a time: fewer are slower, as the weight's gradient is gone through for each piece."""


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
    if torch.is_autocast_enabled(x.device.type):
        kind = torch.get_autocast_dtype(x.device.type)
        x, weight, bias = x.to(kind), weight.to(kind), None if bias is None else bias.to(kind)
    learns = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias))
    return _linear_cross_entropy(x, labels, weight, bias, ignore_index, label_smoothing, learns)[0]


@torch.library.custom_op("graphspec::linear_cross_entropy", mutates_args=())
def _linear_cross_entropy(
    x: Tensor, labels: Tensor, weight: Tensor, bias: Tensor | None, ignore: int, smoothing: float, learns: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The loss; what `x`, `weight` and `bias` get of its gradient, empty where nothing learns; the factor to that.

    To `torch.compile` it is one operator, so that the number of pieces makes no graph of its own.
    """
    counted = labels != ignore
    loss, of_x, of_weight, of_bias = _results(x, weight, bias, learns)
    factor = counted.sum().to(loss.dtype).reciprocal()
    rows = min(max(1, PIECE // len(weight)), len(x))
    logits = x.new_empty(rows, len(weight))
    scores = logits if x.dtype == loss.dtype else logits.to(loss.dtype)
    for start in range(0, len(x), max(1, rows)):
        some, real = x[start : start + rows], counted[start : start + rows, None]
        columns = labels[start : start + rows].where(real[:, 0], 0)[:, None]
        made = torch.mm(some, weight.T, out=logits[: len(some)])
        made = made if bias is None else made.add_(bias)
        chances = made if scores is logits else scores[: len(some)].copy_(made)
        torch.log_softmax(chances, -1, out=chances)
        loss += _losses(chances, columns, smoothing).where(real, 0).sum()
        if learns:
            chances.exp_()
            made = made if chances is made else made.copy_(chances)
            _less_wanted(made, columns, smoothing)
            of_x[start : start + rows] = (made @ weight).where(real, 0)
            _add_product(of_weight, made.T, some.where(real, 0))
            of_bias += (real.to(x.dtype).T @ made)[0] if len(of_bias) else 0
    return loss * factor, of_x, of_weight, of_bias, factor


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


def _results(x: Tensor, weight: Tensor, bias: Tensor | None, learns: bool) -> tuple[Tensor, ...]:
    """Where the loss and the gradients are summed, in fp32 at least."""
    wide = torch.promote_types(x.dtype, torch.float32)
    shapes = (x.shape, weight.shape, (0,) if bias is None else bias.shape)
    return x.new_zeros((), dtype=wide), *(x.new_zeros(shape if learns else 0, dtype=wide) for shape in shapes)


def _add_product(to: Tensor, left: Tensor, right: Tensor) -> None:
    if to.dtype == left.dtype:
        to.addmm_(left, right)
    else:
        to += left @ right


@_linear_cross_entropy.register_fake
def _(
    x: Tensor, labels: Tensor, weight: Tensor, bias: Tensor | None, ignore: int, smoothing: float, learns: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    loss, of_x, of_weight, of_bias = _results(x, weight, bias, learns)
    return loss, of_x, of_weight, of_bias, loss.clone()


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*output[1:])
    ctx.kinds = [None if tensor is None else tensor.dtype for tensor in (inputs[0], inputs[2], inputs[3])]


def _back(ctx: Any, slope: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    *gradients, factor = ctx.saved_tensors
    slope = slope * factor
    pairs = zip(gradients, ctx.kinds, strict=True)
    of_x, of_weight, of_bias = (None if kind is None else (gradient * slope).to(kind) for gradient, kind in pairs)
    return of_x, None, of_weight, of_bias, None, None, None


_linear_cross_entropy.register_autograd(_back, setup_context=_keep)
