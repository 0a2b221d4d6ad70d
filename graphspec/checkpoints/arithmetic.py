"""Whole-number arithmetic on indices and parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphspec import expressions as syntax

_OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}


def evaluate(expression: syntax.Expression, names: Mapping[str, int]) -> int:
    """The number that an expression stands for. Raises `ValueError` with the reason."""
    match expression:
        case syntax.Number(value=int(number)):
            return number
        case syntax.Name(text=name):
            if name not in names:
                raise ValueError(f"there is no `{name}` here")
            return names[name]
        case syntax.Unary("-", operand):
            return -evaluate(operand, names)
        case syntax.Binary(sign, left, right) if sign in _OPERATIONS:
            try:
                return _OPERATIONS[sign](evaluate(left, names), evaluate(right, names))
            except ZeroDivisionError:
                raise ValueError("division by zero") from None
        case _:
            raise ValueError("only whole numbers, names and `+ - * // %` can stand here")
