"""Sizes in normal form agree with arithmetic on whole numbers."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphspec.axes import Axis, Dim, Sizes, TensorType, dim

NAMES = ("d", "h", "T")
Pair = tuple[Dim, Callable[[dict[str, int]], int]]


def sizes() -> st.SearchStrategy[Pair]:
    leaves: st.SearchStrategy[Pair] = st.one_of(
        st.integers(-4, 9).map(lambda n: (dim(n), lambda env, n=n: n)),
        st.sampled_from(NAMES).map(lambda name: (dim(name), lambda env, name=name: env[name])),
    )
    return st.recursive(
        leaves, lambda inner: st.tuples(st.sampled_from("+-*/%mM"), inner, inner).map(_join), max_leaves=6
    )


def _join(parts: tuple[str, Pair, Pair]) -> Pair:
    sign, (a, left), (b, right) = parts
    match sign:
        case "+":
            return a + b, lambda env: left(env) + right(env)
        case "-":
            return a - b, lambda env: left(env) - right(env)
        case "*":
            return a * b, lambda env: left(env) * right(env)
        case "/":
            return a // (b * b + 1), lambda env: left(env) // (right(env) ** 2 + 1)
        case "%":
            return a % (b * b + 1), lambda env: left(env) % (right(env) ** 2 + 1)
        case "m":
            return a.minimum(a + b * b), lambda env: min(left(env), left(env) + right(env) ** 2)
        case _:
            return a.maximum(b * 2), lambda env: max(left(env), right(env) * 2)


ENVIRONMENTS = st.fixed_dictionaries({name: st.integers(1, 12) for name in NAMES})


@given(sizes(), ENVIRONMENTS)
def test_value_is_that_of_the_expression(pair: Pair, environment: dict[str, int]) -> None:
    size, compute = pair
    assert size.value(environment) == compute(environment)


@given(sizes(), ENVIRONMENTS)
def test_printed_text_means_the_same(pair: Pair, environment: dict[str, int]) -> None:
    size, compute = pair
    assert eval(  # noqa: S307 - the text of a size is an expression of Python too
        str(size), {"min": min, "max": max}, environment
    ) == compute(environment)


@given(sizes(), ENVIRONMENTS, ENVIRONMENTS)
def test_substitution_is_evaluation(pair: Pair, first: dict[str, int], second: dict[str, int]) -> None:
    size, compute = pair
    shifted = size.substitute({name: dim(name) + first[name] for name in NAMES})
    assert shifted.value(second) == compute({name: second[name] + first[name] for name in NAMES})


@given(sizes(), sizes(), ENVIRONMENTS)
def test_at_least_is_never_wrong(left: Pair, right: Pair, environment: dict[str, int]) -> None:
    if left[0].at_least(right[0]):
        assert left[1](environment) >= right[1](environment)


def test_equal_sizes_have_one_form() -> None:
    d, h = dim("d"), dim("h")
    assert (d + h) * 2 == h * 2 + d + d
    assert (d * 4) // 4 == d
    assert (d * 4 + 6) // 4 == d + 1
    assert hash((d + 1) * d) == hash(d * d + d)


def test_exact_division_cancels() -> None:
    d, h = dim("d"), dim("h")
    quotient = Sizes({"d": 512, "h": 8}, {}).quotient(d, h)
    assert quotient is not None
    assert str(quotient) == "d // h"
    assert quotient * h == d
    assert quotient.value({"d": 512, "h": 8}) == 64


def test_inexact_division_does_not_cancel() -> None:
    sizes = Sizes({"d": 512, "h": 7}, {})
    assert sizes.quotient(dim("d"), dim("h")) is None
    assert (dim("d") // dim("h")) * dim("h") != dim("d")


def test_run_time_axes_are_equal_by_name_alone() -> None:
    sizes = Sizes({"d": 4, "e": 4}, {"P": dim("T") + 1})
    assert sizes.same(dim("d"), dim("e"))
    assert not sizes.same(dim("T"), dim("S"))
    assert sizes.same(dim("P"), dim("T") + 1)


@pytest.mark.parametrize(
    ("size", "text"),
    [(dim("d") * 4, "4 * d"), (dim("T") - 3, "T - 3"), ((dim("T") - 1) // 2 + 1, "(T + 1) // 2"), (dim(0), "0")],
)
def test_printing(size: Dim, text: str) -> None:
    assert str(size) == text


def test_types_print_as_they_are_written() -> None:
    kind = TensorType("bool", (Axis(dim("B")), Axis(dim("T") + 1), Axis(dim("T"), primed=True)))
    assert str(kind) == "bool B (T + 1) T'"
