"""Sizes and numbers in the model's own names → Python expressions on the file's constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from compiler.lower.code import Code, call, conditional, infix, number, prefix
from graphspec import expressions as syntax
from graphspec.axes import Dim, Sizes, dim

Names = Callable[[str], Code]
"""What a name of the spec is called in the code."""

_MATH = ("sqrt", "log", "exp", "ceil", "floor")


def scalar(text: str, names: Names, *, whole: bool = False) -> Code:
    """An expression of the language, as Python. Where the result is `whole`, so is every division in it."""

    def translate(expression: syntax.Expression) -> Code:
        match expression:
            case syntax.Number(value):
                return number(value)
            case syntax.Name(name):
                return Code(name.capitalize()) if name in ("true", "false") else names(name)
            case syntax.Call(function, arguments):
                name = f"math.{function.text}" if function.text in _MATH else function.text
                return call(name, *map(translate, arguments))
            case syntax.Unary(operator, operand):
                return prefix(operator, translate(operand))
            case syntax.Binary(operator, left, right):
                written = "//" if whole and operator == "/" else operator
                return infix(written, translate(left), translate(right))
            case syntax.Conditional(test, then, otherwise):
                return conditional(translate(then), translate(test), translate(otherwise))

    return translate(syntax.parse(text))


def as_size(text: str, known: Mapping[str, Dim], sizes: Sizes) -> Dim | None:
    """The size that an expression stands for, `known` being those of the names in it; None if it is none."""

    def evaluate(expression: syntax.Expression) -> Dim | None:
        match expression:
            case syntax.Number(int(value)):
                return dim(value)
            case syntax.Name(name):
                return known.get(name)
            case syntax.Binary(operator, left, right):
                a, b = evaluate(left), evaluate(right)
                return None if a is None or b is None else _combined(operator, a, b, sizes)
            case _:
                return None

    return evaluate(syntax.parse(text))


def _combined(operator: str, left: Dim, right: Dim, sizes: Sizes) -> Dim | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//" | "/" if sizes.value(right):
            return sizes.quotient(left, right) or left // right
        case _:
            return None
