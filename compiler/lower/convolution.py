"""Convolution and pooling: torch's own, on channels that come before the axes of the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from compiler.lower.code import Code, call, index, infix, tuple_of
from compiler.lower.layout import Layout
from compiler.lower.site import Lowering, Site
from graphspec.axes import Dim
from graphspec.operators.convolution import Convolution, Pool
from graphspec.operators.window import Window


def convolution(at: Site) -> Code:
    does = cast(Convolution, at.does)
    windows = does.windows(at.type("x"), at.scope.unit.sizes)
    last = len(at.type("x").axes) - 1
    over = [window.place for window in windows]
    layout = Layout(at, "x", [place for place in range(last + 1) if place not in over], over, least=1, most=2)
    x, padding = layout.turn(at.read("x")), _even(at, windows)
    if padding is None:
        x = _padded(at, x, windows)
    elif does.padding == "same" and padding != "0" and all(at.value(window.stride) == 1 for window in windows):
        padding = '"same"'
    options = {
        "stride": _unless(1, _each(at, [window.stride for window in windows])),
        "padding": _unless(0, padding),
        "dilation": _unless(1, _each(at, [window.dilation for window in windows])),
        "groups": _unless(1, str(at.size(does.groups))),
    }
    if at.owns("weight"):
        channels = at.size(at.type("x").sizes[-1]), at.size(does.dim)
        kernel = _each(at, [window.kernel for window in windows])
        bias = None if does.bias else "False"
        made = at.module(f"nn.Conv{len(windows)}d", *channels, kernel, **options, bias=bias)
        return layout.turn_back(call(str(made), x))
    tensors = at.tensors()
    weight = at.read("weight") if at.has("weight") else tensors["weight"]
    given = [weight, *([tensors["bias"]] if "bias" in tensors else [])]
    return layout.turn_back(call(f"F.conv{len(windows)}d", x, *given, **options))


def pool(at: Site) -> Code:
    does = cast(Pool, at.does)
    windows = does.windows(at.type("x"), at.scope.unit.sizes)
    over = [window.place for window in windows]
    others = [place for place in range(len(at.type("x").axes)) if place not in over]
    layout = Layout(at, "x", others, over, least=1, most=2)
    return layout.turn_back((_maximum if does.kind == "max" else _mean)(at, does, layout, windows))


def _maximum(at: Site, does: Pool, layout: Layout, windows: Sequence[Window]) -> Code:
    x, padding = layout.turn(at.read("x")), _half(at, windows)
    if padding is None:
        x = _padded(at, x, windows, value="-math.inf")
    return call(f"F.max_pool{len(windows)}d", x, *_moves(at, windows), padding=_unless(0, padding))


def _mean(at: Site, does: Pool, layout: Layout, windows: Sequence[Window]) -> Code:
    """Torch counts the places that are there only where both sides are padded alike: else they are counted apart."""
    function, padding = f"F.avg_pool{len(windows)}d", _half(at, windows)
    if padding is not None:
        leaves_out = "False" if padding != "0" and not does.count_padding else None
        options = {"padding": _unless(0, padding), "count_include_pad": leaves_out}
        return call(function, layout.turn(at.read("x")), *_moves(at, windows), **options)
    if does.count_padding:
        return call(function, _padded(at, layout.turn(at.read("x")), windows), *_moves(at, windows))
    x = layout.turn(at.variable("x"))
    x = x if x.is_path else at.scope.say("turned", x)
    ones = _padded(at, call("torch.ones_like", index(x, ":1")), windows)
    share = at.scope.say("share", call(function, ones, *_moves(at, windows)))
    return infix("/", call(function, _padded(at, x, windows), *_moves(at, windows)), share)


def _moves(at: Site, windows: Sequence[Window]) -> list[str]:
    """The arguments of a pooling function that say how its window moves: by its own size unless said otherwise."""
    kernel, stride = ([getattr(window, name) for window in windows] for name in ("kernel", "stride"))
    own = all(at.same(a, b) for a, b in zip(kernel, stride, strict=True))
    return [_each(at, kernel), *([] if own else [_each(at, stride)])]


# -- padding ----------------------------------------------------------------------------------------------------------


def _even(at: Site, windows: Sequence[Window], most: Callable[[Window], int] | None = None) -> str | None:
    """The padding as an argument of torch, which has as much on both sides; None where it has not."""
    for window in windows:
        left, right = at.value(window.left), at.value(window.right)
        if left != right or (most and (left or 0) > most(window)):
            return None
    return _each(at, [_as_usual(at, window) for window in windows])


def _as_usual(at: Site, window: Window) -> Dim:
    """The padding on the left, said as half a window where it is that."""
    half = window.kernel // 2
    return half if at.value(half) == at.value(window.left) else window.left


def _half(at: Site, windows: Sequence[Window]) -> str | None:
    """As `_even`, for functions that pad by at most half a window."""
    return _even(at, windows, lambda window: (at.value(window.kernel) or 0) // 2)


def _padded(at: Site, x: Code, windows: Sequence[Window], **value: str) -> Code:
    """The tensor with its padding, which torch wants from the last axis on."""
    sides = (side for window in reversed(windows) for side in (window.left, window.right))
    return call("F.pad", x, tuple_of(*(at.size(_plain(at, side)) for side in sides)), **value)


# -- sizes ------------------------------------------------------------------------------------------------------------


def _each(at: Site, sizes: Iterable[Dim]) -> str:
    """One size if all are equal, else all of them."""
    codes = [str(at.size(_plain(at, size))) for size in sizes]
    return codes[0] if len(set(codes)) == 1 else str(tuple_of(*codes))


def _plain(at: Site, size: Dim) -> Dim:
    """Nothing is 0, however it is said."""
    return Dim(()) if at.value(size) == 0 else size


def _unless(usual: int, code: str | None) -> str | None:
    """None for what torch does anyway."""
    return None if code == str(usual) else code


LOWERINGS: Mapping[str, Lowering] = {"convolution": convolution, "pool": pool}
