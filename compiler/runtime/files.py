"""Generated source as files and as imported modules, one for each content."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

PACKAGE = "compiler.runtime.generated"


@cache
def folder() -> Path:
    """Where generated files are kept: in the user's cache, or in a temporary folder if that cannot be written."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    wanted = Path(base) / "graphspec" / "generated"
    return wanted if _is_ours(wanted) else _temporary()


def _temporary() -> Path:
    """A temporary folder that outlives the process, so that pickles are found again; but never somebody else's."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    wanted = Path(tempfile.gettempdir()) / f"graphspec-{user}"
    return wanted if _is_ours(wanted) else Path(tempfile.mkdtemp(prefix="graphspec-"))


def _is_ours(path: Path) -> bool:
    """Whether the folder exists or can be made, belongs to this user and can be written by nobody else."""
    with contextlib.suppress(OSError):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = path.stat()
        owned = not hasattr(os, "getuid") or (state.st_uid == os.getuid() and not state.st_mode & 0o022)
        return owned and os.access(path, os.W_OK | os.X_OK)
    return False


def load(source: str, name: str) -> ModuleType:
    """The module of this source; `name` begins its file's name, the content decides the rest."""
    stem = f"{name}_{hashlib.sha256(source.encode()).hexdigest()[:16]}"
    path = folder() / f"{stem}.py"
    if not path.is_file() or path.read_text(encoding="utf-8") != source:
        _write(path, source)
        importlib.invalidate_caches()
    return importlib.import_module(f"{PACKAGE}.{stem}")


def _write(path: Path, text: str) -> None:
    """Write in one step: another process sees the whole file or none."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
