"""What is known about sizes, and numbers that are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphspec.axes.dims import Dim


@dataclass(frozen=True)
class Sizes:
    """What is known about sizes: the values of parameters, and the definitions of derived axes."""

    values: Mapping[str, int]
    derived: Mapping[str, Dim]

    def expand(self, size: Dim) -> Dim:
        """Derived axes replaced by what they are derived from."""
        return size.substitute(self.derived)

    def value(self, size: Dim) -> int | None:
        """The number, unless the size depends on an axis known only at run time."""
        return self.expand(size).value(self.values)

    def same(self, left: Dim, right: Dim) -> bool:
        """Equal by normal form, else by value; what is known only at run time is equal by name alone."""
        if left == right or self.expand(left) == self.expand(right):
            return True
        number = self.value(left)
        return number is not None and number == self.value(right)

    def quotient(self, size: Dim, divisor: Dim) -> Dim | None:
        """`size / divisor` if it is whole for sure: by normal form, or by value."""
        plain = size // divisor
        if plain * divisor == size:
            return plain
        above, below = self.value(size), self.value(divisor)
        if above is None or not below or above % below:
            return None
        return size.exactly_divided(divisor) or plain

    def describe(self, size: Dim) -> str:
        """For messages: `` `heads * head_dim` = 4096 ``."""
        number = self.value(size)
        return f"`{size}`" if number is None or size.constant is not None else f"`{size}` = {number}"


@dataclass(frozen=True, slots=True)
class Number:
    """A scalar that is no size: its value, None if known only at run time, and its text in the model's own names.

    `sizes` are the run-time axes that it depends on.
    """

    value: float | int | None
    text: str
    sizes: frozenset[str] = frozenset()

    @staticmethod
    def of(value: float | int) -> Number:
        return Number(value, str(value))

    def __str__(self) -> str:
        return self.text
