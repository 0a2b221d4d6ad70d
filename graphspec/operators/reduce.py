"""Operators that look along an axis: reductions and softmax."""

from collections.abc import Mapping
from typing import Literal

from graphspec.axes import Dim, Sizes, TensorType
from graphspec.operators.declare import Mismatch, Operator, Signature, operator
from graphspec.operators.flow_mixing import MixesAlong, Reduces
from graphspec.operators.shape import find_axis


@operator("reduce", family="reduce")
class Reduce(Operator):
    """Sum, mean, maximum, minimum, or the place of the maximum (the first of equals) along a named axis.

    The axis disappears. `sum` and `mean` of truth values count them.
    """

    over: Dim
    kind: Literal["sum", "mean", "max", "min", "argmax"]

    signature = Signature("x: any ... -> y: any ...")
    flow = Reduces("over", "kind")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given = inputs["x"]
        place = find_axis(given, self.over, sizes, "over")
        dtype = given.dtype
        if self.kind == "argmax" or (self.kind == "sum" and dtype == "bool"):
            dtype = "int"
        if self.kind == "mean":
            dtype = "float"
        return (("y", TensorType(dtype, given.axes[:place] + given.axes[place + 1 :])),)


@operator("softmax", family="reduce")
class Softmax(Operator):
    """Exponentials that sum to 1 along a named axis."""

    over: Dim

    signature = Signature("x: ... -> y: ...")
    flow = MixesAlong("over")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        if inputs["x"].dtype != "float":
            raise Mismatch(f"`softmax` needs floating-point numbers, but gets `{inputs['x']}`", "x")
        find_axis(inputs["x"], self.over, sizes, "over")
        return (("y", inputs["x"]),)


OPERATORS = (Reduce, Softmax)
REDUCTIONS = ("sum", "mean", "max", "min", "argmax")
