"""Tensors that are computed from those of a file, in steps that can be taken back: `value: x + 1`."""

from __future__ import annotations

from dataclasses import dataclass

from graphspec import expressions as syntax

TENSOR = "x"
"""The tensor of the file, in an expression."""
_INVERSE = {
    "add": "take",
    "take": "add",
    "times": "over",
    "over": "times",
    "from": "from",
    "into": "into",
    "exp": "log",
    "log": "exp",
}
HELP = "write `x` once, with `+ - * /` and numbers, `exp` and `log`: `x + 1`, `-exp(x)`"


@dataclass(frozen=True, slots=True)
class Step:
    """`exp`, `log`, or arithmetic: `add` a number, `take` it away, `times` and `over` it, it `into`, `from` it."""

    kind: str
    number: float = 0.0

    @property
    def back(self) -> Step:
        return Step(_INVERSE[self.kind], self.number)


def steps_of(text: str) -> tuple[Step, ...]:
    """What an expression does to `x`, first thing first. Raises `ExpressionError`."""
    return _steps(syntax.parse(text))


def _steps(expression: syntax.Expression) -> tuple[Step, ...]:
    match expression:
        case syntax.Name(text=name) if name == TENSOR:
            return ()
        case syntax.Unary("-", operand):
            return (*_steps(operand), Step("times", -1))
        case syntax.Call(syntax.Name(text=("exp" | "log") as name), (argument,), ()):
            return (*_steps(argument), Step(name))
        case syntax.Binary("+" | "-" | "*" | "/" as sign, left, right):
            number = _number(right)
            if number is not None:
                kind = {"+": "add", "-": "take", "*": "times", "/": "over"}[sign]
                return (*_steps(left), _step(kind, number, expression))
            number = _number(left)
            if number is not None:
                kind = {"+": "add", "-": "from", "*": "times", "/": "into"}[sign]
                return (*_steps(right), _step(kind, number, expression))
        case _:
            pass
    raise syntax.ExpressionError("this cannot be taken back", expression.start, expression.end, HELP)


def _step(kind: str, number: float, expression: syntax.Expression) -> Step:
    if number == 0 and kind in ("times", "over", "into"):
        raise syntax.ExpressionError("zero cannot be taken back", expression.start, expression.end, HELP)
    return Step(kind, number)


def _number(expression: syntax.Expression) -> float | None:
    match expression:
        case syntax.Number(value=value):
            return float(value)
        case syntax.Unary("-", operand):
            inner = _number(operand)
            return None if inner is None else -inner
        case _:
            return None
