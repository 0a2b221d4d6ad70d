"""Operators whose work is a matrix product or a table look-up."""

from collections.abc import Mapping, Sequence

from graphspec.axes import Axis, Dim, Sizes, TensorType, dim
from graphspec.operators.declare import Initialiser, Operator, Weight, operator
from graphspec.operators.flow_mixing import Constant, Identity, MixesLast
from graphspec.operators.signature import Signature


@operator("linear", family="linear")
class Linear(Operator):
    """Multiply the last axis by a learned matrix and add a learned vector: `y = x Wᵀ + b`.

    The weight has shape `[dim, n]`.
    """

    dim: Dim
    bias: bool = True

    signature = Signature("x: ... n -> y: ... dim")
    saves = ("x",)
    flow = MixesLast("bias")
    weights = (
        Weight("weight", "dim n", Initialiser("xavier_uniform")),
        Weight("bias", "dim", Initialiser("zeros"), when="bias"),
    )

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * inputs["x"].axes[-1].size * 2


@operator("embedding", family="embedding")
class Embedding(Operator):
    """Look up a learned row for each whole number in `[0, size)`.

    The table has shape `[size, dim]`; rows start with standard deviation `1 / sqrt(dim)`.
    """

    size: Dim
    dim: Dim

    signature = Signature("ids: int ... -> y: ... dim")
    saves = ()
    flow = Identity()
    weights = (Weight("weight", "size dim", Initialiser("unit_rows")),)

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * 0


@operator("one_hot", family="embedding")
class OneHot(Operator):
    """Rows of `size` zeros with a 1 at the place that each whole number says; none where it says no place."""

    size: Dim

    signature = Signature("ids: int ... -> y: ... size")
    flow = Identity()

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return dim(0)


@operator("parameter", family="linear")
class FreeParameter(Operator):
    """A learned tensor of the given shape, standing by itself: a class token, a learned query, a scale.

    It bears its node's name in the checkpoint, without a suffix, and starts `normal(0.02)`. Where a size stands twice,
    the second is primed: `[d, d]` has the axes `d d'`.
    """

    shape: tuple[Dim, ...]

    signature = Signature("-> y: shape")
    flow = Constant()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        axes = (Axis(size, primed=size in self.shape[:at]) for at, size in enumerate(self.shape))
        return (("y", TensorType("float", tuple(axes))),)

    def shapes(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[Weight, tuple[Dim, ...]], ...]:
        return ((Weight("", "shape", Initialiser("normal", (0.02,))), self.shape),)

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return dim(0)


OPERATORS = (Linear, Embedding, OneHot, FreeParameter)
