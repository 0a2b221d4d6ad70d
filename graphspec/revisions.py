"""Files as they were at a revision of a git repository: `HEAD~3:specs/llm/llama.yaml`.

git is asked for objects only, by their hash: nothing that a repository configures (filters, hooks, pagers) is run, and
no name given by a user is taken for an option.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from graphspec.diagnostics import Report, display_name, suggestion

SECONDS = 30
_HASH = re.compile(r"[0-9a-f]{40,64}")
_QUIET: Mapping[str, str] = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat"}


@dataclass(frozen=True, slots=True)
class Revision:
    """The files of one commit; paths are those that they would have in the working tree below `top`."""

    top: Path
    commit: str
    written: str
    """The revision as the user names it."""

    def read(self, path: str | os.PathLike[str], most: int) -> bytes:
        """The first `most` bytes of a file; of one that is longer, only its length is true. Raises `OSError`."""
        name = f"{self.commit}:{self._inside(path)}"
        size = _git(self.top, "cat-file", "-s", name)
        if size and not size.returncode and int(size.stdout) > most:
            return b" " * most
        done = _git(self.top, "cat-file", "blob", name)
        if done is None or done.returncode:
            raise FileNotFoundError(2, f"no such file at the revision {self.written}")
        return done.stdout

    def has(self, path: Path) -> bool:
        done = _git(self.top, "cat-file", "-t", f"{self.commit}:{self._inside(path)}")
        return done is not None and done.stdout.strip() == b"blob"

    def near(self, folder: Path) -> list[str]:
        inside = self._inside(folder)
        tree = f"{self.commit}:{'' if inside == '.' else inside}"
        done = _git(self.top, "ls-tree", "-z", "--name-only", tree)
        names = done.stdout.decode(errors="replace").split("\0") if done and not done.returncode else []
        return [name for name in names if name.endswith(".yaml")]

    def name(self, path: str | os.PathLike[str]) -> str:
        return f"{self.written}:{self._inside(path)}"

    def _inside(self, path: str | os.PathLike[str]) -> str:
        return Path(os.path.relpath(path, self.top)).as_posix()


def revision(written: str, folder: Path, report: Report) -> Revision | None:
    """A revision of the repository around a folder. Errors: `no-git`, `no-repository`, `unknown-revision`."""
    top = _top(folder, report)
    if top is None:
        return None
    found = None if written.startswith("-") else _git(top, "rev-parse", "--verify", "--quiet", f"{written}^{{commit}}")
    commit = found.stdout.decode(errors="replace").strip() if found and not found.returncode else ""
    if not _HASH.fullmatch(commit):
        help = suggestion(written, _names(top), "branches and tags") if written else "write `HEAD~1:spec.yaml`"
        report.error("unknown-revision", f"there is no revision `{written}` in `{display_name(top)}`", None, help=help)
        return None
    return Revision(top, commit, written)


def located(files: Revision, path: Path, report: Report) -> Path | None:
    """The path of a spec at a revision; error: `not-in-revision`."""
    whole = Path(os.path.abspath(path))
    if whole.is_relative_to(files.top) and files.has(whole):
        return whole
    report.error("not-in-revision", f"there is no file `{files.name(whole)}`", None, help=_other(files, whole))
    return None


def _other(files: Revision, path: Path) -> str:
    """What may have been meant by a path at which there is nothing."""
    if not path.is_relative_to(files.top):
        return "name a file of the repository"
    inside = path.relative_to(files.top)
    if files.has(Path.cwd() / inside):
        return f"paths begin at the top of the repository: write `{files.written}:./{inside.as_posix()}`"
    near = [files.name(path.parent / name) for name in files.near(path.parent)]
    return suggestion(files.name(path), near, "specs there") if near else "name it as it was called at that revision"


def _top(folder: Path, report: Report) -> Path | None:
    """The working tree around a folder."""
    at = next((each for each in (folder, *folder.parents) if each.is_dir()), Path())
    done = _git(at, "rev-parse", "--show-toplevel")
    if done is None:
        help = "install git, or name two files"
        report.error("no-git", "git does not answer, so that there are no revisions to look at", None, help=help)
    elif done.returncode or not done.stdout.strip():
        help = "run it within the repository, or name two files"
        report.error("no-repository", f"`{display_name(at)}` is in no working tree of git", None, help=help)
    else:
        return Path(os.fsdecode(done.stdout.rstrip(b"\n")))
    return None


def _names(top: Path) -> list[str]:
    done = _git(top, "for-each-ref", "--format=%(refname:short)", "--count=500")
    return done.stdout.decode(errors="replace").split() if done and not done.returncode else []


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    """git's answer; None if there is none."""
    command = ["git", "--no-pager", "-C", os.fspath(folder), *arguments]
    environment = {**os.environ, **_QUIET}
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=environment,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
