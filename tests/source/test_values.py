"""What is read, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from graphspec.source import Map, Scalar, Value, reader
from tests.source.marks import cut, marked, place, plain, scalars, sound


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of PyYAML read alike."""
    if request.param == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    loader = yaml.CSafeLoader if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(reader, "_LOADER", loader)


def test_scalars_stay_text() -> None:
    text = "a: 1\nb: no\nc: 1e-5\nd: null\ne: ~\nf: 2020-01-01\ng: 0x1F\nh: [yes, 1_000]\n"
    root = sound(text).root
    assert plain(root) == {
        **{"a": "1", "b": "no", "c": "1e-5", "d": "null", "e": "~", "f": "2020-01-01", "g": "0x1F"},
        "h": ["yes", "1_000"],
    }


def test_a_map_answers_by_key() -> None:
    root = sound("a: 1\n'b c': 2\n").root
    assert root.keys() == ("a", "b c")
    assert plain(root.get("b c") or root) == "2"
    key = root.key("b c")
    assert key and key.style == "quoted" and place(key.span) == "2:1-2:6"
    assert root.get("c") is None and root.key("c") is None


@pytest.mark.parametrize(
    ("written", "text", "style", "absent"),
    [
        ("a", "a", "plain", False),
        ("'a'", "a", "quoted", False),
        ('"a"', "a", "quoted", False),
        ("|\n  a", "a\n", "block", False),
        (">-\n  a\n  b", "a b", "block", False),
        ("a\n  b", "a b", "plain", False),
        ("", "", "plain", True),
        ("''", "", "quoted", False),
        ('""', "", "quoted", False),
        ("|", "", "block", False),
        ("~", "~", "plain", False),
    ],
)
def test_styles(written: str, text: str, style: str, absent: bool) -> None:
    value = sound(f"k: {written}\n").root.get("k")
    assert isinstance(value, Scalar)
    assert (value.text, value.style, value.absent) == (text, style, absent)


def test_values_are_immutable_and_hashable() -> None:
    root = sound("a: [b, {c: d}]").root
    assert hash(root) == hash(sound("a: [b, {c: d}]").root)
    with pytest.raises(AttributeError):
        root.entries = ()  # type: ignore[misc]


@pytest.mark.parametrize("text", ["a: 1\nb: [x, y]\n", "é: ñ\n日本: [😀, y]\n"])
@pytest.mark.parametrize("variant", ["crlf", "bom", "no end of line", "explicit start", "version"])
def test_encodings_of_the_same_text(text: str, variant: str) -> None:
    other = {
        "crlf": text.replace("\n", "\r\n"),
        "bom": "\ufeff" + text,
        "no end of line": text.rstrip(),
        "explicit start": "---\n" + text,
        "version": "%YAML 1.1\n---\n" + text,
    }[variant]
    above = other.count("\n", 0, other.index("---") + 4) if "---" in other else 0
    read, expected = sound(other), sound(text)
    assert plain(read.root) == plain(expected.root)
    for found, same in zip(scalars(read.root), scalars(expected.root), strict=True):
        assert cut(found.span) == cut(same.span)
        assert (found.span.line - above, found.span.column) == (same.span.line, same.span.column)


# -- places -----------------------------------------------------------------------------------------------------------

VALUES = {  # the place of what stands at the path
    "a": "a: «b»",
    "a ": "a:   «b c»   # d",
    "a 0": "a: [«b», c]",
    "a 1": "a: [b, «c»]",
    "a b": "a: {b: «c», d: e}",
    "a b d": "ä: ö\na:\n  b:\n    d: «ü»\n",
    "é": "é: «日本»",
    "é 1": "é: [日本, «😀z»]",
    "a 2": 'é: 😀\na: ["ñ", \'ñ\', «"é\\t"»]',
    "q": "a: b\nq: «'it''s'»\nc: d",
    "m": "m: «b\n  c»\nd: e",
    "f": "f: «[a, b]» # c",
    "f ": "f: «{a: b,\n   c: d}»\nd: e",
    "s": "s:\n  «- a\n  - b»\n\nd: e",
    "s ": "s:\n«- a\n- b»\nd: e",
    "b": "b:\n  «c: d\n  e: f»  # g\n\n\nh: i",
    "b  ": "b:\n  «c:\n    e: f»\nh: i",
    "p 0": "p: [«b: c», d]",
    "l": "l: «|\n  x\n  y\n»m: n",
}


def walk(value: Value, path: list[str]) -> Value:
    for step in path:
        found = value.get(step) if isinstance(value, Map) else value.items[int(step)]  # type: ignore[union-attr]
        assert found is not None
        value = found
    return value


@pytest.mark.parametrize(("path", "text"), VALUES.items())
def test_places_of_values(path: str, text: str) -> None:
    bare, expected = marked(text)
    assert place(walk(sound(bare).root, path.split()).span) == expected


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("b", "a: x\n«b»: c"),
        ("b", "a: x\n«'b'» : c"),
        ("b", "é: {日本: x, «b»: c}"),
        ("b c", "? «b c»\n: d"),
        ("b", "{«b»}"),
    ],
)
def test_places_of_keys(key: str, text: str) -> None:
    bare, expected = marked(text)
    (found,) = [scalar for scalar in scalars(sound(bare).root) if scalar.text == key]
    assert place(found.span) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a:«\n»",
        "a:« » # c\n",
        "a:«\n»b: c",
        "x: {a:« », b: c}",
        "x: {a:« » , b: c}",
        "x: {a :« »}",
        "x: {a«,» b: c}",
        "x: {a«}»",
        "x: {a:« »  \n}",
        "? a«\n»? b\n",
        "? a«\n»:\n",
        "é: 😀\n日本:« »\n",
        "x: [b, a:« »]",
        "-«\n»- b",
        "x:\n  -«\n»  - b",
    ],
)
def test_an_absent_value_stands_right_after_its_colon(text: str) -> None:
    bare, expected = marked(text)
    start = expected.partition("-")[0]
    value = sound(bare if bare[0] != "-" else f"k:\n{bare}").root
    (found, *_) = [scalar for scalar in scalars(value) if scalar.absent]
    line, column = (int(part) for part in start.split(":"))
    line += bare[0] == "-"
    assert place(found.span) == f"{line}:{column}-{line}:{column + 1}"


@pytest.mark.parametrize(
    ("written", "start", "end", "expected"),
    [
        ("x + yy * z", 4, 6, "yy"),
        ("ñ + 日本 * z", 4, 6, "日本"),
        ("'x + yy'", 4, 6, "yy"),
        ('"😀 + yy"', 4, 6, "yy"),
        ("x", 1, 1, ""),  # the end of the text: still one column wide
        ("'it''s'", 0, 2, "'it''s'"),
        ('"\\x41 b"', 2, 3, '"\\x41 b"'),
        ("a\n  b", 0, 1, "a\n  b"),
        ("'a\n  b'", 0, 1, "'a\n  b'"),
        ("|-\n  ab", 0, 1, "|-\n  ab\n"),
    ],
)
def test_places_within_a_scalar(written: str, start: int, end: int, expected: str) -> None:
    value = sound(f"é: 日\nkey: {written}\n").root.get("key")
    assert isinstance(value, Scalar)
    assert cut(value.part(start, end)) == expected


# -- properties -------------------------------------------------------------------------------------------------------

UNWANTED = "\x85\u2028\u2029\ufeff"
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters=UNWANTED), max_size=12)
PLAIN = st.text("ab_.é日😀 (=)*+-:#,'\"{}[]&|>%@!?\\", max_size=12)
NESTED: st.SearchStrategy[Any] = st.recursive(
    PLAIN | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN | TEXTS, inner, max_size=4),
    max_leaves=20,
)


def keys_and_values(value: object) -> Iterator[str]:
    match value:
        case dict():
            for key, item in value.items():
                yield key
                yield from keys_and_values(item)
        case list():
            for item in value:
                yield from keys_and_values(item)
        case _:
            yield str(value)


FORMS = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([None, True, False]),
        "allow_unicode": st.booleans(),
        "indent": st.integers(2, 7),
        "width": st.sampled_from([20, 10_000]),
        "line_break": st.sampled_from(["\n", "\r\n"]),
    }
)


@given(data=st.dictionaries(PLAIN | TEXTS, NESTED, min_size=1, max_size=4), form=FORMS)
def test_what_yaml_writes_is_read_as_it_was(data: dict[str, Any], form: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, sort_keys=False, **form)
    assume(yaml.safe_load(text) == data)  # PyYAML folds some escapes wrongly
    root = sound(text).root
    assert plain(root) == data
    assert [scalar.text for scalar in scalars(root)] == list(keys_and_values(data))
    for scalar in scalars(root):
        written = cut(scalar.span)
        verbatim = written in (scalar.text, f"'{scalar.text}'", f'"{scalar.text}"')
        if scalar.style == "plain" and scalar.span.line == scalar.span.end_line:
            assert written == scalar.text
        for start in range(len(scalar.text)):
            part = cut(scalar.part(start, start + 1))
            assert part == (scalar.text[start] if verbatim else written)
