"""Operators that look along an axis: reductions, cumulative ones too, and softmax."""

from collections.abc import Mapping, Sequence
from typing import Literal

from graphspec.axes import Dim, Sizes, TensorType
from graphspec.operators.declare import Operator, Saved, Use, operator
from graphspec.operators.flow_mixing import MixesAlong, Reduces
from graphspec.operators.shape import find_axis
from graphspec.operators.signature import Mismatch, Signature


@operator("reduce", family="reduce")
class Reduce(Operator):
    """Sum, mean, maximum, minimum, or the place of the maximum (the first of equals) along a named axis.

    The axis disappears. `sum` and `mean` of truth values count them. With `cumulative` the axis stays, and each place
    gets the sum, mean, maximum or minimum of all up to and with itself; with `reverse`, of itself and all after it.
    """

    over: Dim
    kind: Literal["sum", "mean", "max", "min", "argmax"]
    cumulative: bool = False
    reverse: bool = False

    signature = Signature("x: any ... -> y: any ...")
    flow = Reduces("over", "kind")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given = inputs["x"]
        place = find_axis(given, self.over, sizes, "over")
        self._check_way()
        dtype = given.dtype
        if self.kind == "argmax" or (self.kind == "sum" and dtype == "bool"):
            dtype = "int"
        if self.kind == "mean":
            dtype = "float"
        axes = given.axes if self.cumulative else given.axes[:place] + given.axes[place + 1 :]
        return (("y", TensorType(dtype, axes)),)

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """Where the largest or least stood; sums and means need nothing."""
        return Saved(("x", "y")) if self.kind in ("max", "min") else Saved()

    def _check_way(self) -> None:
        if self.reverse and not self.cumulative:
            raise Mismatch("`reverse` is for cumulative reductions", "reverse", "add `cumulative: true`, or drop it")
        if self.cumulative and self.kind == "argmax":
            raise Mismatch("`argmax` cannot be cumulative", "cumulative", "`sum`, `mean`, `max` and `min` can")

    @property
    def title(self) -> str:
        """`sum`, `cumulative sum`, `reversed cumulative sum`."""
        return f"{'reversed ' * self.reverse}{'cumulative ' * self.cumulative}{self.kind}"

    @property
    def function(self) -> str:
        """What it is called in an expression; nothing if it has no such name."""
        if not self.cumulative:
            return self.kind
        return "" if self.reverse else next((name for name, kind in CUMULATIVE.items() if kind == self.kind), "")


@operator("softmax", family="reduce")
class Softmax(Operator):
    """Exponentials that sum to 1 along a named axis."""

    over: Dim

    signature = Signature("x: ... -> y: ...")
    saves = ("y",)
    flow = MixesAlong("over")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        if inputs["x"].dtype != "float":
            raise Mismatch(f"`softmax` needs floating-point numbers, but gets `{inputs['x']}`", "x")
        find_axis(inputs["x"], self.over, sizes, "over")
        return (("y", inputs["x"]),)


OPERATORS = (Reduce, Softmax)
CUMULATIVE: Mapping[str, Literal["sum", "max", "min"]] = {"cumsum": "sum", "cummax": "max", "cummin": "min"}
"""Functions of expressions that are cumulative reductions."""
REDUCTIONS = ("sum", "mean", "max", "min", "argmax")
