"""What is refused: code, place, words, and that reading goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from graphspec.diagnostics import Diagnostic, File, Report, format_text
from graphspec.source import Source, accidents, parse, read, reader
from tests.source.marks import marked, place, plain


def faults(text: str) -> tuple[Source | None, tuple[Diagnostic, ...]]:
    report = Report()
    return parse(text, "x.yaml", report), report.diagnostics


def only(text: str) -> Diagnostic:
    _, (fault,) = faults(text)
    return fault


def check(text: str, code: str, message: str, help: str) -> None:
    bare, expected = marked(text)
    fault = only(bare)
    assert (fault.code, place(fault.span)) == (code, expected)
    assert message in fault.message
    assert help in fault.help
    assert fault.message[0].islower() or fault.message[0] in "`Y"
    assert not fault.message.endswith(".") and fault.help


# -- what YAML has and the language has not ---------------------------------------------------------------------------

REFUSED = [  # the code, the text with its place, words of the message
    ("yaml-anchor", "a: «&x» 1", "`&x`"),
    ("yaml-anchor", "é: 日本\nñ: «&x» {b: c}", "`&x`"),
    ("yaml-anchor", "a:\n  «&x»\n  b: c", "`&x`"),
    ("yaml-anchor", "a: [b, «&x» ]", "`&x`"),
    ("yaml-alias", "a: «*x»", "`*x`"),
    ("yaml-alias", "é: [日本, «*x»]", "`*x`"),
    ("yaml-alias", "«*x» : 1", "`*x`"),
    ("yaml-merge-key", "a:\n  «<<»: b\n  c: d", "`<<`"),
    ("yaml-merge-key", "a: {«<<»: [b]}", "`<<`"),
    ("yaml-tag", "a: «!!python/object:os.system» x", "`!!python/object:os.system`"),
    ("yaml-tag", "a: [«!x», b]", "`!x`"),
    ("yaml-tag", "a: «!» 1", "`!`"),
    ("yaml-tag", "a: «!<tag:x>» b", "`!<tag:x>`"),
    ("yaml-tag", "a: «!x»\n  b: c", "`!x`"),
    ("yaml-tag", "«%TAG» ! tag:x,2000:\n---\na: 1", "`%TAG`"),
    ("yaml-documents", "a: 1\n«---»\nb: 2", "second document"),
    ("yaml-documents", "---\na: 1\n...\n«---»\n", "second document"),
    ("yaml-key", "a: {«[b]»: c}", "a list cannot be a key"),
    ("yaml-key", "a: {«{b: c}»: d}", "a map cannot be a key"),
    ("yaml-key", "? «- a\n  - b»\n: c", "a list cannot be a key"),
    ("duplicate-key", "a: 1\nb: 2\n«a»: 3", "`a`"),
    ("duplicate-key", "é: {日: 1, «'日'»: 3}", "`日`"),
    ("duplicate-key", "a:\n  b: 1\n  «b»:\n    c: 1", "`b`"),
    ("duplicate-key", "a: {b, «b»}", "`b`"),
    ("document-not-a-map", "«[a, b]»", "this is a list, and a spec is a map"),
    ("document-not-a-map", "«- a\n- b: c»\n", "this is a list"),
    ("document-not-a-map", "«null»", "this is a text"),
    ("document-not-a-map", "«''»", "this is a text"),
    ("document-not-a-map", "«graphspec:1»\n", "this is a text"),
    ("empty-document", "« »", "nothing"),
    ("empty-document", "«\n»# only a comment\n", "nothing"),
    ("empty-document", "«-»--\n", "nothing"),
    ("unwanted-character", "a: «\0»", "U+0000"),
    ("unwanted-character", "a: é\nb: 日«\x1b»[31m", "U+001B"),
    ("unwanted-character", "a: b«\r»c: d", "U+000D"),
    ("unwanted-character", "a: b\r\nc: «\x7f»", "U+007F"),
    ("unwanted-character", "a: b«\x85»c", "U+0085"),
    ("unwanted-character", "a: b«\u2028»c", "U+2028"),
    ("unwanted-character", "a: b«\ufeff»c", "U+FEFF"),
    ("unwanted-character", "a: b«\ud800»c", "U+D800"),
    ("unwanted-character", "a: b«\ufffe»c", "U+FFFE"),
    ("too-deep", "a: " + "[" * 63 + "«[»", "64 levels"),
    ("too-deep", "a: " + "{b: " * 63 + "«{»", "64 levels"),
]


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize(("code", "text", "message"), REFUSED)
def test_refused(code: str, text: str, message: str, loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_LOADER", getattr(yaml, loader, yaml.SafeLoader))
    if code == "empty-document":
        text = text.replace("«\n»", "«#»").replace("#»#", "#» ")  # the first column, whatever stands there
    check(text, code, message, "")


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="the place is libyaml's")
def test_a_missing_key() -> None:
    check("a: {? «}»", "yaml-key", "a key is missing", "a key is a word")


def test_every_refusal_has_an_example() -> None:
    elsewhere = {"too-large", "too-many-values", "too-many-faults"}  # in test_hostile.py
    assert {code for code, _, _ in REFUSED} == {*reader._HELP, "duplicate-key"} - elsewhere


@pytest.mark.parametrize(
    "text",
    [
        "a: '<<'\n'<<': b",
        "a: b&c * d",
        "a: x & y\nb: 2 *x",
        "a: b! # !c &d *e",
        "'*.o': '!x'",
        "---\na: 1\n...\n",
        "%YAML 1.1\n---\na: 1",
        "a: 'é\u200f日\u00a0'",
        "a: b\tc",
        "{a: {a: {a: 1}}, b: {a: 1}}",
        "a: " + "[" * 63 + "]" * 63,
    ],
)
def test_what_only_looks_refused_is_fine(text: str) -> None:
    read, found = faults(text)
    assert read and not found


def test_a_duplicate_says_where_the_first_stands_which_is_kept() -> None:
    read, (fault,) = faults("a: 1\nb: {c: 2}\na: {c: 3}\n")
    assert read and plain(read.root) == {"a": "1", "b": {"c": "2"}}
    assert [(note.message, place(note.span)) for note in fault.notes] == [("it is first given", "1:1-1:2")]


def test_independent_faults_are_all_found() -> None:
    text = "a: &x 1\nb: *x\nc: !!int 3\n<<: {d: 1}\na: {e: 1, e: 2}\nf: {[g]: h}\n---\ni: j"
    read, found = faults(text)
    assert [(fault.code, fault.span and fault.span.line) for fault in found] == [
        ("yaml-anchor", 1),
        ("yaml-alias", 2),
        ("yaml-tag", 3),
        ("yaml-merge-key", 4),
        ("duplicate-key", 5),
        ("duplicate-key", 5),
        ("yaml-key", 6),
        ("yaml-documents", 7),
    ]
    assert read and plain(read.root) == {"a": "1", "b": "*x", "c": "3", "f": {}}


def test_faults_before_a_syntax_error_are_kept() -> None:
    read, found = faults("a: &x 1\nb: [\n")
    assert read is None
    assert [fault.code for fault in found] == ["yaml-anchor", "yaml-syntax"]


def test_an_anchor_and_a_tag_stand_in_either_order() -> None:
    for text in ("a: &x !t b", "a: !t &x b"):
        _, found = faults(text)
        places = {fault.code: (fault.span and fault.span.column) for fault in found}
        assert places == {"yaml-anchor": text.index("&") + 1, "yaml-tag": text.index("!") + 1}


# -- syntax -----------------------------------------------------------------------------------------------------------

ACCIDENTS = [  # the text with its place, words of the message, words of the help
    # tabs
    ("a:\n«\t»b: 1\n", "a tab indents", "spaces"),
    ("a:\n  b: 1\n«\t»c: 2\n", "a tab indents", "spaces"),
    # quotes
    ("a: «'»x\nb: 1\n", "the quote `'` is not closed", "`''`"),
    ('é: [日本, «"»x]\nb: 1\n', 'the quote `"` is not closed', "close it"),
    ("a: 'it'«s»'\n", "text after the closing quote", "`''`"),
    ('a: "x" «y»\n', "text after the closing quote", "quote it all"),
    ('a: "x«\\»q"\n', "no such escape", "single quotes"),
    # brackets
    ("a: «[»1, 2\nb: 1\n", "the bracket `[` is not closed", "close it"),
    ("a: «{»x: 1", "the bracket `{` is not closed", "close it"),
    ("a:\n  b: «{»x: {y: 1}\n  c: 2\n", "the bracket `{` is not closed", "close it"),
    ("a: {x: b«[»0]}\n", "`[` cannot stand here in brackets", "quotes"),
    ("a: {x: 1,\n    y: b«[»0]}\n", "`[` cannot stand here in brackets", "quotes"),
    ("é: {x: 日«:» z}\n", "`:` cannot stand here in brackets", "quotes"),
    ("a: [x]«]»\n", "`]` closes nothing", "remove it"),
    ("a: {x: 1}«}»\n", "`}` closes nothing", "remove it"),
    ("a: [1, «,» 2]\n", "a value is missing before `,`", "write it"),
    ("a: «]»\n", "a value is missing before `]`", "quotes"),
    # colons
    ("a: b«:» c\n", "a second colon in one value", "quotes"),
    ("日本: b«:»\n", "a second colon in one value", "quotes"),
    ("graphspec:1\nname«:» x\n", "the text above goes on", "a colon and a space"),
    ("a: foo\n  b«:» bar\n", "the text above goes on", "the same indentation"),
    ("nodes:\n  a: x\n  «b»:y\n  c: z\n", "a key without a colon and a space", "`key: value`"),
    ("a: 1\n«name» foo\nb: 1\n", "a key without a colon and a space", "`key: value`"),
    ("a: {b: 1, c«:»2}\n", "no space after the colon", "`key: value`"),
    # signs
    ("a: «@»x\n", "a text cannot begin with `@`", "quotes"),
    ("a: «%»x\n", "a text cannot begin with `%`", "quotes"),
    ("a: {«*».o: 1}\n", "a text cannot begin with `*`", "quotes"),
    ("a: «&» b\n", "a text cannot begin with `&`", "quotes"),
    ("a: «|» b\n", "a text cannot begin with `|`", "quotes"),
    # levels
    ("a:\n    b: 1\n  «c»: 2\n", "`c` continues nothing", "the same indentation"),
    ("a: 1\n«-» b\n", "`-` continues nothing", "the same indentation"),
    ("- a\n«bc»: 1\n", "`bc` continues nothing", "the same indentation"),
    ("{a: 1} «b»\n", "`b` continues nothing", "the same indentation"),
    ("a: «-» b\n", "`-` cannot stand within a line", "in brackets"),
    ("a: «?» b\n", "`?` cannot stand within a line", "in brackets"),
    # the rest
    ("a: «!»foo!bar x\n", "tags and directives", "leave it out"),
    ("«%»YAML 3.0\n---\na: 1\n", "tags and directives", "leave it out"),
]


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="the places are libyaml's")
@pytest.mark.parametrize(("text", "message", "help"), ACCIDENTS)
def test_accidents(text: str, message: str, help: str) -> None:
    check(text, "yaml-syntax", message, help)


@pytest.mark.parametrize(("text", "message", "help"), ACCIDENTS)
def test_the_python_parser_reports_them_too(
    text: str, message: str, help: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_LOADER", yaml.SafeLoader)
    bare, expected = marked(text)
    fault = only(bare)
    assert (fault.code, message in fault.message, help in fault.help) == ("yaml-syntax", True, True), fault
    assert fault.span and fault.span.line == int(expected.partition(":")[0])


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="the other parser allows it")
def test_a_colon_before_a_brace_wants_a_space() -> None:
    check("a: {b«:»}\n", "yaml-syntax", "no space after the colon", "`key: value`")


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="the words are libyaml's")
def test_no_row_of_accidents_is_idle() -> None:
    said = {only(marked(text)[0]).message for text, _, _ in ACCIDENTS}
    for _, _, _, message, _ in accidents._ACCIDENTS:
        head, _, tail = message.partition("¦")
        assert any(found.startswith(head) and found.endswith(tail) for found in said), message


def test_a_complaint_that_no_row_knows_is_passed_on() -> None:
    error = yaml.MarkedYAMLError(problem="found a riddle", problem_mark=yaml.Mark("", 0, 0, 3, None, 0))
    fault = accidents.syntax_error(File("x.yaml", "a: b"), error)
    assert (fault.message, place(fault.span)) == ("found a riddle", "1:4-1:5")


def test_a_missing_space_in_a_document_of_one_text() -> None:
    assert only("graphspec:1\n").help == "put a space after each colon: `key: value`"
    assert only("just words\n").help == "a spec begins with `graphspec: 1`"


def test_a_report_is_short_however_long_the_text() -> None:
    word = "w" * 100_000
    for text in (f"a: &{word} b", f"a: !{word} b", f"? {word}\n: 1\n? {word}\n: 2", f"a: [{word}\n", f"'a'{word}"):
        _, found = faults(text)
        assert all(len(line) < 200 for line in format_text(found).splitlines())


def test_the_report_as_people_read_it() -> None:
    _, found = faults("graphspec: 1\nnodes:\n  norm: {op: rms_norm, in: x\n  out: norm\n")
    assert format_text(found) == (
        "error[yaml-syntax]: the bracket `{` is not closed\n"
        " --> x.yaml:3:9\n"
        "  |\n"
        "3 |   norm: {op: rms_norm, in: x\n"
        "  |         ^\n"
        "  = help: close it, or look for a missing comma"
    )


# -- files ------------------------------------------------------------------------------------------------------------


def read_faults(path: str | Path) -> tuple[Source | None, tuple[Diagnostic, ...]]:
    report = Report()
    return read(path, report), report.diagnostics


def test_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "é.yaml"
    path.write_bytes("\ufeffa: 日\r\n".encode())
    for name in (path, "é.yaml"):
        found, faults = read_faults(name)
        assert found and not faults
        assert (found.file.name, found.file.text) == ("é.yaml", "a: 日\r\n")


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.yaml", "no such file"), (".", "is a directory"), ("a\0b", "null"), ("x" * 999, "")]
)
def test_a_file_that_cannot_be_read(name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, (fault,) = read_faults(name)
    assert found is None
    assert (fault.code, fault.span) == ("file-unreadable", None)
    assert fault.message.startswith("cannot read `") and reason in fault.message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.touch(mode=0)
    assert read_faults(path)[1][0].code == "file-unreadable"


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"a: \xff", 1, 4),
        ("é: 日\r\nñ: 😀 ".encode() + b"\x80", 2, 6),
        ("\ufeffa: b".encode() + b"\xe9", 1, 5),
        ("a: b".encode("utf-16"), 1, 1),
        (b"a: b\n" + "c: 日".encode()[:-1], 2, 4),
        (b"\xed\xa0\x80", 1, 1),
    ],
)
def test_bytes_that_are_not_utf8(data: bytes, line: int, column: int, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    found, (fault,) = read_faults(path)
    assert found is None and fault.code == "not-utf-8" and fault.span
    assert (fault.span.line, fault.span.column) == (line, column)
    assert "UTF-8" in format_text([fault])
