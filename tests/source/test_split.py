"""Expressions that YAML split at their commas are put together again."""

from __future__ import annotations

import pytest

from graphspec.diagnostics import Report
from graphspec.source import Map, parse, split_expression
from tests.source.marks import sound


def entries(text: str) -> Map:
    value = sound(f"k: {{{text}}}").root.get("k")
    assert isinstance(value, Map)
    return value


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("mask: window(left=3, right=2)", "window(left=3, right=2)"),
        ("mask: window(left=3,right=2)", "window(left=3, right=2)"),
        ("x: max(a, b, c)", "max(a, b, c)"),
        ("x: f(a, g(b, c), d)", "f(a, g(b, c), d)"),
        ("x: f(a, b) if c else g(d, e) + 1", "f(a, b) if c else g(d, e) + 1"),
        ("f(a, b)", "f(a, b)"),
        ("x: f(a, b))", "f(a, b))"),
    ],
)
@pytest.mark.parametrize("before", ["", "op: attend, ", "y: f(a), ", "y: f(a, b), "])
@pytest.mark.parametrize("after", ["", ", bias: false", ", z: g(h, i)"])
def test_every_part_tells_the_whole(text: str, meant: str, before: str, after: str) -> None:
    map = entries(before + text + after)
    start = len(entries(before).entries) if before else 0
    for index in range(start, start + text.count(",") + 1):
        assert split_expression(map, index) == meant


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("a: 1, b: 2", 0),
        ("a: f(x), b", 0),
        ("a: f(x), b", 1),
        ("a: f(x, b: 1", 0),
        ("a: f(x, b", 1),
        ("a: 'f(x', 'y)'", 1),
        ("a: 'f(x', y)", 1),
        ("a: f(x, 'y)'", 0),
        ("a: [f(x], y)", 1),
        ("a: f(x, y): 2", 0),
        ("a: f(x), b: 1, y)", 2),
        ("y)", 0),
        ("a", 0),
    ],
)
def test_what_is_no_split_expression(text: str, index: int) -> None:
    assert split_expression(entries(text), index) is None


def test_equal_parts_of_two_expressions_are_no_duplicates() -> None:
    map = entries("a: max(x, y, z), b: max(x, y, z)")
    assert map.keys() == ("a", "y", "z)", "b", "y", "z)")
    assert [split_expression(map, index) for index in range(6)] == ["max(x, y, z)"] * 6


def test_an_equal_part_that_belongs_to_none_is_a_duplicate() -> None:
    report = Report()
    assert parse("k: {a: max(x, y), b: 1, y)}", "x.yaml", report)
    assert [fault.code for fault in report.diagnostics] == ["duplicate-key"]


def test_a_key_that_is_given_twice_is_a_duplicate_also_where_its_value_is_split() -> None:
    report = Report()
    assert parse("k: {a: 1, a: max(x, y)}", "x.yaml", report)
    assert [fault.code for fault in report.diagnostics] == ["duplicate-key"]
