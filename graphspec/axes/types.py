"""Axes and tensor types: what a tensor holds, and along what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphspec.axes.dims import Dim, product

DType = Literal["float", "int", "bool"]
Role = Literal["batch", "position", "feature"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a tensor: its size, which is its name too; primed where it is the second occurrence of that: keys."""

    size: Dim
    primed: bool = False

    @property
    def name(self) -> Dim:
        """What an attribute calls it."""
        return primed(self.size) if self.primed else self.size

    def __str__(self) -> str:
        text = str(self.size) if self.size.is_atomic else f"({self.size})"
        return text + "'" * self.primed


def primed(size: Dim) -> Dim:
    """The name of the second occurrence of an axis: no size, it only stands for one."""
    return size.substitute({name: Dim.symbol(f"{name}'") for name in size.symbols})


def unprimed(name: Dim) -> Dim:
    """The size of the axis that a name, primed or not, stands for."""
    return name.substitute({it: Dim.symbol(it[:-1]) for it in name.symbols if it.endswith("'")})


@dataclass(frozen=True, slots=True)
class TensorType:
    """What a tensor holds and along which axes."""

    dtype: DType
    axes: tuple[Axis, ...]

    def __str__(self) -> str:
        words = [str(axis) for axis in self.axes]
        if self.dtype != "float" or not words:
            words.insert(0, self.dtype)
        return " ".join(words)

    @property
    def sizes(self) -> tuple[Dim, ...]:
        return tuple(axis.size for axis in self.axes)

    def elements(self) -> Dim:
        """How many numbers it holds."""
        return product(self.sizes)
