"""Tensors turned to where torch's kernels want their axes, and back: in the language features come last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compiler.lower.code import Code, attribute, index, method, tuple_of
from compiler.lower.site import Site


@dataclass(frozen=True)
class Layout:
    """The axes of the tensor at `port` in another order: those in `first`, then those in `last`.

    Of the first ones at least `least` and at most `most` are left: more are flattened, and one of 1 is put before.
    """

    at: Site
    port: str
    first: Sequence[int]
    last: Sequence[int]
    least: int
    most: int

    @property
    def _order(self) -> list[int]:
        return [*self.first, *self.last]

    @property
    def _flattened(self) -> int:
        """How many axes become one."""
        return max(0, len(self.first) - self.most + 1) if len(self.first) > self.most else 0

    def turn(self, x: Code) -> Code:
        """The tensor, turned."""
        moved = _permuted(x, self._order)
        if len(self.first) < self.least:
            return index(moved, *["None"] * (self.least - len(self.first)))
        return method(moved, "flatten", "0", str(self._flattened - 1)) if self._flattened else moved

    def turn_back(self, made: Code) -> Code:
        """What was made of it, its axes in the order in which they were."""
        if len(self.first) < self.least:
            made = index(made, *["0"] * (self.least - len(self.first)))
        elif self._flattened:
            sizes = [self.at.size(self.at.type(self.port).sizes[place]) for place in self.first[1 : self._flattened]]
            made = method(made, "unflatten", "0", tuple_of("-1", *sizes))
        inverse = sorted(range(len(self._order)), key=self._order.__getitem__)
        return _permuted(made, inverse)


def _permuted(x: Code, order: list[int]) -> Code:
    """As few words as it takes: nothing, `.mT`, one axis moved, or all of them."""
    count = len(order)
    if order == sorted(order):
        return x
    if order == [*range(count - 2), count - 1, count - 2]:
        return attribute(x, "mT")
    for far in range(2, count):
        rest = range(count - 1 - far, count - 1)
        if order == [*range(count - 1 - far), count - 1, *rest]:
            return method(x, "movedim", "-1", str(-1 - far))
        if order == [*range(count - 1 - far), *(at + 1 for at in rest), count - 1 - far]:
            return method(x, "movedim", str(-1 - far), "-1")
    return method(x, "permute", *map(str, order))
