"""Mask expressions → masks with the tensors they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphspec.axes import Dim
from graphspec.elaborate.values import MaskTerm, Tensor, Value, describe
from graphspec.masks import (
    Adjacency,
    And,
    Chunk,
    Dilated,
    Documents,
    Keys,
    Mask,
    Not,
    Or,
    Prefix,
    Window,
)
from graphspec.masks import both as _both
from graphspec.masks import either as _either
from graphspec.operators.attention import Attend

MASK_FUNCTIONS = ("window", "chunk", "prefix", "dilated", "documents", "graph")
USAGE: Mapping[str, str] = {
    "window": "write `window(left=3, right=0)`; an omitted side is unbounded",
    "chunk": "write `chunk(n)`",
    "prefix": "write `prefix(n)`, `n` a number or an integer input",
    "dilated": "write `dilated(n)`",
    "documents": "write `documents(ids)`, `ids` an integer tensor along the positions",
    "graph": "write `graph(adjacency)`, a boolean tensor `bool B T T'`",
}


class NotAMask(Exception):
    """What is wrong, to stand behind what was found."""


def as_mask(value: Value) -> MaskTerm:
    """A mask, or a boolean tensor as one: keys, or pairs where it has a primed axis. Raises `NotAMask`."""
    if isinstance(value, MaskTerm):
        return value
    if not isinstance(value, Tensor):
        raise NotAMask("where a mask is needed")
    if value.type.dtype != "bool":
        raise NotAMask("where truth values are needed")
    port = port_name(value)
    pairs = any(axis.primed for axis in value.type.axes)
    return MaskTerm(Adjacency(port) if pairs else Keys(port), ((port, value),))


def port_name(tensor: Tensor) -> str:
    """The port through which a mask reads a tensor: the tensor's own name."""
    name = str(tensor.ref).replace("~", "_").replace(".", "_")
    return f"{name}_mask" if any(port.name == name for port in Attend.input_ports()) else name


def both(left: MaskTerm, right: MaskTerm) -> MaskTerm:
    return _join(_both(left.mask, right.mask), left, right)


def either(left: MaskTerm, right: MaskTerm) -> MaskTerm:
    return _join(_either(left.mask, right.mask), left, right)


def inverted(term: MaskTerm) -> MaskTerm:
    return MaskTerm(term.mask.mask if isinstance(term.mask, Not) else Not(term.mask), term.data)


def _join(mask: Mask, left: MaskTerm, right: MaskTerm) -> MaskTerm:
    assert isinstance(mask, And | Or) or mask in (left.mask, right.mask)
    return MaskTerm(mask, tuple(dict([*left.data, *right.data]).items()))


def call(function: str, given: Sequence[Value], named: Mapping[str, Value]) -> MaskTerm:
    """A mask function with its arguments. Raises `NotAMask`."""
    if function == "window":
        if given or not named or set(named) - {"left", "right"}:
            raise NotAMask("`window` takes `left` and `right` by name")
        return MaskTerm(Window(**{side: _size(function, value) for side, value in named.items()}))
    if len(given) != 1 or named:
        raise NotAMask(f"`{function}` takes one argument")
    (argument,) = given
    match function:
        case "documents" | "graph":
            return _of_tensor(function, argument)
        case "prefix" if isinstance(argument, Tensor):
            if argument.type.dtype != "int":
                raise NotAMask(f"`prefix` needs whole numbers, but gets {describe(argument)}")
            port = port_name(argument)
            return MaskTerm(Prefix(port), ((port, argument),))
        case "prefix":
            return MaskTerm(Prefix(_size(function, argument)))
        case "chunk":
            return MaskTerm(Chunk(_size(function, argument)))
        case _:
            return MaskTerm(Dilated(_size(function, argument)))


def _of_tensor(function: str, argument: Value) -> MaskTerm:
    dtype = "int" if function == "documents" else "bool"
    if not isinstance(argument, Tensor) or argument.type.dtype != dtype:
        raise NotAMask(f"`{function}` needs a tensor of kind `{dtype}`, but gets {describe(argument)}")
    port = port_name(argument)
    return MaskTerm(Documents(port) if function == "documents" else Adjacency(port), ((port, argument),))


def _size(function: str, value: Value) -> Dim:
    if not isinstance(value, Dim):
        raise NotAMask(f"`{function}` needs a whole number, but gets {describe(value)}")
    if value.constant is not None and value.constant < (1 if function in ("chunk", "dilated") else 0):
        raise NotAMask(f"`{function}` cannot be of size {value}")
    return value
