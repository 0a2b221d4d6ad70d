"""Where the texts of specs come from: the disk, or wherever else files are kept under paths."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from graphspec.diagnostics import display_name


class Files(Protocol):
    """Files under paths."""

    def read(self, path: str | os.PathLike[str], most: int) -> bytes:
        """The first `most` bytes of a file. Raises `OSError` or `ValueError`."""
        ...

    def has(self, path: Path) -> bool: ...

    def near(self, folder: Path) -> list[str]:
        """The specs in a folder, by their names: what somebody may have meant who named another."""
        ...

    def name(self, path: str | os.PathLike[str]) -> str:
        """What the user calls a file."""
        ...


class Disk:
    """The files of this machine."""

    def read(self, path: str | os.PathLike[str], most: int) -> bytes:
        with open(path, "rb") as stream:
            return stream.read(most)

    def has(self, path: Path) -> bool:
        return path.is_file()

    def near(self, folder: Path) -> list[str]:
        return [str(other.relative_to(folder)) for other in folder.glob("*.yaml")] if folder.is_dir() else []

    def name(self, path: str | os.PathLike[str]) -> str:
        return display_name(path)


DISK: Files = Disk()


@dataclass(frozen=True, slots=True)
class Root:
    """The folder beside or below which all files of a spec lie, and where they are kept."""

    folder: Path
    files: Files = DISK
