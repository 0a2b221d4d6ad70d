"""Arithmetic of the language on numbers and sizes: exact, bounded, in the spec's own names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from graphspec.axes import Dim, Number, Sizes, dim

Scalar = Dim | Number | bool
MAX_POWER = 64
MAX_SIZE = 2**62


class Undefined(Exception):
    """There is no such number: why."""


def as_number(value: Scalar, sizes: Sizes) -> Number:
    """A size or truth value as a number that keeps its text."""
    if isinstance(value, Number):
        return value
    if isinstance(value, bool):
        return Number.of(int(value))
    unknown = frozenset(value.symbols - set(sizes.values))
    return Number(sizes.value(value), str(value), unknown)


def arithmetic(operator: str, left: Scalar, right: Scalar, sizes: Sizes) -> Scalar:
    """`left operator right`. Sizes give sizes where they can. Raises `Undefined`."""
    if isinstance(left, Dim) and isinstance(right, Dim):
        result = _size_arithmetic(operator, left, right, sizes)
        if result is not None:
            return _bounded(result, sizes)
    a, b = as_number(left, sizes), as_number(right, sizes)
    text = f"{_operand(a.text)} {operator} {_operand(b.text)}"
    return _number(text, _FLOAT[operator], (a, b))


def _size_arithmetic(operator: str, left: Dim, right: Dim, sizes: Sizes) -> Dim | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//" | "/" | "%":
            return _division(operator, left, right, sizes)
        case "**":
            power = right.constant
            return left**power if power is not None and 0 <= power <= MAX_POWER else None
        case _:
            return None


def _division(operator: str, left: Dim, right: Dim, sizes: Sizes) -> Dim | None:
    if sizes.value(right) == 0:
        raise Undefined(f"division by zero: {sizes.describe(right)}")
    quotient = sizes.quotient(left, right)
    if operator == "%":
        return dim(0) if quotient is not None else left % right
    return quotient if quotient is not None or operator == "/" else left // right


def leaves_remainder(left: Dim, right: Dim, sizes: Sizes) -> int | None:
    """The remainder of a division of known sizes, None where it is exact or known only at run time.

    Nor has `(n - 1) // 2 + 1` one: whoever moves a size by a number before it is divided, says how it is rounded.
    """
    if left.symbols and any(not monomial for monomial, _ in left.terms):
        return None
    above, below = sizes.value(left), sizes.value(right)
    return above % below or None if above is not None and below else None


def _bounded(size: Dim, sizes: Sizes) -> Dim:
    value = sizes.value(size)
    if value is not None and abs(value) > MAX_SIZE:
        raise Undefined(f"the size `{size}` is beyond 2**62")
    return size


_FLOAT: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: float(a) ** b,
}
_UNARY: Mapping[str, Callable[[float], float]] = {
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
    "ceil": math.ceil,
    "floor": math.floor,
    "abs": abs,
}
SCALAR_FUNCTIONS = (*_UNARY, "min", "max")


def _number(text: str, compute: Callable[..., float], arguments: Sequence[Number]) -> Number:
    unknown = frozenset[str]().union(*(argument.sizes for argument in arguments))
    values = [argument.value for argument in arguments]
    if any(value is None for value in values):
        return Number(None, text, unknown)
    try:
        result = compute(*values)
    except (ArithmeticError, ValueError) as error:
        raise Undefined(f"`{text}` has no value: {error}") from error
    if isinstance(result, complex) or not math.isfinite(result):
        raise Undefined(f"`{text}` has no finite value")
    return Number(result, text, unknown)


def function(name: str, arguments: Sequence[Scalar], sizes: Sizes) -> Scalar:
    """A function of numbers: `sqrt log exp ceil floor abs`, `min max` of two. Raises `Undefined`."""
    if name in ("min", "max"):
        return _extreme(name, arguments, sizes)
    if len(arguments) != 1:
        raise Undefined(f"`{name}` takes one number, not {len(arguments)}")
    number = as_number(arguments[0], sizes)
    result = _number(f"{name}({number.text})", _UNARY[name], (number,))
    if name in ("ceil", "floor") and isinstance(result.value, int):
        return _bounded(dim(result.value), sizes)
    return result


def _extreme(name: str, arguments: Sequence[Scalar], sizes: Sizes) -> Scalar:
    if len(arguments) != 2:
        raise Undefined(f"`{name}` takes two numbers, not {len(arguments)}")
    left, right = arguments
    if isinstance(left, Dim) and isinstance(right, Dim):
        return left.minimum(right) if name == "min" else left.maximum(right)
    numbers = [as_number(argument, sizes) for argument in arguments]
    return _number(f"{name}({numbers[0]}, {numbers[1]})", min if name == "min" else max, numbers)


def compare(operator: str, left: Scalar, right: Scalar, sizes: Sizes) -> bool:
    """A comparison of numbers that are known now. Raises `Undefined` where one is known only at run time."""
    a, b = as_number(left, sizes).value, as_number(right, sizes).value
    if isinstance(left, Dim) and left == right:
        a = b = 0
    if a is None or b is None:
        raise Undefined("a size that is known only at run time cannot decide what the model is")
    outcomes = {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}
    return outcomes[operator]


def negate(value: Scalar, sizes: Sizes) -> Scalar:
    if isinstance(value, Dim):
        return -value
    number = as_number(value, sizes)
    return _number(f"-{_operand(number.text)}", _minus, (number,))


def _minus(value: float) -> float:
    return -value


def _operand(text: str) -> str:
    simple = text.replace("_", "").replace(".", "").isalnum()
    call = text.endswith(")") and text.split("(", maxsplit=1)[0].isidentifier() and text.count("(") == 1
    return text if simple or call else f"({text})"
