"""Signatures: the ports of an operator, and the types of its outputs from those of its inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from graphspec.axes import Axis, Dim, DType, Sizes, TensorType, dim, product
from graphspec.diagnostics import counted

if TYPE_CHECKING:
    from graphspec.operators.declare import Operator


class Mismatch(Exception):
    """Types that do not fit: what is wrong, at which port, and how to mend it."""

    def __init__(self, message: str, port: str = "", help: str = "", code: str = "shape-mismatch") -> None:
        super().__init__(message)
        self.message, self.port, self.help, self.code = message, port, help, code


@dataclass(frozen=True, slots=True)
class Port:
    """One named tensor of a signature; `axes` are the words of its type."""

    name: str
    dtype: DType | Literal["any"]
    axes: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True)
class Signature:
    """`"x: ... n -> y: ... dim"`: ports by name, axes as variables, attributes or products of them.

    A variable is bound where it first stands alone; `...` stands for any leading axes, the same at every port. The
    floating type is meant unless `int`, `bool` or `any` is said; `port?` may be left out.
    """

    text: str

    @property
    def inputs(self) -> tuple[Port, ...]:
        return _ports(self.text)[0]

    @property
    def outputs(self) -> tuple[Port, ...]:
        return _ports(self.text)[1]


@lru_cache(maxsize=256)
def _ports(text: str) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    before, _, after = text.partition("->")
    return tuple(_parse_ports(before)), tuple(_parse_ports(after))


def _parse_ports(text: str) -> Iterator[Port]:
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, type_text = part.partition(":")
        words = re.findall(r"\([^()]*\)|\S+", type_text)
        dtype = words.pop(0) if words and words[0] in ("int", "bool", "any") else "float"
        yield Port(name.strip().rstrip("?"), dtype, tuple(words), name.strip().endswith("?"))  # pyright: ignore[reportArgumentType]


@dataclass
class Bound:
    """What the words of a signature stand for at one use."""

    sizes: Sizes
    words: dict[str, Dim] = field(default_factory=dict[str, Dim])
    leading: tuple[Axis, ...] | None = None

    def size(self, word: str) -> Dim | None:
        """The size that a word, number or product stands for, if all in it is known."""
        total = dim(1)
        for part in word.strip("()").split("*"):
            name = part.strip()
            known = dim(int(name)) if name.isdigit() else self.words.get(name)
            if known is None:
                return None
            total = total * known
        return total

    def shape(self, words: Sequence[str]) -> tuple[Dim, ...]:
        sizes: list[Dim] = []
        for word in words:
            if word == "...":
                sizes.extend(axis.size for axis in self.leading or ())
                continue
            size = self.size(word)
            assert size is not None, f"the signature does not bind {word}"
            sizes.append(size)
        return tuple(sizes)


def match(operator: Operator, inputs: Mapping[str, TensorType], sizes: Sizes) -> Bound:
    """Bind the words of the operator's signature to the types at its ports. Raises `Mismatch`."""
    bound = Bound(sizes, {a.name: v for a in operator.attributes if isinstance(v := getattr(operator, a.name), Dim)})
    for port in operator.signature.inputs:
        given = inputs.get(port.name)
        if given is None:
            if port.optional:
                continue
            raise Mismatch(
                f"`{operator.op}` needs the input `{port.name}`", port.name, f"write `{port.name}: …`", "missing-input"
            )
        if port.dtype not in ("any", given.dtype):
            raise Mismatch(
                f"`{port.name}` of `{operator.op}` holds {_NOUNS[port.dtype]}, "
                f"but gets {_NOUNS[given.dtype]} (`{given}`)",
                port.name,
                "convert it with `{op: cast, to: …}`" if given.dtype != "float" else "",
            )
        _match_port(operator, port, given, bound)
    return bound


_NOUNS = {"float": "floating-point numbers", "int": "whole numbers", "bool": "truth values"}


def _match_port(operator: Operator, port: Port, given: TensorType, bound: Bound) -> None:
    words = [word for word in port.axes if word != "..."]
    open_ended = "..." in port.axes
    if len(given.axes) < len(words) or (len(given.axes) > len(words) and not open_ended):
        wanted = f"{'at least ' if open_ended else ''}{counted(len(words), 'axis', 'axes')}"
        raise Mismatch(
            f"`{port.name}` of `{operator.op}` needs {wanted} (`{' '.join(port.axes)}`), but gets `{given}`",
            port.name,
        )
    cut = len(given.axes) - len(words)
    leading, rest = given.axes[:cut], given.axes[cut:]
    if open_ended:
        if bound.leading is not None and not _same_axes(bound.leading, leading, bound.sizes):
            raise Mismatch(
                f"`{port.name}` of `{operator.op}` has the leading axes `{_axes_text(leading)}`, "
                f"but the other inputs have `{_axes_text(bound.leading)}`",
                port.name,
            )
        bound.leading = bound.leading or leading
    for word, axis in zip(words, rest, strict=True):
        _match_axis(operator, port, word, axis, bound)


def _axes_text(axes: Sequence[Axis]) -> str:
    return " ".join(map(str, axes)) or "(none)"


def _same_axes(left: Sequence[Axis], right: Sequence[Axis], sizes: Sizes) -> bool:
    return len(left) == len(right) and all(sizes.same(a.size, b.size) for a, b in zip(left, right, strict=True))


def _match_axis(operator: Operator, port: Port, word: str, axis: Axis, bound: Bound) -> None:
    known = bound.size(word)
    if known is None:
        solved = _solve(word, axis.size, bound)
        if solved is None:
            raise Mismatch(
                f"`{port.name}` of `{operator.op}` has {bound.sizes.describe(axis.size)} features, "
                f"which `{word.strip('()')}` does not divide",
                port.name,
                f"choose {_factors_text(word, bound)} so that it divides {axis.size}",
            )
        return
    if not bound.sizes.same(known, axis.size):
        raise Mismatch(
            f"`{port.name}` of `{operator.op}` has {bound.sizes.describe(axis.size)} along `{word.strip('()')}`, "
            f"where {bound.sizes.describe(known)} is needed",
            port.name,
        )


def _factors_text(word: str, bound: Bound) -> str:
    known = [part.strip() for part in word.strip("()").split("*") if part.strip() in bound.words]
    return " and ".join(f"`{name}`" for name in known) or "the sizes"


def _solve(word: str, size: Dim, bound: Bound) -> Dim | None:
    """Bind the one unknown factor of `word`, so that the word's size becomes `size`."""
    parts = [part.strip() for part in word.strip("()").split("*")]
    unknown = [part for part in parts if not part.isdigit() and part not in bound.words]
    assert len(unknown) == 1, f"cannot solve {word}"
    known = product(bound.size(part) or dim(1) for part in parts if part != unknown[0])
    solved = bound.sizes.quotient(size, known)
    if solved is not None:
        bound.words[unknown[0]] = solved
    return solved


def build_type(port: Port, bound: Bound, inputs: Mapping[str, TensorType]) -> TensorType:
    """The type of an output, from what the words at the inputs stand for."""
    axes: list[Axis] = []
    for word in port.axes:
        if word == "...":
            axes.extend(bound.leading or ())
            continue
        size = bound.size(word.rstrip("'"))
        assert size is not None, f"the signature does not bind {word}"
        axes.append(Axis(size, primed=any(axis.size == size for axis in axes) and bool(size.symbols)))
    dtype = next(iter(inputs.values())).dtype if port.dtype == "any" else port.dtype
    return TensorType(dtype, tuple(axes))
