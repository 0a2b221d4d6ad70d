"""Linear recurrences along an axis."""

from collections.abc import Mapping, Sequence

from graphspec.axes import Axis, Dim, Sizes, TensorType
from graphspec.operators.declare import Operator, operator
from graphspec.operators.flow_scan import Scans
from graphspec.operators.pointwise import aligned, broadcast
from graphspec.operators.shape import find_axis
from graphspec.operators.signature import Mismatch, Signature


@operator("scan", family="scan")
class Scan(Operator):
    """The linear recurrence `h[t] = decay[t] * h[t - 1] + drive[t]` along a named axis; all `h` are given.

    `drive` and `decay` are matched by the names of their axes; one that lacks an axis is the same along it. Before the
    first place stands `start`, which lacks the axis `over`, or zero. With `reverse` it runs from the last place to the
    first: `h[t] = decay[t] * h[t + 1] + drive[t]`. All places are computed at once, in about `2 log2(T)` steps of
    products and sums alone, so that a decay may be zero; in half precision, the sums are kept in single.

    Source: Blelloch 1990, section 1.4; Martin & Cundy 2018.
    """

    over: Dim
    reverse: bool = False

    signature = Signature("drive: ..., decay: ..., start?: ... -> h: ...")
    saves = ("decay", "h")
    flow = Scans()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        for port in self.signature.inputs:
            self._check_port(port.name, port.optional, inputs)
        given = TensorType("float", broadcast((inputs["drive"], inputs["decay"]), sizes))
        place = find_axis(given, self.over, sizes, "over")
        if "start" in inputs:
            self._check_start(inputs["start"], (*given.axes[:place], *given.axes[place + 1 :]), sizes)
        return (("h", given),)

    def _check_port(self, port: str, optional: bool, inputs: Mapping[str, TensorType]) -> None:
        if port not in inputs:
            if optional:
                return
            raise Mismatch(f"`scan` needs the input `{port}`", port, f"write `{port}: …`", "missing-input")
        if inputs[port].dtype != "float":
            message = f"`{port}` of `scan` holds floating-point numbers, but gets `{inputs[port]}`"
            raise Mismatch(message, port, "convert it with `{op: cast, to: float}`")

    def _check_start(self, start: TensorType, axes: Sequence[Axis], sizes: Sizes) -> None:
        found = [place for place in aligned(start.axes, axes, sizes) if place is not None]
        over = [str(axis) for at, axis in enumerate(start.axes) if at not in found]
        if over:
            listed = " ".join(map(str, axes))
            message = f"`start` of `scan` is `{start}`, but what stands before the first place lies along `{listed}`"
            raise Mismatch(message, "start", f"it has no axis `{over[0]}`")

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return outputs[0].elements() * 2


OPERATORS = (Scan,)
