"""The one grammar of every scalar: expressions, tensor types and parameter kinds, as syntax trees.

Text is bounded in length and nesting, and nothing is ever evaluated as Python.
"""

from graphspec.expressions.parser import parse, parse_kind, parse_type
from graphspec.expressions.tokens import ExpressionError
from graphspec.expressions.trees import (
    AxisSyntax,
    Binary,
    Call,
    Conditional,
    Expression,
    KindSyntax,
    Name,
    Number,
    TypeSyntax,
    Unary,
    names,
)

__all__ = [
    "AxisSyntax",
    "Binary",
    "Call",
    "Conditional",
    "Expression",
    "ExpressionError",
    "KindSyntax",
    "Name",
    "Number",
    "TypeSyntax",
    "Unary",
    "names",
    "parse",
    "parse_kind",
    "parse_type",
]
