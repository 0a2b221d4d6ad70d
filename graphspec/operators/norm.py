"""Normalisation: over named axes, over the batch, over groups of features."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from graphspec.axes import Dim, Number, Sizes, TensorType, dim, product
from graphspec.operators.declare import Initialiser, Operator, Saved, Use, Weight, operator
from graphspec.operators.flow_mixing import MixesAlong
from graphspec.operators.flow_windows import NormalisesBatch, NormalisesGroups
from graphspec.operators.signature import Mismatch, Signature
from graphspec.operators.window import find_axes


def _present(norm: Operator) -> Iterator[Weight]:
    return (weight for weight in norm.weights if getattr(norm, weight.when) not in (False, "none"))


class _Norm(Operator):
    """What the norms share: the axes `over` which they run, the last one by default."""

    over: tuple[Dim, ...]

    def rows(self, given: TensorType) -> Dim:
        """How many times it runs."""
        return product(given.sizes[: -max(1, len(self.over))])

    def shapes(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[Weight, tuple[Dim, ...]], ...]:
        self.infer(inputs, sizes)
        over = self.over or inputs["x"].sizes[-1:]
        return tuple((weight, over) for weight in _present(self))

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

    `eps` (no unit) is added to the variance. Over the last axis by default.

    Source: Ba, Kiros & Hinton 2016, eq. 4.
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

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """The input, and mean and deviation of each row."""
        return Saved(("x",), numbers=self.rows(inputs["x"]) * 2)


@operator("rms_norm", family="norm")
class RMSNorm(_Norm):
    """Divide by the root mean square over the named axes, then scale.

    `eps` (no unit) is added to the mean square. Over the last axis by default.

    Source: Zhang & Sennrich 2019, eq. 4.
    """

    over: tuple[Dim, ...] = ()
    eps: Number = Number.of(1e-6)
    weight: Literal["none", "w", "w+1"] = "w"

    signature = Signature("x: ... n -> y: ... n")
    flow = MixesAlong("over", ("weight",))
    weights = (Weight("weight", "over", Initialiser("ones"), when="weight"),)

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """The input and the root of each row; on the CPU, where it is no kernel of its own, also what is scaled."""
        scaled = outputs[0].elements() if use.device == "cpu" and self.weight != "none" else dim(0)
        return Saved(("x",), elements=scaled, numbers=self.rows(inputs["x"]))


class _FeatureNorm(Operator):
    """What the norms with a weight for each feature of the last axis share."""

    def shapes(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[Weight, tuple[Dim, ...]], ...]:
        self.infer(inputs, sizes)
        return tuple((weight, inputs["x"].sizes[-1:]) for weight in _present(self))

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * 4


@operator("batch_norm", family="norm")
class BatchNorm(_FeatureNorm):
    """Subtract the mean and divide by the standard deviation of each feature (the last axis), then scale and shift.

    In training they are those over all other axes, padding included, and running averages of them are kept; in
    evaluation the running averages are used. `eps` (no unit) is added to the variance; `momentum` (no unit) is the
    share of each new batch in the averages, of which that of the variance is unbiased.

    Source: Ioffe & Szegedy 2015, algorithms 1 and 2.
    """

    eps: Number = Number.of(1e-5)
    momentum: Number = Number.of(0.1)
    weight: Literal["none", "w", "w+1"] = "w"
    bias: bool = True

    signature = Signature("x: ... n -> y: ... n")
    flow = NormalisesBatch()
    weights = (
        Weight("weight", "n", Initialiser("ones"), when="weight"),
        Weight("bias", "n", Initialiser("zeros"), when="bias"),
    )
    buffers = (
        Weight("running_mean", "n", Initialiser("zeros")),
        Weight("running_var", "n", Initialiser("ones")),
        Weight("num_batches_tracked", "", Initialiser("zeros")),
    )

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        outputs = super().infer(inputs, sizes)
        if len(inputs["x"].axes) < 2:
            message = f"`batch_norm` has nothing to average over: `x` has the axis `{inputs['x']}` alone"
            raise Mismatch(message, "x", "give it a tensor with a batch axis before the features")
        return outputs


@operator("group_norm", family="norm")
class GroupNorm(_FeatureNorm):
    """Normalise each of `groups` equal parts of the features (the last axis) by itself, then scale and shift.

    Mean and standard deviation are those over a part's features and the axes `over`, none by default: `over: [H, W]`
    makes it the group norm of images, and as many groups as features an instance norm. `eps` (no unit) is added to the
    variance.

    Source: Wu & He 2018, eq. 7.
    """

    groups: Dim
    over: tuple[Dim, ...] = ()
    eps: Number = Number.of(1e-5)
    weight: Literal["none", "w", "w+1"] = "w"
    bias: bool = True

    signature = Signature("x: ... n -> y: ... n")
    flow = NormalisesGroups()
    weights = (
        Weight("weight", "n", Initialiser("ones"), when="weight"),
        Weight("bias", "n", Initialiser("zeros"), when="bias"),
    )

    def places(self, given: TensorType, sizes: Sizes) -> list[int]:
        """Where `x` has the axes `over`. Raises `Mismatch`."""
        return find_axes(given, self.over, sizes, channels=True)

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        outputs = super().infer(inputs, sizes)
        features = inputs["x"].sizes[-1]
        part = sizes.quotient(features, self.groups)
        if part is None:
            message = f"{sizes.describe(self.groups)} groups do not divide {sizes.describe(features)} features"
            raise Mismatch(message, "groups", "`groups` must divide the last axis of `x`")
        if not self.places(inputs["x"], sizes) and sizes.value(part) == 1:
            help = "take fewer groups, or say which axes they span: `over: [H, W]`"
            raise Mismatch("each group would be a single number, which normalises to 0", "groups", help)
        return outputs


OPERATORS = (LayerNorm, RMSNorm, BatchNorm, GroupNorm)
