"""Operators for tests, as a user would write them."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphspec.axes import Dim, Number
from graphspec.operators import Initialiser, Operator, Signature, Weight, operator
from graphspec.operators.flow_mixing import Identity, MixesAlong


@operator("snake", family="pointwise")
class Snake(Operator):
    """Add a periodic part, with a learned frequency for each feature."""

    strength: Number = Number.of(1.0)

    signature = Signature("x: ... n -> y: ... n")
    weights = (Weight("alpha", "n", Initialiser("ones")),)
    flow = Identity()


def snake(x: Tensor, *, strength: float, alpha: Tensor) -> Tensor:
    return x + strength * (alpha * x).sin() ** 2 / alpha


class SnakeModule(nn.Module):
    def __init__(self, n: int, strength: float) -> None:
        super().__init__()
        self.alpha, self.strength = nn.Parameter(torch.empty(n)), strength

    def forward(self, x: Tensor) -> Tensor:
        return snake(x, strength=self.strength, alpha=self.alpha)


class WithBuffer(SnakeModule):
    def __init__(self, n: int, strength: float) -> None:
        super().__init__(n, strength)
        self.register_buffer("table", torch.ones(n), persistent=False)


class OtherShape(SnakeModule):
    def __init__(self, n: int, strength: float) -> None:
        super().__init__(n + 1, strength)


@operator("scale", family="linear")
class Scale(Operator):
    """Multiply each feature by a learned number."""

    signature = Signature("x: ... n -> y: ... n")
    weights = (Weight("weight", "n", Initialiser("normal", (1.0,))),)
    flow = Identity()


def scale(x: Tensor, *, weight: Tensor) -> Tensor:
    return x * weight


class ScaleModule(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


@operator("parts", family="shape")
class Parts(Operator):
    """The mean and the rest along axes, of which some may be weighted."""

    over: tuple[Dim, ...]
    how: Literal["plain", "squared"] = "plain"
    keep: bool = True
    limit: Number | None = None
    span: Dim = Dim.symbol("d")

    signature = Signature("x: ... n, weight?: ... n -> mean: ... n, rest: ... n")


def parts(
    x: Tensor, *, over: tuple[int, ...], how: str, keep: bool, limit: float | None, span: int, n: int, weight: Any = 1
) -> tuple[Tensor, Tensor]:
    assert (how, keep, limit, span, n) == ("squared", True, None, 8, 8)
    mean = (x * weight).mean(over, keepdim=True).expand_as(x)
    return mean, x - mean


@operator("everything", family="reduce")
class Everything(Operator):
    """What nobody says how it flows."""

    signature = Signature("x: ... -> y: ...")


def everything(x: Tensor) -> Tensor:
    return x + x.mean()


@operator("blend", family="reduce")
class WrongBlend(Operator):
    """Its flow rule claims less than it reads."""

    signature = Signature("x: ... T n -> y: ... T n")
    flow = Identity()


@operator("blend_right", family="reduce")
class RightBlend(Operator):
    """Its flow rule is true."""

    over: tuple[Dim, ...]

    signature = Signature("x: ... T n -> y: ... T n")
    flow = MixesAlong("over")


def blend(x: Tensor, over: tuple[int, ...] = (-2,)) -> Tensor:
    return x + x.mean(over, keepdim=True)
