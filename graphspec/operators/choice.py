"""Operators that choose along an axis: the largest, or rows by number."""

from collections.abc import Mapping, Sequence

from graphspec.axes import Dim, Sizes, TensorType, dim
from graphspec.operators.declare import Operator, operator
from graphspec.operators.flow_choice import Chooses, Takes
from graphspec.operators.pointwise import aligned
from graphspec.operators.shape import find_axis
from graphspec.operators.signature import Mismatch, Signature


@operator("top", family="experts")
class Top(Operator):
    """Choose the `k` largest along a named axis: 1 there, 0 elsewhere; of equals the first.

    `where`, truth values along some of the axes of `x`, limits the candidates; if they are fewer than `k`, all of them
    are chosen. The choice itself has no gradient.

    Source: Shazeer et al. 2017, eq. 5 (along experts); Zhou et al. 2022, eq. 2 (along positions).
    """

    k: Dim
    axis: Dim

    saves = ()
    signature = Signature("x: ..., where?: bool ... -> y: ...")
    flow = Chooses()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given = _needed(self, inputs, "x")
        if given.dtype != "float":
            message = f"`x` of `top` holds floating-point numbers, but gets `{given}`"
            raise Mismatch(message, "x", "convert it with `{op: cast, to: float}`")
        place = find_axis(given, self.axis, sizes)
        self._check_count(given.sizes[place], sizes)
        if "where" in inputs:
            _check_candidates(inputs["where"], given, sizes)
        return (("y", given),)

    @property
    def look(self) -> tuple[str, str]:
        return self.family, f"top {self.k}"

    def _check_count(self, size: Dim, sizes: Sizes) -> None:
        k, most = sizes.value(self.k), sizes.value(size)
        if k is not None and k < 1:
            raise Mismatch(f"`top` chooses at least one, but `k` is {k}", "k", "choose a `k` from 1 up")
        if k is not None and most is not None and k > most:
            message = f"`top` cannot choose {sizes.describe(self.k)} of {sizes.describe(size)}"
            raise Mismatch(message, "k", f"choose a `k` of at most {most}")


def _needed(does: Operator, inputs: Mapping[str, TensorType], port: str) -> TensorType:
    if port not in inputs:
        raise Mismatch(f"`{does.op}` needs the input `{port}`", port, f"write `{port}: …`", "missing-input")
    return inputs[port]


def _check_candidates(where: TensorType, given: TensorType, sizes: Sizes) -> None:
    if where.dtype != "bool":
        raise Mismatch(
            f"`where` of `top` holds truth values, but gets `{where}`", "where", "compare it: `where: x > 0`"
        )
    if len([at for at in aligned(where.axes, given.axes, sizes) if at is not None]) < len(where.axes):
        message = f"`where` (`{where}`) has an axis that `x` (`{given}`) lacks"
        raise Mismatch(message, "where", "its axes must be among those of `x`")


@operator("gather", family="shape")
class Gather(Operator):
    """Take entries along a named axis by number, counted from 0.

    `at` holds whole numbers. Axes that it shares with `x` go along; one of its own, if it has one, takes the place of
    the axis, which otherwise disappears: `at: int B` takes one position of each row.
    """

    axis: Dim

    saves = ()
    signature = Signature("x: any ..., at: int ... -> y: any ...")
    flow = Takes()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        given, at = _needed(self, inputs, "x"), _needed(self, inputs, "at")
        if at.dtype != "int":
            message = f"`at` of `gather` holds whole numbers, but gets `{at}`"
            raise Mismatch(message, "at", "convert it with `{op: cast, to: int}`")
        place = find_axis(given, self.axis, sizes)
        own = own_axes(given, at, place, sizes)
        if len(own) > 1:
            listed = " and ".join(f"`{at.axes[axis]}`" for axis in own)
            message = f"`at` (`{at}`) has the axes {listed}, which `x` (`{given}`) lacks"
            raise Mismatch(message, "at", "merge them with `rearrange` first")
        axes = (*given.axes[:place], *(at.axes[axis] for axis in own), *given.axes[place + 1 :])
        return (("y", TensorType(given.dtype, axes)),)

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return dim(0)


def shared_axes(given: TensorType, at: TensorType, place: int, sizes: Sizes) -> tuple[int | None, ...]:
    """For each axis of `x`, the place of the same axis of `at`; the one that is taken along has none."""
    others = (*given.axes[:place], *given.axes[place + 1 :])
    found = aligned(at.axes, others, sizes)
    return (*found[:place], None, *found[place:])


def own_axes(given: TensorType, at: TensorType, place: int, sizes: Sizes) -> tuple[int, ...]:
    """The axes of `at` that `x` does not have beside the one taken along."""
    shared = shared_axes(given, at, place, sizes)
    return tuple(axis for axis in range(len(at.axes)) if axis not in shared)


OPERATORS = (Top, Gather)
