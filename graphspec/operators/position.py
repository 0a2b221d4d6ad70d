"""Positions: as whole numbers, as rows to add, as turns of queries and keys."""

from collections.abc import Mapping, Sequence
from typing import Literal

from graphspec import axes
from graphspec.axes import Axis, Dim, Number, Sizes, TensorType
from graphspec.diagnostics import counted
from graphspec.operators.declare import Initialiser, Operator, Weight, operator
from graphspec.operators.flow_mixing import Constant, Distances, Rows, Turns
from graphspec.operators.scaling import Dynamic, LongRoPE, Scaling
from graphspec.operators.signature import Mismatch, Port, Signature


@operator("index", family="position")
class Index(Operator):
    """The positions 0, 1, 2, … along an axis."""

    over: Dim

    signature = Signature("-> y: int over")
    flow = Constant()

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return axes.dim(0)


@operator("sinusoidal_position", family="position")
class SinusoidalPosition(Operator):
    """Rows of sines and cosines of the position at geometric wavelengths, to be added.

    Column `2i` is `sin(t / theta^(2i / dim))`, column `2i + 1` the cosine (`layout: interleaved`); or all sines before
    all cosines (`halves`). `dim` must be even. `t` counts along `over`, or is what `at` says.

    Source: Vaswani et al. 2017, section 3.5.
    """

    dim: Dim
    over: Dim | None = None
    theta: Number = Number.of(10000)
    layout: Literal["interleaved", "halves"] = "interleaved"

    signature = Signature("at?: int ... -> y: ... dim")
    flow = Rows()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        _even(self.dim, sizes, "dim")
        if "at" in inputs:
            return super().infer(inputs, sizes)
        return (("y", _rows(self, self.over, self.dim)),)


@operator("learned_position", family="position")
class LearnedPosition(Operator):
    """A learned row per position, to be added; at most `size` positions.

    The table has shape `[size, dim]`; position `t` along `over` takes row `offset + t`, or row `offset + at[t]`.
    """

    size: Dim
    dim: Dim
    over: Dim | None = None
    offset: Dim = axes.dim(0)

    saves = ()
    signature = Signature("at?: int ... -> y: ... dim")
    flow = Rows("offset")
    weights = (Weight("weight", "size dim", Initialiser("normal", (0.02,))),)

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        if "at" in inputs:
            return super().infer(inputs, sizes)
        return (("y", _rows(self, self.over, self.dim)),)

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return axes.dim(0)


@operator("rotary", family="position")
class Rotary(Operator):
    """Turn pairs of features by angles that grow with the position, so that products depend on distance alone.

    Pair `i` of position `t` turns by `t / theta^(2i / dims)`. `dims` features of each head turn, all by default;
    pairs are `(i, i + dims / 2)` (`layout: halves`) or `(2i, 2i + 1)` (`interleaved`). `scaling` stretches the angles
    for sequences longer than those learned from: `{kind: linear, factor: 4}`, and likewise `ntk`, `dynamic`, `yarn`,
    `llama3`, `longrope`. Positions count from 0, or are what `at` says, along the last of the axes before the heads.

    Source: Su et al. 2021, eq. 15.
    """

    theta: Number = Number.of(10000)
    dims: Dim | None = None
    layout: Literal["halves", "interleaved"] = "halves"
    scaling: Scaling | None = None

    saves = ()
    signature = Signature("x: ... T h c -> y: ... T h c")
    flow = Turns()

    @classmethod
    def input_ports(cls) -> tuple[Port, ...]:
        return (*cls.signature.inputs, Port("at", "int", ("...",), True))

    @property
    def counts(self) -> bool:
        """Whether the angles depend on the number of positions."""
        return isinstance(self.scaling, Dynamic | LongRoPE)

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        outputs = super().infer(inputs, sizes)
        if "at" in inputs:
            _check_places(inputs["at"], inputs["x"].axes[:-2], sizes)
        width = inputs["x"].sizes[-1]
        turned = self.dims or width
        _even(turned, sizes, "dims")
        wide, narrow = sizes.value(width), sizes.value(turned)
        if wide is not None and narrow is not None and narrow > wide:
            raise Mismatch(f"`dims` = {narrow} is more than the {wide} features of a head", "dims")
        if isinstance(self.scaling, LongRoPE) and narrow is not None:
            for name, numbers in (("short", self.scaling.short), ("long", self.scaling.long)):
                if len(numbers) != narrow // 2:
                    message = f"`{name}` has {counted(len(numbers), 'number')}, a head {counted(narrow // 2, 'pair')}"
                    raise Mismatch(message, "scaling", "give one for each pair of features that turns")
        return outputs

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * 3


@operator("alibi", family="position")
class Alibi(Operator):
    """Scores that fall with the distance, to be a `bias` of `attend`: `-slope[h] * |i - j|` for query `i`, key `j`.

    The slopes (per position, no unit) are `2^(-8 (h + 1) / heads)` for a power of two; else those of the next lower
    power, followed by every second one of the next higher.

    Source: Press et al. 2022, section 3.
    """

    over: Dim
    heads: Dim

    signature = Signature("-> y: heads over over'")
    flow = Distances("over")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        return (("y", _pairs(self.heads, self.over)),)


@operator("relative_bias", family="position")
class RelativeBias(Operator):
    """A learned score for each head and distance, to be a `bias` of `attend`; far distances share buckets.

    The table has shape `[buckets, heads]`. Half the buckets are single distances, the others grow logarithmically up to
    `distance` positions. `direction: both` gives keys after the query buckets of their own; with `past` they count as
    distance 0.

    Source: Raffel et al. 2020, section 2.1.
    """

    over: Dim
    heads: Dim
    buckets: Dim = axes.dim(32)
    distance: Dim = axes.dim(128)
    direction: Literal["both", "past"] = "both"

    signature = Signature("-> y: heads over over'")
    flow = Distances("over")
    weights = (Weight("weight", "buckets heads", Initialiser("normal", (0.02,))),)

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        return (("y", _pairs(self.heads, self.over)),)


def _pairs(heads: Dim, over: Dim) -> TensorType:
    return TensorType("float", (Axis(heads), Axis(over), Axis(over, primed=True)))


def _rows(does: Operator, over: Dim | None, dim: Dim) -> TensorType:
    """A row for each place along an axis."""
    if over is None:
        raise Mismatch(f"`{does.op}` needs an axis to count along", "over", "write `over: T`, or `at: …`")
    return TensorType("float", (Axis(over), Axis(dim)))


def _check_places(at: TensorType, axes: Sequence[Axis], sizes: Sizes) -> None:
    """Raise `Mismatch` unless the positions lie along the last of these axes."""
    if at.dtype != "int":
        message = f"`at` of `rotary` holds whole numbers, but gets `{at}`"
        raise Mismatch(message, "at", "convert it with `{op: cast, to: int}`")
    own = axes[len(axes) - len(at.axes) :] if at.axes else ()
    if not own or len(own) < len(at.axes) or not all(map(sizes.same, at.sizes, (axis.size for axis in own))):
        listed = " ".join(map(str, axes))
        help = "repeat them along the others with `rearrange`"
        raise Mismatch(f"`at` of `rotary` is `{at}`, but positions lie along the last of `{listed}`", "at", help)


def _even(size: Dim, sizes: Sizes, port: str) -> None:
    value = sizes.value(size)
    if value is not None and value % 2:
        raise Mismatch(f"{sizes.describe(size)} is odd, but sines and cosines come in pairs", port)


OPERATORS = (Index, SinusoidalPosition, LearnedPosition, Rotary, Alibi, RelativeBias)
