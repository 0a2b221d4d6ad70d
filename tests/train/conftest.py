"""Runs of these tests draw no diagram: drawing has tests of its own, and takes longer than such a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphspec import Spec


@pytest.fixture(scope="session", autouse=True)
def no_diagrams() -> Iterator[None]:
    def render(spec: Spec, path: str | os.PathLike[str]) -> None:
        Path(path).write_text(f"<svg><title>{spec.name}</title></svg>", encoding="utf-8")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spec, "render", render)
        yield
