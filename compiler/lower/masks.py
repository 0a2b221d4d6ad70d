"""Masks as code: tensors, built from comparisons of indices, or functions of one pair of positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

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
    ports,
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


def mask(at: Site) -> Code:
    does = cast(MaskTensor, at.does)
    match does.form:
        case "tensor":
            return _mask_tensor(at, does)
        case "blocks":
            return _block_mask(at, does)
        case "bounds":
            (port,) = ports(does.mask)
            return at.runtime("bounds_of_documents", at.read(port))


def _mask_tensor(at: Site, does: MaskTensor) -> Code:
    all_pairs = AllPairs(at, does)
    if not does.optional:
        return _whole(all_pairs)
    missing = atom(f"{at.variable(does.optional)} is None")
    if does.without is None:
        return conditional(atom("None"), missing, _whole(all_pairs))
    without = at.scope.say("visible", write(all_pairs, does.without))
    return conditional(without, missing, infix("&", without, write(all_pairs, Keys(does.optional))))


def _whole(all_pairs: AllPairs) -> Code:
    """The mask with at least the axes of queries and of keys, which the kernels insist on."""
    code, along = write(all_pairs, all_pairs.does.mask), all_pairs.does.along
    keys_alone = len(along) == 2 and along[0].size == dim(1)
    return index(code, "None") if keys_alone else code


def _block_mask(at: Site, does: MaskTensor) -> Code:
    """FlexAttention's block mask, from a function that says whether one query sees one key."""
    for port in ports(does.mask):
        at.variable(port)
    with at.scope.names.borrowed(*PAIR) as names:
        seen = write(OnePair(at, does, names), does.mask)
    batch, heads, queries, keys = (at.size(axis.size) for axis in does.along)
    lines = "lambda " + ", ".join(names) + f": {seen}"
    return at.runtime("block_mask", lines, batch, heads, queries, keys, at.scope.device())


# -- the algebra ------------------------------------------------------------------------------------------------------


class Writer(Protocol):
    """How positions and tensors are written: for all pairs at once, or for one."""

    at: Site

    @property
    def query(self) -> Code: ...

    @property
    def key(self) -> Code: ...

    def tensor(self, port: str, role: str = "") -> Code:
        """A tensor that the mask reads. Its position axis is the query's or the key's, as `role` says, or none is;
        without a role, a lone position axis is the key's."""
        ...


def write(writer: Writer, mask: Mask) -> Code:
    """Whether a query sees a key."""
    match mask:
        case And(left, right):
            return infix("&", write(writer, left), write(writer, right))
        case Or(left, right):
            return infix("|", write(writer, left), write(writer, right))
        case Not(inner):
            return prefix("~", write(writer, inner))
        case Everything() | Window(None, None):
            return infix(">=", writer.key, atom("0"))
        case Keys(port) | Adjacency(port):
            return writer.tensor(port)
        case Documents(port):
            return infix("==", writer.tensor(port, "query"), writer.tensor(port, "key"))
        case Prefix(str(port)):
            return infix("<", writer.key, writer.tensor(port, "none"))
        case Prefix(Dim() as size):
            return infix("<", writer.key, writer.at.size(size))
        case _:
            return _positions(writer, mask)


def _positions(writer: Writer, mask: Mask) -> Code:
    """A comparison of the query's index with the key's."""
    query, key, size = writer.query, writer.key, writer.at.size
    match mask:
        case Causal():
            return infix(">=", query, key)
        case Window():
            parts = list(_sides(writer, mask))
            return infix("&", *parts) if len(parts) == 2 else parts[0]
        case Chunk(length):
            return infix("==", infix("//", query, size(length)), infix("//", key, size(length)))
        case Dilated(step):
            return infix("==", infix("%", infix("-", query, key), size(step)), atom("0"))
        case _:
            raise AssertionError(f"no positions in the mask {mask}")


def _sides(writer: Writer, mask: Window) -> Iterator[Code]:
    query, key, size = writer.query, writer.key, writer.at.size
    if mask.right is not None:
        ahead = mask.right != dim(0)
        yield infix("<=", infix("-", key, query), size(mask.right)) if ahead else infix(">=", query, key)
    if mask.left is not None:
        behind = mask.left != dim(0)
        yield infix("<=", infix("-", query, key), size(mask.left)) if behind else infix("<=", query, key)


@dataclass
class AllPairs:
    """Indices of queries in a column, of keys in a row; tensors with their axes where the mask has them."""

    at: Site
    does: MaskTensor

    @property
    def query(self) -> Code:
        return place(self.at.variable("i"), (0, None))

    @property
    def key(self) -> Code:
        return self.at.variable("j")

    def tensor(self, port: str, role: str = "") -> Code:
        return place(self.at.variable(port), _slots(self.at, self.does, port, role))


PAIR = ("b", "h", "i", "j")
"""What numbers the batch, the head, the query and the key of one pair."""


@dataclass
class OnePair:
    """Indices as numbers, by `names`; tensors indexed by them."""

    at: Site
    does: MaskTensor
    names: tuple[str, ...]

    @property
    def query(self) -> Code:
        return atom(self.names[2])

    @property
    def key(self) -> Code:
        return atom(self.names[3])

    def tensor(self, port: str, role: str = "") -> Code:
        slots = _slots(self.at, self.does, port, role)
        order = sorted((axis, name) for axis, name in zip(slots, self.names, strict=True) if axis is not None)
        return atom(f"{self.at.variable(port)}[{', '.join(name for _, name in order)}]")


def _slots(at: Site, does: MaskTensor, port: str, role: str) -> list[int | None]:
    """For each axis of the mask the axis of a tensor that lies along it."""
    slots: list[int | None] = [None] * len(does.along)
    key_at = _key_axis(at, does, port) if role in ("", "key") else None
    if key_at is not None:
        slots[-1] = key_at
    for place_, axis in enumerate(at.type(port).axes):
        if place_ == key_at:
            continue
        slot = _slot(at, does, axis.size)
        assert slots[slot] is None, f"two axes of {port} at one place of the mask"
        slots[slot] = place_
    return slots


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
