"""The mask algebra: which keys a query may see, as a symbolic relation.

A mask is closed: tensors that it reads are named by the port of the attention through which they come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphspec.axes import Dim


@dataclass(frozen=True, slots=True)
class Everything:
    """Every query sees every key."""

    def __str__(self) -> str:
        return "everything"


@dataclass(frozen=True, slots=True)
class Causal:
    """Query `i` sees the keys `j ≤ i`."""

    def __str__(self) -> str:
        return "causal"


@dataclass(frozen=True, slots=True)
class Window:
    """Query `i` sees the keys from `i − left` to `i + right`; a side that is None is unbounded."""

    left: Dim | None = None
    right: Dim | None = None

    def __str__(self) -> str:
        sides = (("left", self.left), ("right", self.right))
        return f"window({', '.join(f'{name}={size}' for name, size in sides if size is not None)})"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Query `i` sees the keys of its own chunk of `size`: `i // size = j // size`."""

    size: Dim

    def __str__(self) -> str:
        return f"chunk({self.size})"


@dataclass(frozen=True, slots=True)
class Prefix:
    """Every query sees the first `size` keys; `size` is a number, or an integer tensor with one for each row."""

    size: Dim | str

    def __str__(self) -> str:
        return f"prefix({self.size})"


@dataclass(frozen=True, slots=True)
class Dilated:
    """Query `i` sees the keys with `(i − j) % step = 0`."""

    step: Dim

    def __str__(self) -> str:
        return f"dilated({self.step})"


@dataclass(frozen=True, slots=True)
class Documents:
    """Query `i` sees the keys of its own document: `ids[i] = ids[j]`."""

    ids: str

    def __str__(self) -> str:
        return f"documents({self.ids})"


@dataclass(frozen=True, slots=True)
class Adjacency:
    """Query `i` sees key `j` where the boolean `tensor[i, j]` is true (`graph(tensor)` in the language)."""

    tensor: str

    def __str__(self) -> str:
        return f"graph({self.tensor})"


@dataclass(frozen=True, slots=True)
class Keys:
    """Every query sees the keys where the boolean `tensor[j]` is true: padding, for one."""

    tensor: str

    def __str__(self) -> str:
        return self.tensor


@dataclass(frozen=True, slots=True)
class And:
    left: Mask
    right: Mask

    def __str__(self) -> str:
        return f"{_operand(self.left, And)} & {_operand(self.right, And)}"


@dataclass(frozen=True, slots=True)
class Or:
    left: Mask
    right: Mask

    def __str__(self) -> str:
        return f"{_operand(self.left, Or)} | {_operand(self.right, Or)}"


@dataclass(frozen=True, slots=True)
class Not:
    mask: Mask

    def __str__(self) -> str:
        return f"~{_operand(self.mask, Not)}"


Atom = Everything | Causal | Window | Chunk | Prefix | Dilated | Documents | Adjacency | Keys
Mask = Atom | And | Or | Not


def _operand(mask: Mask, within: type[And] | type[Or] | type[Not]) -> str:
    same = isinstance(mask, within) and within is not Not
    return str(mask) if same or not isinstance(mask, And | Or) else f"({mask})"


def atoms(mask: Mask) -> Iterator[Atom]:
    """The atoms of a mask, left to right."""
    match mask:
        case And(left, right) | Or(left, right):
            yield from atoms(left)
            yield from atoms(right)
        case Not(inner):
            yield from atoms(inner)
        case _:
            yield mask


def ports(mask: Mask) -> tuple[str, ...]:
    """The ports whose tensors the mask reads, each once, in order."""
    found: dict[str, None] = {}
    for atom in atoms(mask):
        match atom:
            case Documents(port) | Adjacency(port) | Keys(port) | Prefix(str(port)):
                found[port] = None
            case _:
                pass
    return tuple(found)


def conjuncts(mask: Mask) -> tuple[Mask, ...]:
    """The parts that must all hold."""
    return (*conjuncts(mask.left), *conjuncts(mask.right)) if isinstance(mask, And) else (mask,)


def both(left: Mask, right: Mask) -> Mask:
    """`left & right`, simplified where one is `everything` or both are the same."""
    if isinstance(left, Everything) or left == right:
        return right
    return left if isinstance(right, Everything) else And(left, right)


def either(left: Mask, right: Mask) -> Mask:
    """`left | right`, simplified where one is `everything` or both are the same."""
    if isinstance(left, Everything) or left == right:
        return left
    return right if isinstance(right, Everything) else Or(left, right)
