"""Windows that slide along named axes: where each starts, how far it reaches, how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import ClassVar, Literal

from graphspec.axes import Axis, Dim, Sizes, TensorType, dim, product
from graphspec.diagnostics import counted
from graphspec.operators.declare import Operator
from graphspec.operators.signature import Mismatch

Pads = Literal["valid", "same", "causal"] | tuple[tuple[Dim, Dim], ...]
"""How many places come in before and behind each axis, or a word for it."""

MOST_AXES = 3


@dataclass(frozen=True, slots=True)
class Window:
    """A window along one axis: output `i` reads the places `stride * i - left + dilation * t`, `0 <= t < kernel`."""

    place: int
    size: Dim
    kernel: Dim
    stride: Dim
    dilation: Dim
    left: Dim
    right: Dim

    @property
    def reach(self) -> Dim:
        """From the first to the last place that one output reads."""
        return self.dilation * (self.kernel - 1)

    def count(self, sizes: Sizes) -> Dim:
        """How many windows fit: the size of the output's axis."""
        more = self.left + self.right - self.reach
        starts = self.size if sizes.value(more) == 0 else self.size + more
        if sizes.value(self.stride) == 1:
            return starts
        total = starts - 1 + self.stride
        exact = sizes.quotient(total, self.stride) if len(total.terms) == 1 else None
        return exact or total // self.stride


class Windowed(Operator):
    """An operator that applies one function to every window along the axes `over`; the others are kept."""

    over: tuple[Dim, ...]
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Pads
    has_channels: ClassVar[bool] = False
    """Whether the last axis is none that a window may go over."""

    @property
    def gaps(self) -> tuple[Dim, ...]:
        """The dilation, one for all axes or one for each."""
        return (dim(1),)

    @property
    def kernels(self) -> tuple[Dim, ...]:
        """The size of the window along each axis, if that is stated rightly."""
        return self.kernel * len(self.over) if len(self.kernel) == 1 else self.kernel

    def taps(self) -> Dim:
        """How many places a window has."""
        return product(self.kernels)

    def windows(self, given: TensorType, sizes: Sizes) -> tuple[Window, ...]:
        """The window along each axis of `over`. Raises `Mismatch`."""
        places = find_axes(given, self.over, sizes, channels=self.has_channels)
        if not 1 <= len(places) <= MOST_AXES:
            message = f"`{self.op}` goes over one to three axes, not {len(places)}"
            raise Mismatch(message, "over", "name the axes along which the window moves: `over: T`, or `over: [H, W]`")
        kernel = self._each("kernel", self.kernel, sizes)
        stride = self._each("stride", self.stride or self.kernel, sizes)
        dilation = self._each("dilation", self.gaps, sizes)
        reaches = [gap * (count - 1) for gap, count in zip(dilation, kernel, strict=True)]
        pads = self._pads(reaches, sizes)
        found = zip(places, kernel, stride, dilation, pads, strict=True)
        return tuple(Window(place, given.sizes[place], size, step, gap, *pad) for place, size, step, gap, pad in found)

    def _each(self, name: str, values: tuple[Dim, ...], sizes: Sizes) -> list[Dim]:
        """One value for each axis."""
        if len(values) not in (1, len(self.over)):
            message = f"`{name}` has {len(values)} sizes, but `over` has {counted(len(self.over), 'axis', 'axes')}"
            raise Mismatch(message, name, "write one size for all axes, or one for each")
        for value in values:
            _check(name, value, 1, sizes)
        return [*(repeat(values[0], len(self.over)) if len(values) == 1 else values)]

    def _pads(self, reaches: Sequence[Dim], sizes: Sizes) -> list[tuple[Dim, Dim]]:
        match self.padding:
            case "valid":
                return [(dim(0), dim(0)) for _ in reaches]
            case "same":
                return [(reach // 2, reach - reach // 2) for reach in reaches]
            case "causal":
                return [(reach, dim(0)) for reach in reaches]
            case pairs:
                return self._stated_pads(pairs, sizes)

    def _stated_pads(self, pairs: Sequence[tuple[Dim, Dim]], sizes: Sizes) -> list[tuple[Dim, Dim]]:
        for value in (value for pair in pairs for value in pair):
            _check("padding", value, 0, sizes)
        axes = len(self.over)
        if len(pairs) == 1 and (axes == 1 or sizes.same(*pairs[0])):
            return [*pairs] * axes
        if len(pairs) != axes:
            text = ", ".join(f"[{left}, {right}]" for left, right in pairs)
            message = f"`padding` {text} does not say the left and the right of each of the {axes} axes"
            raise Mismatch(message, "padding", f"write one pair for each: `[{', '.join(['[left, right]'] * axes)}]`")
        return [*pairs]

    def slid(self, given: TensorType, sizes: Sizes) -> tuple[Axis, ...]:
        """The axes of the input, with those that the window moved along at their new sizes. Raises `Mismatch`."""
        axes = list(given.axes)
        for window in self.windows(given, sizes):
            count = window.count(sizes)
            number = sizes.value(count)
            if number is not None and number < 1:
                reach, padded = window.reach + 1, window.size + window.left + window.right
                message = (
                    f"a window that reaches over {sizes.value(reach)} places does not fit into "
                    f"`{axes[window.place]}`, which has {sizes.value(padded)} with its padding"
                )
                raise Mismatch(message, "kernel", "take a smaller `kernel`, or pad: `padding: same`")
            if count != window.size:
                axes[window.place] = Axis(count)
        return tuple(axes)


def find_axes(given: TensorType, over: Sequence[Dim], sizes: Sizes, *, channels: bool) -> list[int]:
    """The places of named axes, each another; the last, if it holds `channels`, is none of them. Raises `Mismatch`."""
    found: list[int] = []
    for wanted in over:
        fitting = [at for at, axis in enumerate(given.axes) if not axis.primed and sizes.same(axis.size, wanted)]
        named = [at for at in fitting if given.sizes[at] == wanted] or fitting
        free = [at for at in named if at not in found and not (channels and at == len(given.axes) - 1)]
        if not free:
            raise Mismatch(*_missing(given, wanted, named, found))
        nearness = {at: _likeness(given.sizes[at], wanted, sizes) for at in free}
        nearest = [at for at in free if nearness[at] == min(nearness.values())]
        if len(nearest) > 1 and len(over) == 1:
            message = f"{len(nearest)} axes of `{given}` have the size of `{wanted}`, and none its name"
            raise Mismatch(message, "over", "make their sizes of parameters that differ, or go over all of them")
        found.append(nearest[0])
    return found


def _missing(given: TensorType, wanted: Dim, named: Sequence[int], found: Sequence[int]) -> tuple[str, str, str]:
    if not named:
        return f"there is no axis `{wanted}` in `{given}`", "over", "name axes that `x` has"
    if set(named) & set(found):
        return f"the axis `{wanted}` is named twice", "over", "name each axis once"
    help = "name the axes before it; `rearrange` moves others to the end"
    return f"the axis `{wanted}` is the last of `{given}`, which holds the features", "over", help


def _likeness(size: Dim, wanted: Dim, sizes: Sizes) -> tuple[bool, bool]:
    """Lower is nearer: what has the same form, then what is made of the same names."""
    return sizes.expand(size) != sizes.expand(wanted), not size.symbols & wanted.symbols


def _check(name: str, value: Dim, least: int, sizes: Sizes) -> None:
    number = sizes.value(value)
    if number is None:
        message = f"`{name}` is `{value}`, which is known only at run time"
        raise Mismatch(message, name, "make it of parameters; what goes over a whole axis is `reduce`")
    if number < least:
        raise Mismatch(f"`{name}` is {sizes.describe(value)}, but must be at least {least}", name)
