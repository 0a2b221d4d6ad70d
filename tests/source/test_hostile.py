"""Texts made to do harm are refused in bounded time and depth."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphspec import source
from graphspec.diagnostics import Report, format_json, format_text
from graphspec.source import MAX_BYTES, MAX_FAULTS, parse, read
from tests.source.marks import cut, scalars, sound

ROOT = Path(source.__file__).parents[2]


def codes(text: str) -> list[str]:
    report = Report()
    parse(text, "x.yaml", report)
    assert len(format_text(report.diagnostics)) < 100_000
    return [fault.code for fault in report.diagnostics]


# -- depth, in a process of its own: a crash of the C parser would take this one along --------------------------------

DEEP = {
    "lists": "'[' * 100_000",
    "maps": "'{a: ' * 100_000",
    "lists, closed": "'[' * 100_000 + ']' * 100_000",
    "lists on lines": "'[\\n' * 100_000",
    "maps as keys": "'{' * 100_000",
    "explicit keys": "'? ' * 100_000",
    "block lists in a line": "'- ' * 100_000",
    "block maps": r"'\n'.join(' ' * i + 'a:' for i in range(1400))",
    "below a sound beginning": "'graphspec: 1\\na: ' + '[' * 100_000",
}


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_depth(loader: str) -> None:
    program = f"""
import yaml
from graphspec import source
from graphspec.diagnostics import Report
source.reader._LOADER = getattr(yaml, {loader!r}, yaml.SafeLoader)
for text in {", ".join(DEEP.values())}:
    report = Report()
    source.parse(text, "x.yaml", report)
    print(*(fault.code for fault in report.diagnostics), flush=True)
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.splitlines()) == (0, ["too-deep"] * len(DEEP)), run.stderr


# -- size -------------------------------------------------------------------------------------------------------------


def test_the_largest_text_is_read() -> None:
    text = "a: " + "b" * (MAX_BYTES - 3)
    (_, value) = scalars(sound(text).root)
    assert len(value.text) == MAX_BYTES - 3


@pytest.mark.parametrize("text", ["a: " + "b" * (MAX_BYTES - 2), "a: " + "é" * (MAX_BYTES // 2 - 1)])
def test_a_larger_text_is_refused(text: str, tmp_path: Path) -> None:
    assert codes(text) == ["too-large"]
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    report = Report()
    assert read(path, report) is None
    assert [fault.code for fault in report.diagnostics] == ["too-large"]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file here")
def test_an_endless_file_is_refused() -> None:
    report = Report()
    assert read("/dev/zero", report) is None
    assert [fault.code for fault in report.diagnostics] == ["too-large"]


LONG = {  # about 1 MiB each
    "one word": ("a" * (MAX_BYTES - 1), ["document-not-a-map"]),
    "one comment": ("#" * (MAX_BYTES - 1), ["empty-document"]),
    "empty lines": ("\n" * (MAX_BYTES - 1), ["empty-document"]),
    "a long key": ("a" * 1_000_000 + ": 1", ["yaml-syntax"]),
    "an open quote": ("a: '" + "''" * 500_000, ["yaml-syntax"]),
    "second colons": ("a: b\n c" + ":" * 1_000_000, ["yaml-syntax"]),
    "spaced colons": ("a: b\n c: " + ": " * 500_000, ["yaml-syntax"]),
    "spaces after a quote": ("a: 'b'" + " " * 1_000_000 + "c", ["yaml-syntax"]),
    "a long tag": ("a: !" + "x" * 1_000_000, ["yaml-tag"]),
    "tag directives": ("".join(f"%TAG !a{i:x}! x\n" for i in range(60_000)) + "---\na: 1", ["yaml-tag"]),
    "tag directives below": ("a: 1\n...\n" + "".join(f"%TAG !a{i:x}! x\n" for i in range(60_000)), ["yaml-tag"]),
    "documents": ("--- a\n" * 100_000, ["document-not-a-map", "yaml-documents"]),
    "open parentheses": ("a: {" + "(," * 20_000 + "}", []),
    "short lines": ("a:\n" * 300_000, ["too-many-values"]),
    "NULs": ("\0" * 1_000_000, ["unwanted-character"]),
    "marks of byte order": ("\ufeff" * 300_000, ["unwanted-character"]),
}


@pytest.mark.parametrize(("text", "expected"), LONG.values(), ids=LONG.keys())
def test_long_texts_take_seconds_at_most(text: str, expected: list[str]) -> None:
    start = time.perf_counter()
    assert codes(text) == expected
    assert time.perf_counter() - start < 10  # about a second where this was written; the quadratic forms take minutes


def test_aliases_that_would_grow_to_billions_are_not_followed() -> None:
    names = "abcdefghij"
    lines = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise(names)]
    assert {*codes("\n".join(["a: &a [x]", *lines]))} == {"yaml-anchor", "yaml-alias"}


@pytest.mark.parametrize("line", ["a{}: &a{} 1\n", "a{}: *x\n", "a{}: !t 1\n", "a{}: {{b: 1, b: 1}} # {}\n"])
def test_reading_stops_when_faults_are_too_many(line: str) -> None:
    found = codes("".join(line.format(i, i) for i in range(10_000)))
    assert len(found) == MAX_FAULTS + 1
    assert found.count("too-many-faults") == 1


@given(st.text(st.sampled_from("ab:, \n\t-?[]{}()&*!|>'\"%@#<\\é日\r\0\ufeff1") | st.characters(), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    report = Report()
    found = parse(text, "x.yaml", report)
    assert found or report.failed
    format_text(report.diagnostics)
    format_json(report.diagnostics)
    for fault in report.diagnostics:
        span = fault.span
        assert span and 1 <= span.line <= text.count("\n") + 2 and span.column >= 1
        assert (span.line, span.column) < (span.end_line, span.end_column)
    for scalar in scalars(found.root) if found else []:
        line = scalar.span.file.line(scalar.span.line)
        assert scalar.span.column <= len(line) + 1
        if scalar.style == "plain" and not scalar.absent and scalar.span.line == scalar.span.end_line:
            assert cut(scalar.span).endswith(scalar.text)  # an anchor or a tag belongs to the value


# -- speed ------------------------------------------------------------------------------------------------------------


def test_a_spec_of_five_thousand_lines_is_read_at_once() -> None:
    block = """\
  b{0}:
    in: {{x: B S d_model}}                    # the stream
    nodes:
      attention: {{block: std.attention, in: x, heads: heads, mask: causal}}
      mid: x + dropout(attention, drop)
"""
    text = "blocks:\n" + "".join(block.format(number) for number in range(1000))
    times: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        sound(text)
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 1  # 0.06 s where this was written, 0.6 s without libyaml
