"""What tests/conftest.py promises: golden files, budgets and repeatable examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.conftest import BUDGET, area_of

CONFTEST = (Path(__file__).parent / "conftest.py").read_text(encoding="utf-8")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.Pytester]:
    """A small suite of its own under the real conftest.py."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini("[pytest]\ntestpaths = tests\nmarkers = slow: takes long")
    write(pytester, "tests/conftest.py", CONFTEST)
    profile = hypothesis.settings.get_current_profile_name()
    yield pytester
    hypothesis.settings.load_profile(profile)


def write(suite: pytest.Pytester, name: str, text: str) -> None:
    path = suite.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# --- golden files


@pytest.fixture
def golden_suite(suite: pytest.Pytester) -> pytest.Pytester:
    write(suite, "tests/test_a.py", "def test_a(golden):\n    golden('reports/a.txt', 'one\\nzwö\\n')")
    return suite


def test_a_golden_file_is_compared(golden_suite: pytest.Pytester) -> None:
    write(golden_suite, "tests/golden/reports/a.txt", "one\nzwö\n")
    golden_suite.runpytest().assert_outcomes(passed=1)


def test_a_difference_is_shown_with_the_way_to_accept_it(golden_suite: pytest.Pytester) -> None:
    write(golden_suite, "tests/golden/reports/a.txt", "one\ntwo\n")
    result = golden_suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "--- tests/golden/reports/a.txt",
            "+++ this run",
            "-two",
            "+zwö",
            "*--rewrite-golden 'tests/test_a.py::test_a'",
        ]
    )


@pytest.mark.parametrize("existing", [None, "one\nzwö"])
def test_a_missing_golden_file_or_line_end_fails(golden_suite: pytest.Pytester, existing: str | None) -> None:
    if existing is not None:
        write(golden_suite, "tests/golden/reports/a.txt", existing)
    golden_suite.runpytest().assert_outcomes(failed=1)


def test_golden_files_are_rewritten_on_demand(golden_suite: pytest.Pytester) -> None:
    golden_suite.runpytest("--rewrite-golden").assert_outcomes(passed=1)
    assert (golden_suite.path / "tests/golden/reports/a.txt").read_bytes().decode() == "one\nzwö\n"


def test_golden_files_are_not_rewritten_in_ci(golden_suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = golden_suite.runpytest("--rewrite-golden")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (golden_suite.path / "tests/golden").exists()


# --- the time budget


@pytest.fixture
def slow_suite(suite: pytest.Pytester) -> pytest.Pytester:
    """A suite in which the area `flow` takes longer than its share."""
    write(suite, "tests/conftest.py", CONFTEST + "\nBUDGET['flow'] = 0.01")
    write(suite, "tests/flow/test_a.py", "import time\ndef test_a():\n    time.sleep(0.02)")
    return suite


def test_an_overrun_fails_the_whole_suite(slow_suite: pytest.Pytester) -> None:
    result = slow_suite.runpytest("-m", "not slow")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["tests/flow: 0.0* s, its share is 0.01 s"])


@pytest.mark.parametrize("part", [[], ["-m", "not slow", "-k", "a"], ["-m", "not slow", "tests/flow"]])
def test_part_of_the_suite_has_no_budget(slow_suite: pytest.Pytester, part: list[str]) -> None:
    assert slow_suite.runpytest(*part).ret == pytest.ExitCode.OK


def test_areas_without_a_line_share_one(suite: pytest.Pytester) -> None:
    write(suite, "tests/conftest.py", CONFTEST + "\nBUDGET['elsewhere'] = 0.01")
    write(suite, "tests/test_nowhere.py", "import time\ndef test_a():\n    time.sleep(0.02)")
    assert suite.runpytest("-m", "not slow").ret == pytest.ExitCode.TESTS_FAILED


def test_the_shares_fit_in_twelve_minutes() -> None:
    assert sum(BUDGET.values()) <= 12 * 60


@pytest.mark.parametrize(
    ("nodeid", "area"),
    [
        ("tests/flow/test_join.py::test_a[x/y]", "flow"),
        ("tests/flow/deep/test_join.py::test_a", "flow"),
        ("tests/test_flow.py::Tests::test_a", "flow"),
    ],
)
def test_a_test_belongs_to_an_area(nodeid: str, area: str) -> None:
    assert area_of(nodeid) == area


# --- hypothesis


def test_examples_are_the_same_in_every_run() -> None:
    profile = hypothesis.settings.get_profile("default")
    assert profile.derandomize
    assert profile.deadline is None
