"""The grammar of scalars: precedence, bounds, errors with their places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphspec import expressions as syntax


def shape(expression: syntax.Expression) -> object:
    """A tree as nested tuples, places left out."""
    match expression:
        case syntax.Number(value):
            return value
        case syntax.Name(text):
            return text
        case syntax.Unary(operator, operand):
            return (operator, shape(operand))
        case syntax.Binary(operator, left, right):
            return (operator, shape(left), shape(right))
        case syntax.Conditional(test, then, otherwise):
            return ("if", shape(test), shape(then), shape(otherwise))
        case syntax.Call(function, arguments, keywords):
            return (function.text, *map(shape, arguments), *((name, shape(value)) for name, value in keywords))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1e-5", 1e-5),
        ("66e6", 66e6),
        ("no", "no"),
        ("a - b - c", ("-", ("-", "a", "b"), "c")),
        ("a + b * c", ("+", "a", ("*", "b", "c"))),
        ("-a ** 2", ("-", ("**", "a", 2))),
        ("2 ** -a", ("**", 2, ("-", "a"))),
        ("causal & ~real | x", ("|", ("&", "causal", ("~", "real")), "x")),
        ("a < b and not c == d", ("and", ("<", "a", "b"), ("not", ("==", "c", "d")))),
        ("a if c else b if d else e", ("if", "c", "a", ("if", "d", "b", "e"))),
        ("window(left=3, right=1 + 1)", ("window", ("left", 3), ("right", ("+", 1, 1)))),
        ("qkv.q", "qkv.q"),
        ("a // b % c", ("%", ("//", "a", "b"), "c")),
    ],
)
def test_trees(text: str, tree: object) -> None:
    assert shape(syntax.parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "start", "end", "message"),
    [
        ("a +", 2, 3, "expected a value, but the expression ends"),
        ("a ^ b", 2, 3, "unexpected character `^`"),
        ("f(a, b", 5, 6, "expected `,`, but the expression ends"),
        ("f(x=1, x=2)", 7, 8, "`x` is given twice"),
        ("1 < 2 < 3", 6, 7, "comparisons do not chain"),
        ("a b", 2, 3, "expected the end of the expression, found `b`"),
        ("[a]", 0, 1, "unexpected character `[`"),
        ("", 0, 0, "expected a value, but the expression ends"),
    ],
)
def test_errors_say_where(text: str, start: int, end: int, message: str) -> None:
    with pytest.raises(syntax.ExpressionError) as error:
        syntax.parse(text)
    assert (error.value.message, error.value.start, error.value.end) == (message, start, end)


@pytest.mark.parametrize(
    "text", ["(" * 5000, "-" * 5000, "a" * 5000, "not " * 900 + "a", "+".join("a" * 2000), "2**" * 900 + "2"]
)
def test_hostile_expressions_are_refused(text: str) -> None:
    with pytest.raises(syntax.ExpressionError):
        syntax.parse(text)


@given(st.text(max_size=60))
def test_any_text_gives_a_tree_or_an_error(text: str) -> None:
    for parse in (syntax.parse, syntax.parse_type, syntax.parse_kind):
        try:
            parse(text)
        except syntax.ExpressionError as error:
            assert 0 <= error.start <= error.end <= len(text)


def test_types() -> None:
    written = syntax.parse_type("bool B (T + 1) T' = true")
    assert written.dtype == "bool"
    assert [axis.primed for axis in written.axes] == [False, False, True]
    assert written.default == syntax.Name("true", 20, 24)
    assert syntax.parse_type("... d").axes[0].size is None


def test_a_type_needs_parentheses_around_sums() -> None:
    with pytest.raises(syntax.ExpressionError, match="expected an axis, found `\\+`"):
        syntax.parse_type("B T + 1")


def test_kinds() -> None:
    written = syntax.parse_kind("function = silu")
    assert written.kind == "function"
    assert written.default == syntax.Name("silu", 11, 15)
