"""Normalisation over named axes."""

from collections.abc import Mapping, Sequence
from typing import Literal

from graphspec.axes import Dim, Number, Sizes, TensorType
from graphspec.operators.declare import Initialiser, Mismatch, Operator, Signature, Weight, operator
from graphspec.operators.flow_mixing import MixesAlong


class _Norm(Operator):
    """What the norms share: the axes `over` which they run, the last one by default."""

    over: tuple[Dim, ...]

    def shapes(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[Weight, tuple[Dim, ...]], ...]:
        over = self.over or inputs["x"].sizes[-1:]
        return tuple((w, over) for w in self.weights if not w.when or getattr(self, w.when) not in (False, "none"))

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        outputs = super().infer(inputs, sizes)
        given = inputs["x"].sizes
        for size in self.over:
            if not any(sizes.same(size, axis) for axis in given):
                raise Mismatch(f"`x` has no axis `{size}`: it has `{inputs['x']}`", "over")
        if self.over and not all(sizes.same(a, b) for a, b in zip(given[-len(self.over) :], self.over, strict=True)):
            raise Mismatch(
                f"`{self.op}` runs over the last axes, in order; `{inputs['x']}` does not end with them",
                "over",
                "move the axes with `rearrange` first",
            )
        return outputs

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * 4


@operator("layer_norm", family="norm")
class LayerNorm(_Norm):
    """Subtract the mean and divide by the standard deviation over the named axes, then scale and shift.

    Source: Ba, Kiros & Hinton 2016, eq. 4. `eps` (no unit) is added to the variance. Over the last axis by default.
    """

    over: tuple[Dim, ...] = ()
    eps: Number = Number.of(1e-5)
    weight: Literal["none", "w", "w+1"] = "w"
    bias: bool = True

    signature = Signature("x: ... n -> y: ... n")
    flow = MixesAlong("over", ("weight", "bias"))
    weights = (
        Weight("weight", "over", Initialiser("ones"), when="weight"),
        Weight("bias", "over", Initialiser("zeros"), when="bias"),
    )


@operator("rms_norm", family="norm")
class RMSNorm(_Norm):
    """Divide by the root mean square over the named axes, then scale.

    Source: Zhang & Sennrich 2019, eq. 4. `eps` (no unit) is added to the mean square. Over the last axis by default.
    """

    over: tuple[Dim, ...] = ()
    eps: Number = Number.of(1e-6)
    weight: Literal["none", "w", "w+1"] = "w"

    signature = Signature("x: ... n -> y: ... n")
    flow = MixesAlong("over", ("weight",))
    weights = (Weight("weight", "over", Initialiser("ones"), when="weight"),)


OPERATORS = (LayerNorm, RMSNorm)
