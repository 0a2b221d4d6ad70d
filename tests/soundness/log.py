"""What was found of each seed, kept in a file, so that a long run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

from tests.soundness.judged import Found, Judged

ROOT = Path(__file__).parents[2]
SOURCES = ("graphspec/**/*.py", "graphspec/**/*.yaml", "tests/soundness/*.py", "tests/drawn.py", "tests/reference.py")
"""What a verdict and its judgement come from."""


@cache
def state() -> str:
    """A digest of the code that judges."""
    digest = hashlib.sha256()
    found = {path for pattern in SOURCES for path in ROOT.glob(pattern) if not path.name.startswith("test_")}
    for path in sorted(found):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def known(file: Path) -> dict[int, Judged]:
    """What a file holds of seeds that were judged by this very code."""
    return {one.seed: one for one in _kept(file)} if file.exists() else {}


def _kept(file: Path) -> Iterator[Judged]:
    for line in file.read_text(encoding="utf-8").splitlines():
        kept = json.loads(line)
        if kept.pop("state") == state():
            yield Judged(kept["seed"], tuple(Found(**found) for found in kept["found"]), kept["crash"])


def keep(file: Path, one: Judged) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"state": state(), **asdict(one)}) + "\n")
