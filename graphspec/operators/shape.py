"""Operators that move, join and cut tensors without computing."""

from collections.abc import Mapping, Sequence
from typing import Literal

from graphspec.axes import Axis, Dim, Number, Sizes, TensorType, dim
from graphspec.operators.declare import Operator, Parts, operator
from graphspec.operators.flow_mixing import Identity
from graphspec.operators.flow_moves import Flips, Joins, Pads, Rolls, Selects, Shifts, Slices, Splits
from graphspec.operators.signature import Mismatch, Signature


class _Free(Operator):
    """An operator that moves numbers and computes none."""

    saves = ()

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return dim(0)


def find_axis(given: TensorType, axis: Dim, sizes: Sizes, port: str = "axis") -> int:
    """The place of an axis in a type: the one of its name, else of its form, else of its value. Raises `Mismatch`."""
    for place, candidate in enumerate(given.axes):
        if candidate.name == axis:
            return place
    fitting = [at for at, it in enumerate(given.axes) if sizes.same(it.size, axis) and not it.primed]
    formed = [at for at in fitting if sizes.expand(given.sizes[at]) == sizes.expand(axis)]
    found = formed or fitting
    if not found:
        raise Mismatch(f"there is no axis `{axis}` in `{given}`", port, _axes_help(given))
    if len(found) > 1:
        message = f"{len(found)} axes of `{given}` have the size of `{axis}`, and none its name"
        raise Mismatch(message, port, "make their sizes of parameters that differ, or name the axis as it stands there")
    return found[0]


def _axes_help(given: TensorType) -> str:
    names = [f"`{name}`" for name in dict.fromkeys(axis.name for axis in given.axes)]
    return f"its axes are {', '.join(names)}" if names else "it has no axes"


@operator("select", family="shape")
class Select(_Free):
    """Take the slice at one place along an axis, which disappears: the first token, for one.

    `at` counts from 0; negative values count from the end.
    """

    axis: Dim
    at: Dim = dim(0)

    view = True
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

    view = True
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


@operator("split", family="shape")
class Split(_Free):
    """Cut an axis into named parts, one after the other; each is an output, read as `node.part`.

    `into` maps names to sizes, which make up the axis; a list of names cuts it into equal parts.
    """

    axis: Dim
    into: Parts

    view = True
    signature = Signature("x: any ... -> y: any ...")
    flow = Splits()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given = inputs["x"]
        place = find_axis(given, self.axis, sizes)
        lengths = self.lengths(given.axes[place].size, sizes)
        before, after = given.axes[:place], given.axes[place + 1 :]
        types = (TensorType(given.dtype, (*before, Axis(length), *after)) for length in lengths)
        return tuple(zip((name for name, _ in self.into), types, strict=True))

    def lengths(self, size: Dim, sizes: Sizes) -> tuple[Dim, ...]:
        """How long each part is. Raises `Mismatch`."""
        given = tuple(length for _, length in self.into if length is not None)
        if not given:
            return (self._equal(size, sizes),) * len(self.into)
        total = sum(given, dim(0))
        if not sizes.same(total, size):
            message = f"the parts have {sizes.describe(total)} in all, `{self.axis}` has {sizes.describe(size)}"
            raise Mismatch(message, "into", f"choose sizes with the sum `{size}`")
        return given

    def _equal(self, size: Dim, sizes: Sizes) -> Dim:
        length = sizes.quotient(size, dim(len(self.into)))
        if length is None:
            message = f"{sizes.describe(size)} cannot be cut into {len(self.into)} equal parts for sure"
            raise Mismatch(message, "into", "say their sizes: `into: {name: size, …}`")
        return length


@operator("flip", family="shape")
class Flip(_Free):
    """Reverse the order along an axis."""

    axis: Dim

    signature = Signature("x: any ... -> y: any ...")
    flow = Flips()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        find_axis(inputs["x"], self.axis, sizes)
        return (("y", inputs["x"]),)


@operator("roll", family="shape")
class Roll(_Free):
    """Move everything `by` places towards higher positions along an axis; what falls off comes in at the start.

    A negative `by` moves towards lower positions.
    """

    axis: Dim
    by: Dim = dim(1)

    signature = Signature("x: any ... -> y: any ...")
    flow = Rolls()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        find_axis(inputs["x"], self.axis, sizes)
        return (("y", inputs["x"]),)


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


@operator("pad", family="shape")
class Pad(_Free):
    """Put `left` places before an axis and `right` behind it, which all hold `value`: 0 and 1 for truth values."""

    axis: Dim
    left: Dim = dim(0)
    right: Dim = dim(0)
    value: Number = Number.of(0)

    signature = Signature("x: any ... -> y: any ...")
    flow = Pads()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given = inputs["x"]
        place = find_axis(given, self.axis, sizes)
        for side in ("left", "right"):
            number = sizes.value(getattr(self, side))
            if number is not None and number < 0:
                message = f"`{side}` is {number}, but padding only adds places"
                raise Mismatch(message, side, "cut places off with `slice`")
        self._check_value(given)
        size = given.axes[place].size + self.left + self.right
        return (("y", TensorType(given.dtype, (*given.axes[:place], Axis(size), *given.axes[place + 1 :]))),)

    def _check_value(self, given: TensorType) -> None:
        value = self.value.value
        fits = {"float": True, "int": isinstance(value, int), "bool": value in (0, 1)}
        if not fits[given.dtype]:
            kind = {"int": "whole numbers", "bool": "truth values, which are 0 and 1"}[given.dtype]
            raise Mismatch(f"`x` (`{given}`) holds {kind}, so that `value` cannot be {self.value}", "value")


@operator("concat", family="shape")
class Concat(_Free):
    """Join tensors along an axis, in the order given.

    `axis` names the axis of one of the inputs, or of the result; all have it at the same place, each with a size of its
    own. An input that lacks leading axes is the same along them: a token before the words of every row.
    """

    axis: Dim

    signature = Signature("a: any ..., b: any ..., c?: any ..., d?: any ... -> y: any ...")
    flow = Joins()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        port, widest = max(inputs.items(), key=lambda item: len(item[1].axes))
        place = self.place(inputs, sizes)
        for other, given in inputs.items():
            _same_but_one(other, given, port, widest, place, sizes)
        return (("y", TensorType(widest.dtype, self._joined(inputs, widest, place))),)

    def place(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> int:
        """Which axis of the result is the joined one. Raises `Mismatch`."""
        widest = max(inputs.values(), key=lambda given: len(given.axes))
        for given in (widest, *inputs.values()):
            try:
                return find_axis(given, self.axis, sizes) + len(widest.axes) - len(given.axes)
            except Mismatch:
                continue
        shortest = min(len(given.axes) for given in inputs.values())
        for place in range(len(widest.axes) - shortest, len(widest.axes)):
            if sizes.same(self._joined(inputs, widest, place)[place].size, self.axis):
                return place
        raise Mismatch(f"there is no axis `{self.axis}` in `{widest}`", "axis", _axes_help(widest))

    def _joined(self, inputs: Mapping[str, TensorType], widest: TensorType, place: int) -> tuple[Axis, ...]:
        """The axes of the result."""
        behind = len(widest.axes) - place
        total = sum((given.axes[-behind].size for given in inputs.values() if len(given.axes) >= behind), dim(0))
        return (*widest.axes[:place], Axis(total), *widest.axes[place + 1 :])


def _same_but_one(port: str, given: TensorType, name: str, widest: TensorType, place: int, sizes: Sizes) -> None:
    lead = len(widest.axes) - len(given.axes)
    pairs = zip(given.axes, widest.axes[lead:], strict=True)
    alike = all(at + lead == place or sizes.same(a.size, b.size) for at, (a, b) in enumerate(pairs))
    if lead > place or not alike or given.dtype != widest.dtype:
        raise Mismatch(f"`{port}` (`{given}`) and `{name}` (`{widest}`) differ in more than the joined axis", port)


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

    view = True
    signature = Signature("x: ... -> y: ...")
    flow = Identity("values")


OPERATORS = (Select, Slice, Split, Pad, Shift, Flip, Roll, Concat, Cast, StopGradient)
