"""What every test shares: golden files, fixed seeds, and a share of the twelve minutes for each area."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import settings

from tests import chromium

pytest_plugins = ["pytester"]

GOLDEN = Path(__file__).parent / "golden"

# Seconds each area may take in `make test` on two cores; an area is a folder of tests/, or a file test_AREA.py in it.
# Together they leave some of the twelve minutes to the linters.
BUDGET = {
    # the language
    "diagnostics": 4,
    "source": 17,
    "expressions": 3,
    "axes": 5,
    "flow": 68,
    "operators": 5,
    "leaks": 14,
    "elaborate": 13,
    "analysis": 12,
    "render": 28,
    "page": 48,
    "difference": 18,
    "watch": 18,
    # the backend
    "target": 4,
    "passes": 8,
    "lower": 13,
    "emit": 20,
    "build": 50,
    "runtime": 8,
    "checkpoint": 14,
    "train": 36,
    "verify": 38,
    "bench": 10,
    "demo": 12,
    "cli": 78,
    # the whole
    "vocabulary": 9,
    "docs": 10,
    "parity": 32,
    "properties": 24,
    "soundness": 62,
    "speed": 20,
    "house": 13,
    "elsewhere": 6,  # areas that have no line of their own, together
}

# The same examples in every run, so that a red run can be repeated; `--hypothesis-profile=explore` looks further.
settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files instead of comparing")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--rewrite-golden") and os.environ.get("CI"):
        raise pytest.UsageError("golden files are rewritten by hand and reviewed, never in CI")
    if is_the_whole_suite(config):
        config.pluginmanager.register(TimeBudget(BUDGET))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)`: the text must equal the file tests/golden/NAME."""
    rewrite = request.config.getoption("--rewrite-golden")

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if rewrite:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        expected = path.read_bytes().decode() if path.exists() else ""
        if text != expected or not path.exists():
            pytest.fail(
                f"{golden_difference(name, expected, text)}\n{how_to_rewrite(request.node.nodeid)}", pytrace=False
            )

    return compare


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    """One headless Chromium for all tests that look at pages."""
    if chromium.program() is None:
        pytest.skip("there is no Chromium; on Debian: apt-get install chromium")
    with chromium.running(tmp_path_factory.mktemp("chromium")) as started:
        yield started


def golden_difference(name: str, expected: str, actual: str) -> str:
    lines = difflib.unified_diff(
        expected.splitlines(), actual.splitlines(), f"tests/golden/{name}", "this run", lineterm=""
    )
    return "\n".join(lines) or f"tests/golden/{name}: missing, or differing only in how lines end"


def how_to_rewrite(nodeid: str) -> str:
    return f"if the new text is right, write it with: pytest --rewrite-golden '{nodeid}'"


def is_the_whole_suite(config: pytest.Config) -> bool:
    """Whether this is what `make test` runs: a part of it, or more than it, has no budget."""
    everything = config.args_source is not pytest.Config.ArgsSource.ARGS
    return everything and config.option.markexpr == "not slow" and not config.option.keyword


class TimeBudget:
    """Fails the session when an area of the tests takes longer than its share."""

    def __init__(self, budget: dict[str, int]) -> None:
        self.budget = budget
        self.spent: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        area = area_of(report.nodeid)
        self.spent[area if area in self.budget else "elsewhere"] += report.duration

    def overruns(self) -> list[str]:
        return [area for area, seconds in self.spent.items() if seconds > self.budget[area]]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.overruns() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.overruns():
            return
        terminalreporter.section("time budget overrun", red=True)
        for area in self.overruns():
            terminalreporter.line(f"tests/{area}: {self.spent[area]:.1f} s, its share is {self.budget[area]} s")
        terminalreporter.line("make them cheaper, mark what must be long as slow, or move seconds in tests/conftest.py")


def area_of(nodeid: str) -> str:
    """The folder of tests/ a test lies in, or the AREA of its tests/test_AREA.py."""
    _, area, *rest = PurePosixPath(nodeid.partition("::")[0]).parts
    return area if rest else area.removeprefix("test_").removesuffix(".py")
