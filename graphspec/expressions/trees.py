"""Syntax trees, each with the offsets between which it stands in its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf


@dataclass(frozen=True, slots=True)
class Number:
    value: int | float
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """A name, possibly dotted (`qkv.q`), or that of the second occurrence of an axis (`T'`)."""

    text: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    function: Name
    arguments: tuple[Expression, ...]
    keywords: tuple[tuple[str, Expression], ...]
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Unary:
    operator: OneOf["-", "~", "not"]
    operand: Expression
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparison, mask algebra or `and` and `or`."""

    operator: str
    left: Expression
    right: Expression
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Conditional:
    """`then if test else otherwise`."""

    test: Expression
    then: Expression
    otherwise: Expression
    start: int = 0
    end: int = 0


Expression = Number | Name | Call | Unary | Binary | Conditional


@dataclass(frozen=True, slots=True)
class AxisSyntax:
    """One axis of a type: an expression, or None for `...`; primed at its key occurrence."""

    size: Expression | None
    primed: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TypeSyntax:
    """`bool B S = true`: element type, axes, default."""

    dtype: OneOf["float", "int", "bool"]
    axes: tuple[AxisSyntax, ...]
    default: Expression | None


@dataclass(frozen=True, slots=True)
class KindSyntax:
    """`function = silu`: the kind of a block's parameter, and its default."""

    kind: str
    default: Expression | None


def names(expression: Expression) -> Iterator[Name]:
    """The names that an expression reads, called functions left out."""
    match expression:
        case Name():
            yield expression
        case Call(_, arguments, keywords):
            for argument in arguments:
                yield from names(argument)
            for _, argument in keywords:
                yield from names(argument)
        case Unary(_, operand):
            yield from names(operand)
        case Binary(_, left, right):
            yield from names(left)
            yield from names(right)
        case Conditional(test, then, otherwise):
            yield from names(test)
            yield from names(then)
            yield from names(otherwise)
        case _:
            pass
