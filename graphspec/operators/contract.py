"""Products of tensors, summed over named axes."""

from collections.abc import Mapping, Sequence

from graphspec.axes import Axis, Dim, Sizes, TensorType, product, unprimed
from graphspec.operators.declare import Mismatch, Operator, Signature, operator
from graphspec.operators.flow_contract import Contracts


@operator("contract", family="linear")
class Contract(Operator):
    """The product of two tensors, summed over the named axes: an `einsum` by the names of axes.

    Both have an axis in common if it has the same name in both: equal sizes of different names stay apart. So without
    `over` it is the outer product along what only one of them has. The axes of the result are those of `a`, then those
    that only `b` has, without those summed over. A second occurrence of an axis is primed, as `rearrange` can make it:
    `B T h c` times `B T' h c`, summed over `c`, gives `B T h T'`.
    """

    over: tuple[Dim, ...] = ()

    signature = Signature("a: ..., b: ... -> y: ...")
    flow = Contracts()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        for port in self.signature.inputs:
            _check(port.name, inputs)
        summed = self.summed(inputs, sizes)
        axes = product_axes(inputs["a"], inputs["b"], sizes)
        return (("y", TensorType("float", tuple(axis for axis in axes if axis not in summed))),)

    def summed(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[Axis, ...]:
        """The axes summed over, as `a` has them. Raises `Mismatch`."""
        return tuple(_common(axis, inputs, sizes) for axis in self.over)

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * product(map(unprimed, self.over)) * (2 if self.over else 1)


def product_axes(a: TensorType, b: TensorType, sizes: Sizes) -> tuple[Axis, ...]:
    """The axes of the whole product: those of `a`, then those that only `b` has."""
    return (*a.axes, *(axis for axis in b.axes if same_place(axis, a, sizes) is None))


def same_place(axis: Axis, other: TensorType, sizes: Sizes) -> int | None:
    """Where another tensor has an axis of the same name."""
    own = sizes.expand(axis.size), axis.primed
    return next((at for at, it in enumerate(other.axes) if (sizes.expand(it.size), it.primed) == own), None)


def _check(port: str, inputs: Mapping[str, TensorType]) -> None:
    if port not in inputs:
        raise Mismatch(f"`contract` needs the input `{port}`", port, f"write `{port}: …`", "missing-input")
    given = inputs[port]
    if given.dtype != "float":
        message = f"`{port}` of `contract` holds floating-point numbers, but gets `{given}`"
        raise Mismatch(message, port, "convert it with `{op: cast, to: float}`")
    twice = next((axis for at, axis in enumerate(given.axes) if axis in given.axes[:at]), None)
    if twice is not None:
        message = f"`{port}` of `contract` has two axes `{twice}` (`{given}`)"
        raise Mismatch(message, port, "tell them apart by their sizes' names, or prime one with `rearrange`")


def _common(size: Dim, inputs: Mapping[str, TensorType], sizes: Sizes) -> Axis:
    """The axis of this name that both tensors have."""
    wanted = Axis(unprimed(size), primed=unprimed(size) != size)
    places = {port: same_place(wanted, inputs[port], sizes) for port in ("a", "b")}
    for port, place in places.items():
        if place is None:
            given = inputs[port]
            message = f"there is no axis `{size}` in `{port}` (`{given}`)"
            raise Mismatch(message, "over", "both have what is summed over; `sum(x, axis)` sums one alone")
    assert places["a"] is not None
    return inputs["a"].axes[places["a"]]


OPERATORS = (Contract,)
