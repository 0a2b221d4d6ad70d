"""The tensors of masks, built from comparisons of indices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from compiler.lower.align import place
from compiler.lower.code import Code, atom, conditional, index, infix, prefix
from compiler.lower.site import Site
from compiler.passes.internal import MaskTensor
from graphspec.axes import Dim, dim
from graphspec.masks import (
    Adjacency,
    And,
    Causal,
    Chunk,
    Dilated,
    Documents,
    Everything,
    Keys,
    Mask,
    Not,
    Or,
    Prefix,
    Window,
)


def sees_something(mask: Mask) -> bool:
    """Whether every query surely sees a key, whatever the tensors hold."""
    match mask:
        case Prefix(Dim() as size):
            return size.at_least(1)
        case Or(left, right):
            return sees_something(left) or sees_something(right)
        case _:
            return _sees_itself(mask)


def _sees_itself(mask: Mask) -> bool:
    match mask:
        case Everything() | Causal() | Window() | Chunk() | Dilated() | Documents():
            return True
        case And(left, right):
            return _sees_itself(left) and _sees_itself(right)
        case Or(left, right):
            return _sees_itself(left) or _sees_itself(right)
        case _:
            return False


def mask_tensor(at: Site) -> Code:
    does = cast(MaskTensor, at.does)
    if not does.optional:
        return _whole(at, does)
    missing = atom(f"{at.variable(does.optional)} is None")
    if does.without is None:
        return conditional(atom("None"), missing, _whole(at, does))
    without = at.scope.say("visible", _mask(at, does, does.without))
    return conditional(without, missing, infix("&", without, _mask(at, does, Keys(does.optional))))


def _whole(at: Site, does: MaskTensor) -> Code:
    """The mask with at least the axes of queries and of keys, which the kernels insist on."""
    code = _mask(at, does, does.mask)
    keys_alone = len(does.along) == 2 and does.along[0].size == dim(1)
    return index(code, "None") if keys_alone else code


def _mask(at: Site, does: MaskTensor, mask: Mask) -> Code:
    match mask:
        case And(left, right):
            return infix("&", _mask(at, does, left), _mask(at, does, right))
        case Or(left, right):
            return infix("|", _mask(at, does, left), _mask(at, does, right))
        case Not(inner):
            return prefix("~", _mask(at, does, inner))
        case Everything() | Window(None, None):
            return infix(">=", at.variable("j"), atom("0"))
        case Keys(port) | Adjacency(port):
            return _tensor(at, does, port)
        case Documents(port):
            return infix("==", _tensor(at, does, port, "query"), _tensor(at, does, port, "key"))
        case Prefix(str(port)):
            return infix("<", at.variable("j"), _tensor(at, does, port, "none"))
        case Prefix(Dim() as size):
            return infix("<", at.variable("j"), at.size(size))
        case _:
            return _positions(at, mask)


def _positions(at: Site, mask: Mask) -> Code:
    """A comparison of the query's index, in a column, with the key's, in a row."""
    query, key = place(at.variable("i"), (0, None)), at.variable("j")
    match mask:
        case Causal():
            return infix(">=", query, key)
        case Window():
            parts = list(_sides(at, mask, query, key))
            return infix("&", *parts) if len(parts) == 2 else parts[0]
        case Chunk(size):
            return infix("==", infix("//", query, at.size(size)), infix("//", key, at.size(size)))
        case Dilated(step):
            return infix("==", infix("%", infix("-", query, key), at.size(step)), atom("0"))
        case _:
            raise AssertionError(f"no positions in the mask {mask}")


def _sides(at: Site, mask: Window, query: Code, key: Code) -> Iterator[Code]:
    if mask.right is not None:
        ahead = mask.right != dim(0)
        yield infix("<=", infix("-", key, query), at.size(mask.right)) if ahead else infix(">=", query, key)
    if mask.left is not None:
        behind = mask.left != dim(0)
        yield infix("<=", infix("-", query, key), at.size(mask.left)) if behind else infix("<=", query, key)


def _tensor(at: Site, does: MaskTensor, port: str, role: str = "") -> Code:
    """A tensor that the mask reads, its axes where the mask has them.

    Its position axis is the query's or the key's, as `role` says; without one, a lone position axis is the key's.
    """
    axes = list(at.type(port).axes)
    slots: list[int | None] = [None] * len(does.along)
    key_at = _key_axis(at, does, port) if role in ("", "key") else None
    if key_at is not None:
        slots[-1] = key_at
    for place_, axis in enumerate(axes):
        if place_ == key_at:
            continue
        slot = _slot(at, does, axis.size)
        assert slots[slot] is None, f"two axes of {port} at one place of the mask"
        slots[slot] = place_
    return place(at.variable(port), slots)


def _key_axis(at: Site, does: MaskTensor, port: str) -> int | None:
    """Which axis of a tensor is the keys': the primed one, else the last of the right size."""
    axes = at.type(port).axes
    fitting = [place for place, axis in enumerate(axes) if at.same(axis.size, does.key)]
    primed = [place for place in fitting if axes[place].primed]
    return (primed or fitting or [None])[-1]


def _slot(at: Site, does: MaskTensor, size: Dim) -> int:
    """Where an axis that is not the keys' stands in the mask."""
    if at.same(size, does.query):
        return len(does.along) - 2
    return next(slot for slot, axis in enumerate(does.along) if at.same(axis.size, size))
