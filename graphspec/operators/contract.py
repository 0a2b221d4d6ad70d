"""Products of tensors, summed over named axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphspec.axes import Axis, Dim, Sizes, TensorType, product, unprimed
from graphspec.operators.declare import Operator, operator
from graphspec.operators.flow_contract import Contracts
from graphspec.operators.signature import Mismatch, Signature


@operator("contract", family="linear")
class Contract(Operator):
    """The product of two tensors, summed over the named axes: an `einsum` by the names of axes.

    Both have an axis in common if it has the same name in both: equal sizes of different names stay apart, unless they
    are summed over. So without `over` it is the outer product along what only one of them has. The axes of the result
    are those of `a`, then those that only `b` has, without those summed over. A second occurrence of an axis is primed,
    as `rearrange` can make it: `B T h c` times `B T' h c`, summed over `c`, gives `B T h T'`.
    """

    over: tuple[Dim, ...] = ()

    signature = Signature("a: ..., b: ... -> y: ...")
    flow = Contracts()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        for port in self.signature.inputs:
            _check(port.name, inputs)
        whole = self.whole(inputs, sizes)
        return (("y", TensorType("float", tuple(whole.axes[at] for at in whole.left))),)

    def whole(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> "Whole":
        """The product before anything is summed. Raises `Mismatch`."""
        a, b = inputs["a"], inputs["b"]
        summed = {_place(axis, b, "b", sizes): _place(axis, a, "a", sizes) for axis in self.over}
        axes, places = list(a.axes), list[int]()
        for at, axis in enumerate(b.axes):
            found = summed.get(at, _named_alike(axis, a.axes, sizes))
            if found is None:
                found = len(axes)
                axes.append(axis)
            places.append(found)
        return Whole(tuple(axes), {"a": tuple(range(len(a.axes))), "b": tuple(places)}, frozenset(summed.values()))

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * product(map(unprimed, self.over)) * (2 if self.over else 1)


@dataclass(frozen=True)
class Whole:
    """The product of two tensors before anything is summed: the axes of the first, then those of the second alone.

    `places`: where each axis of a tensor stands in it; `summed`: the places of the axes summed over.
    """

    axes: tuple[Axis, ...]
    places: Mapping[str, tuple[int, ...]]
    summed: frozenset[int]

    @property
    def left(self) -> tuple[int, ...]:
        """The places of the axes that stay."""
        return tuple(at for at in range(len(self.axes)) if at not in self.summed)


def _named_alike(axis: Axis, others: Sequence[Axis], sizes: Sizes) -> int | None:
    """Where an axis of the same name is."""
    own = sizes.expand(axis.size), axis.primed
    return next((at for at, it in enumerate(others) if (sizes.expand(it.size), it.primed) == own), None)


def _place(name: Dim, given: TensorType, port: str, sizes: Sizes) -> int:
    """The axis of a tensor that is summed over: of this name, else the only one of this size."""
    wanted = Axis(unprimed(name), primed=unprimed(name) != name)
    alike = _named_alike(wanted, given.axes, sizes)
    if alike is not None:
        return alike
    equal = [at for at, it in enumerate(given.axes) if not it.primed and sizes.same(it.size, name)]
    if len(equal) == 1:
        return equal[0]
    message = f"there is no axis `{name}` in `{port}` (`{given}`)"
    raise Mismatch(message, "over", "both have what is summed over; `sum(x, axis)` sums one alone")


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


OPERATORS = (Contract,)
