"""Which files a spec is made of, and whether one of them has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from graphspec.diagnostics import Report
from graphspec.libraries import MAX_FILES
from graphspec.source import Map, Scalar, read
from graphspec.variants import EXTENDS

Mark = tuple[int, int, int] | None
"""What tells two versions of a file apart: when it was written, its size, and which file it is; None if it is gone."""


def files_of(spec: Path) -> tuple[Path, ...]:
    """The spec, what it extends and the libraries that it uses, whether or not they are there."""
    found: dict[Path, None] = {spec: None}
    waiting = [spec]
    while waiting and len(found) < MAX_FILES:
        new = [path for path in _named(waiting.pop(), spec.parent) if path not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return tuple(found)


def _named(path: Path, root: Path) -> Iterator[Path]:
    """The files that a file names; none outside of the spec's folder, where it may not look either."""
    source = read(path, Report()) if path.is_file() else None
    used = source.root.get("use") if source else None
    values = [source.root.get(EXTENDS)] if source else []
    values += [value for _, value in used.entries] if isinstance(used, Map) else []
    for value in values:
        if isinstance(value, Scalar) and value.text and "\0" not in value.text:
            named = path.parent / value.text
            if named.resolve().is_relative_to(root.resolve()):
                yield named


@dataclass
class Files:
    """The files of one spec; of a broken one also those that it last had."""

    spec: Path
    marks: dict[Path, Mark] = field(default_factory=dict[Path, Mark])

    def changed(self) -> bool:
        """Whether any of them is another than when this was last asked; at first they all are."""
        now = _marks({self.spec, *self.marks})
        changed, self.marks = now != self.marks, now
        return changed

    def follow(self, whole: bool) -> None:
        """Look into the spec for the files to watch; if it is `whole`, no others."""
        found = set(files_of(self.spec))
        known = {path: mark for path, mark in self.marks.items() if path in found or not whole}
        self.marks = _marks(found - known.keys()) | known


def _marks(paths: Iterable[Path]) -> dict[Path, Mark]:
    return {path: _mark(path) for path in paths}


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
