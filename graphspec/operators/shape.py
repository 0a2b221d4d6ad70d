"""Operators that move, join and cut tensors without computing."""

from collections.abc import Mapping, Sequence
from typing import Literal

from graphspec.axes import Axis, Dim, Sizes, TensorType, dim
from graphspec.operators.declare import Mismatch, Operator, Signature, operator
from graphspec.operators.flow_mixing import Identity
from graphspec.operators.flow_moves import Joins, Selects, Shifts, Slices


class _Free(Operator):
    """An operator that moves numbers and computes none."""

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return dim(0)


def find_axis(given: TensorType, axis: Dim, sizes: Sizes, port: str = "axis") -> int:
    """The place of a named axis in a type. Raises `Mismatch`."""
    for place, candidate in enumerate(given.axes):
        if candidate.size == axis and not candidate.primed:
            return place
    for place, candidate in enumerate(given.axes):
        if sizes.same(candidate.size, axis) and not candidate.primed:
            return place
    raise Mismatch(f"there is no axis `{axis}` in `{given}`", port)


@operator("select", family="shape")
class Select(_Free):
    """Take the slice at one place along an axis, which disappears: the first token, for one.

    `at` counts from 0; negative values count from the end.
    """

    axis: Dim
    at: Dim = dim(0)

    signature = Signature("x: any ... -> y: any ...")
    flow = Selects()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given = inputs["x"]
        place = find_axis(given, self.axis, sizes)
        return (("y", TensorType(given.dtype, given.axes[:place] + given.axes[place + 1 :])),)


@operator("slice", family="shape")
class Slice(_Free):
    """Keep the places from `start` (inclusive) to `stop` (exclusive; the axis's size by default) along an axis."""

    axis: Dim
    start: Dim = dim(0)
    stop: Dim | None = None

    signature = Signature("x: any ... -> y: any ...")
    flow = Slices()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given = inputs["x"]
        place = find_axis(given, self.axis, sizes)
        size = given.axes[place].size
        length = (size if self.stop is None else self.stop) - self.start
        number = sizes.value(length)
        if number is not None and number < 0:
            raise Mismatch(f"the slice from `{self.start}` to `{self.stop or size}` is empty", "start")
        axes = (*given.axes[:place], Axis(length), *given.axes[place + 1 :])
        return (("y", TensorType(given.dtype, axes)),)


@operator("shift", family="shape")
class Shift(_Free):
    """Move everything `by` places towards higher positions along an axis; zeros come in at the start.

    A negative `by` moves towards lower positions.
    """

    axis: Dim
    by: Dim = dim(1)

    signature = Signature("x: any ... -> y: any ...")
    flow = Shifts()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        find_axis(inputs["x"], self.axis, sizes)
        return (("y", inputs["x"]),)


@operator("concat", family="shape")
class Concat(_Free):
    """Join tensors along an axis, in the order given.

    `axis` names the axis of the first input; the others have it at the same place, with a size of their own.
    """

    axis: Dim

    signature = Signature("a: any ..., b: any ..., c?: any ..., d?: any ... -> y: any ...")
    flow = Joins()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        first = inputs["a"]
        place = find_axis(first, self.axis, sizes)
        total = dim(0)
        for port, given in inputs.items():
            _same_but_one(port, given, first, place, sizes)
            total = total + given.axes[place].size
        axes = (*first.axes[:place], Axis(total), *first.axes[place + 1 :])
        return (("y", TensorType(first.dtype, axes)),)


def _same_but_one(port: str, given: TensorType, first: TensorType, place: int, sizes: Sizes) -> None:
    fits = len(given.axes) == len(first.axes) and given.dtype == first.dtype
    if fits:
        pairs = zip(given.axes, first.axes, strict=True)
        fits = all(at == place or sizes.same(a.size, b.size) for at, (a, b) in enumerate(pairs))
    if not fits:
        raise Mismatch(f"`{port}` (`{given}`) and `a` (`{first}`) differ in more than the joined axis", port)


@operator("cast", family="shape")
class Cast(_Free):
    """Convert to another kind of number: truth values become 0 and 1."""

    to: Literal["float", "int", "bool"]

    signature = Signature("x: any ... -> y: any ...")
    flow = Identity("zeros")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        return (("y", TensorType(self.to, inputs["x"].axes)),)


@operator("stop_gradient", family="shape")
class StopGradient(_Free):
    """Pass the values on, but no gradient back."""

    signature = Signature("x: ... -> y: ...")
    flow = Identity("values")


OPERATORS = (Select, Slice, Shift, Concat, Cast, StopGradient)
