"""Operators that slide a window along named axes: convolution and pooling."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from graphspec import axes
from graphspec.axes import Axis, Dim, Sizes, TensorType
from graphspec.operators.declare import Initialiser, Weight, operator
from graphspec.operators.flow_windows import Slides
from graphspec.operators.signature import Mismatch, Port, Signature
from graphspec.operators.window import Pads, Window, Windowed


@operator("convolution", family="convolution")
class Convolution(Windowed):
    """Multiply every window along the axes `over` by a learned matrix and add a learned vector; channels come last.

    Output `i` sums over the places `stride * i - left + dilation * t`, `0 <= t < kernel`, with zeros beyond the ends;
    it has `(n + left + right - dilation * (kernel - 1) - 1) // stride + 1` places. `padding` is `[left, right]` for
    each axis, a number for both, or a word: `valid` (none), `same` (half of `dilation * (kernel - 1)` on each side, the
    odd one behind: `ceil(n / stride)` places remain), `causal` (all of it before). `kernel`, `stride` and `dilation`
    are one size for all axes or one for each. Channels are mixed within each of `groups` equal parts: with as many
    groups as channels the convolution is depthwise. The weight has shape `[dim, n / groups, *kernel]`; it is learned,
    unless a tensor is given at `weight`: a normalised one, for instance, made of others that are.

    Source: LeCun et al. 1989; dilation: Yu & Koltun 2016; groups: Krizhevsky et al. 2012, section 3.5.
    """

    over: tuple[Dim, ...]
    dim: Dim
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...] = (axes.dim(1),)
    dilation: tuple[Dim, ...] = (axes.dim(1),)
    padding: Pads = "valid"
    groups: Dim = axes.dim(1)
    bias: bool = True

    has_channels = True
    signature = Signature("x: ... n -> y: ... dim")
    flow = Slides(groups="groups", bias="bias")
    weights = (
        Weight("weight", "dim n/groups *kernel", Initialiser("kaiming_uniform")),
        Weight("bias", "dim", Initialiser("zeros"), when="bias"),
    )

    @classmethod
    def input_ports(cls) -> tuple[Port, ...]:
        return (*cls.signature.inputs, Port("weight", "float", ("dim", "n/groups", "*kernel"), True))

    @property
    def gaps(self) -> tuple[Dim, ...]:
        return self.dilation

    def windows(self, given: TensorType, sizes: Sizes) -> tuple[Window, ...]:
        found = super().windows(given, sizes)
        for size in (given.sizes[-1], self.dim):
            if sizes.quotient(size, self.groups) is None:
                message = f"{sizes.describe(self.groups)} groups do not divide {sizes.describe(size)} channels"
                raise Mismatch(message, "groups", "`groups` must divide the channels of `x` and `dim`")
        return found

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        ((name, made),) = super().infer(inputs, sizes)
        axes = (*self.slid(inputs["x"], sizes)[:-1], Axis(self.dim))
        if "weight" in inputs:
            self._check_weight(inputs["weight"], self._weight_shape(inputs["x"], sizes), sizes)
        return ((name, replace(made, axes=axes)),)

    def _weight_shape(self, given: TensorType, sizes: Sizes) -> tuple[Dim, ...]:
        part = sizes.quotient(given.sizes[-1], self.groups)
        assert part is not None
        return (self.dim, part, *self.kernels)

    def _check_weight(self, weight: TensorType, shape: Sequence[Dim], sizes: Sizes) -> None:
        alike = len(weight.axes) == len(shape) and all(map(sizes.same, weight.sizes, shape))
        if weight.dtype != "float" or not alike:
            wanted = " × ".join(map(str, shape))
            raise Mismatch(f"`weight` of `convolution` has the shape {wanted}, but is `{weight}`", "weight")

    def shapes(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[Weight, tuple[Dim, ...]], ...]:
        self.infer(inputs, sizes)
        weight, bias = self.weights
        own = () if "weight" in inputs else ((weight, self._weight_shape(inputs["x"], sizes)),)
        return (*own, (bias, (self.dim,))) if self.bias else own

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        products = outputs[0].elements() * inputs["x"].sizes[-1] * self.taps() * 2
        return products.exactly_divided(self.groups) or products // self.groups


@operator("pool", family="convolution")
class Pool(Windowed):
    """The maximum or the mean of every window along the axes `over`.

    Windows follow each other without overlap, unless a `stride` is stated; `kernel`, `stride` and `padding` are those
    of `convolution`. Padding has no part in a maximum, nor in a mean, which is that of the places which are there;
    with `count_padding` a mean takes it as zeros.
    """

    over: tuple[Dim, ...]
    kind: Literal["max", "mean"]
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...] = ()
    padding: Pads = "valid"
    count_padding: bool = False

    signature = Signature("x: ... -> y: ...")
    flow = Slides(zeros="takes_zeros")

    @property
    def takes_zeros(self) -> bool:
        """Whether what lies beyond the ends counts as zeros."""
        return self.kind == "mean" and self.count_padding

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        ((name, made),) = super().infer(inputs, sizes)
        if self.count_padding and self.kind == "max":
            raise Mismatch("a maximum does not count padding", "count_padding", "leave `count_padding` out")
        for window in self.windows(inputs["x"], sizes):
            _check_pads(window, sizes)
        return ((name, replace(made, axes=self.slid(inputs["x"], sizes))),)

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * self.taps()

    @property
    def look(self) -> tuple[str, str]:
        return self.family, f"{self.kind} pool"


def _check_pads(window: Window, sizes: Sizes) -> None:
    """A window that lies beyond the ends has no maximum."""
    for pad in (window.left, window.right):
        number, reach = sizes.value(pad), sizes.value(window.reach)
        if number is not None and reach is not None and number > reach:
            message = f"with {sizes.describe(pad)} padded places a window of {reach + 1} may hold nothing else"
            raise Mismatch(message, "padding", f"pad at most {reach} places on each side")


OPERATORS = (Convolution, Pool)
