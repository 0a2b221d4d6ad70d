"""Specs are loaded in many threads at once as in one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import graphspec
from graphspec import libraries

ROOT = Path(__file__).parents[2]
SPECS = [path for path in sorted((ROOT / "specs").rglob("*.yaml")) if "recipes" not in path.parts]


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns a hundred times as often as they do otherwise."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 100)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless")
def test_threads_that_load_at_once_find_what_one_thread_finds() -> None:
    alone = [graphspec.load(path) for path in SPECS]
    together = threading.Barrier(len(SPECS))

    def load(path: Path) -> graphspec.Spec:
        together.wait()
        return graphspec.load(path)

    for _ in range(2):
        libraries._standard_library.cache_clear()  # as in a process in which nothing was loaded yet
        with ThreadPoolExecutor(len(SPECS)) as pool:
            found = list(pool.map(load, SPECS))
        assert [spec.graph for spec in found] == [spec.graph for spec in alone]
        assert [spec.warnings for spec in found] == [spec.warnings for spec in alone]


@pytest.mark.usefixtures("restless")
def test_the_standard_library_is_read_once_however_many_ask_for_it() -> None:
    libraries._standard_library.cache_clear()
    together = threading.Barrier(8)

    def ask(_: int) -> object:
        together.wait()
        return libraries.standard_library()

    with ThreadPoolExecutor(8) as pool:
        assert len({id(library) for library in pool.map(ask, range(8))}) == 1


def test_a_standard_library_that_was_read_again_is_still_the_standard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "specs/encoders/bert.yaml"  # its `std.encoder_layer` has a node with the name of a block of `std`
    before = graphspec.load(path)
    monkeypatch.setattr(libraries, "standard_library", libraries._standard_library.__wrapped__)
    assert graphspec.load(path).graph == before.graph
