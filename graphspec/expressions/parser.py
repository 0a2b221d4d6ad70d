"""Tokens → syntax trees, by recursive descent with bounds on nesting.

From loosest to tightest: `a if c else b`, `or`, `and`, `not`, comparisons, `|`, `&`, `+ -`, `* / // %`, unary `- ~`,
`**`, calls.
"""

from __future__ import annotations

from collections.abc import Callable

from graphspec.expressions.tokens import ExpressionError, Token, tokens
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
)

MAX_DEPTH = 48
_KEYWORDS = frozenset({"and", "or", "not", "if", "else"})
_Rule = Callable[[], Expression]


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(tokens(text))
        self.place = 0
        self.depth = 0

    # -- tokens -------------------------------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.tokens[self.place]
        self.place += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        return self.take() if self.next.text in texts and self.next.kind != "number" else None

    def expect(self, text: str) -> Token:
        token = self.accept(text)
        if token is None:
            raise self.unexpected(f"expected `{text}`")
        return token

    def unexpected(self, wanted: str) -> ExpressionError:
        token = self.next
        if token.kind == "end":
            help = "inside `{…}` and `[…]` YAML splits at commas: quote the expression" if "(" in self.text else ""
            return ExpressionError(f"{wanted}, but the expression ends", max(0, token.start - 1), token.end, help)
        return ExpressionError(f"{wanted}, found `{token.text}`", token.start, token.end)

    def finish(self) -> None:
        if self.next.kind != "end":
            raise self.unexpected("expected the end of the expression")

    # -- the grammar, loosest first -----------------------------------------------------------------------------------

    def expression(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep", self.next.start, self.next.end)
        value = self.either()
        if self.accept("if"):
            test = self.either()
            self.expect("else")
            otherwise = self.expression()
            value = Conditional(test, value, otherwise, value.start, otherwise.end)
        self.depth -= 1
        return value

    def either(self) -> Expression:
        return self.left_associative(self.both, "or")

    def both(self) -> Expression:
        return self.left_associative(self.negation, "and")

    def negation(self) -> Expression:
        return self.prefixed(("not",), self.comparison, self.negation)

    def comparison(self) -> Expression:
        left = self.union()
        if token := self.accept("<", ">", "<=", ">=", "==", "!="):
            right = self.union()
            if self.next.text in ("<", ">", "<=", ">=", "==", "!="):
                raise ExpressionError(
                    "comparisons do not chain", self.next.start, self.next.end, "join them with `and`"
                )
            return Binary(token.text, left, right, left.start, right.end)
        return left

    def union(self) -> Expression:
        return self.left_associative(self.intersection, "|")

    def intersection(self) -> Expression:
        return self.left_associative(self.sum, "&")

    def sum(self) -> Expression:
        return self.left_associative(self.product, "+", "-")

    def product(self) -> Expression:
        return self.left_associative(self.sign, "*", "/", "//", "%")

    def sign(self) -> Expression:
        return self.prefixed(("-", "~"), self.power, self.sign)

    def power(self) -> Expression:
        base = self.primary()
        if self.accept("**"):
            exponent = self.nested(self.sign)
            return Binary("**", base, exponent, base.start, exponent.end)
        return base

    def primary(self) -> Expression:
        token = self.next
        if token.kind == "number":
            self.take()
            return Number(_number(token), token.start, token.end)
        if token.kind == "name" and token.text not in _KEYWORDS:
            self.take()
            name = Name(token.text, token.start, token.end)
            if prime := self.accept("'"):
                return Name(f"{token.text}'", token.start, prime.end)
            return self.call(name) if self.next.text == "(" else name
        if self.accept("("):
            inner = self.expression()
            self.expect(")")
            return inner
        raise self.unexpected("expected a value")

    def call(self, function: Name) -> Call:
        self.expect("(")
        arguments: list[Expression] = []
        keywords: list[tuple[str, Expression]] = []
        while not self.accept(")"):
            if arguments or keywords:
                self.expect(",")
            following = self.tokens[min(self.place + 1, len(self.tokens) - 1)]
            if self.next.kind == "name" and following.text == "=":
                name = self.take()
                self.take()
                if name.text in dict(keywords):
                    raise ExpressionError(f"`{name.text}` is given twice", name.start, name.end)
                keywords.append((name.text, self.expression()))
            elif keywords:
                raise self.unexpected("expected `name=value`: named arguments stand last")
            else:
                arguments.append(self.expression())
        end = self.tokens[self.place - 1].end
        return Call(function, tuple(arguments), tuple(keywords), function.start, end)

    def left_associative(self, operand: _Rule, *operators: str) -> Expression:
        value = operand()
        while token := self.accept(*operators):
            right = operand()
            value = Binary(token.text, value, right, value.start, right.end)
            self.bounded(value)
        return value

    def prefixed(self, operators: tuple[str, ...], plain: _Rule, again: _Rule) -> Expression:
        token = self.accept(*operators)
        if token is None:
            return plain()
        operand = self.nested(again)
        return Unary(token.text, operand, token.start, operand.end)  # pyright: ignore[reportArgumentType]

    def nested(self, rule: _Rule) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep", self.next.start, self.next.end)
        value = rule()
        self.depth -= 1
        return value

    def bounded(self, value: Expression) -> None:
        """A long chain is a deep tree: bound it too, so that walking a tree never exhausts the stack."""
        if self.place > 6 * MAX_DEPTH:
            raise ExpressionError("expression too long", value.start, value.end, "split it into nodes with names")

    # -- types --------------------------------------------------------------------------------------------------------

    def type(self) -> TypeSyntax:
        token = self.accept("int", "bool", "float")
        dtype = token.text if token else "float"
        axes: list[AxisSyntax] = []
        while self.next.kind != "end" and self.next.text != "=":
            axes.append(self.axis())
        default = self.default()
        if not axes and not token:
            raise self.unexpected("expected a type such as `int B T` or `B T d_model`")
        return TypeSyntax(dtype, tuple(axes), default)  # pyright: ignore[reportArgumentType]

    def axis(self) -> AxisSyntax:
        token = self.next
        if self.accept("..."):
            return AxisSyntax(None, False, token.start, token.end)
        if token.kind not in ("number", "name") and token.text != "(":
            raise ExpressionError(
                f"expected an axis, found `{token.text}`",
                token.start,
                token.end,
                "put a composite axis in parentheses: `(T + 1)`",
            )
        if token.kind == "name" and token.text not in _KEYWORDS:
            self.take()
            size: Expression = Name(token.text, token.start, token.end)
        else:
            size = self.primary()
        prime = self.accept("'")
        return AxisSyntax(size, prime is not None, token.start, prime.end if prime else size.end)

    def default(self) -> Expression | None:
        return self.expression() if self.accept("=") else None


def _number(token: Token) -> int | float:
    text = token.text.replace("_", "")
    if text.isdigit():
        return int(text)
    return float(text)


def parse(text: str) -> Expression:
    """Parse one expression. Raises `ExpressionError`."""
    parser = _Parser(text)
    value = parser.expression()
    parser.finish()
    return value


def parse_type(text: str) -> TypeSyntax:
    """Parse a tensor type with an optional default: `bool B S = true`. Raises `ExpressionError`."""
    parser = _Parser(text)
    value = parser.type()
    parser.finish()
    return value


def parse_kind(text: str) -> KindSyntax:
    """Parse the kind of a block's parameter with an optional default: `function = silu`. Raises `ExpressionError`."""
    parser = _Parser(text)
    token = parser.take()
    if token.kind != "name":
        raise ExpressionError("expected a kind such as `int` or `mask = everything`", token.start, token.end)
    default = parser.default()
    parser.finish()
    return KindSyntax(token.text, default)
