"""A contestant's process, seen from the one that measures."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compiler.bench.contestants import Name
from compiler.bench.job import Job, Plan
from compiler.bench.machine import environment
from compiler.bench.worker import BOUND

SHOWN = 12
"""Lines of a failed process's output that are shown."""


class Failed(Exception):
    """A contestant that could not go on: why. `left_out`: it never meant to take part in such a job."""

    def __init__(self, why: str, left_out: bool = False) -> None:
        super().__init__(why)
        self.left_out = left_out


class Process:
    """Runs one contestant; a command is answered before the next one is given. A context manager."""

    def __init__(self, name: Name | None, job: Job, plan: Plan, variables: Mapping[str, str]) -> None:
        self.name = str(name) if name else BOUND
        self.folder = tempfile.TemporaryDirectory(prefix="graphspec-bench-")
        self.errors = (Path(self.folder.name) / "errors").open("w+", encoding="utf-8", errors="replace")
        cache = Path(self.folder.name) / "cache"
        cache.mkdir()
        given = {**variables, **environment(plan, cache)}
        self.running = subprocess.Popen(
            [sys.executable, "-m", "compiler.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=given,
        )
        self._say({"name": asdict(name) if name else BOUND, "job": job.as_dict(), "plan": asdict(plan)})

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.running.kill()
        self.running.wait()
        for stream in (self.running.stdin, self.running.stdout, self.errors):
            with contextlib.suppress(BrokenPipeError):  # what was half written when it was killed
                stream.close() if stream else None
        self.folder.cleanup()

    def ready(self) -> None:
        """Wait until the model stands. Raises `Failed`."""
        self._answer()

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Give a command and wait for its answer. Raises `Failed`."""
        self._say({"do": what, **arguments})
        return self._answer()

    def _say(self, command: Mapping[str, Any]) -> None:
        assert self.running.stdin, "it was opened as a pipe"
        try:
            self.running.stdin.write(f"{json.dumps(command)}\n")
            self.running.stdin.flush()
        except BrokenPipeError:
            raise Failed(self._last_words()) from None

    def _answer(self) -> dict[str, Any]:
        assert self.running.stdout, "it was opened as a pipe"
        line = self.running.stdout.readline()
        if not line:
            raise Failed(self._last_words())
        found = json.loads(line)
        if "unsuited" in found:
            raise Failed(found["unsuited"], left_out=True)
        if "failed" in found:
            raise Failed(found["failed"])
        return found

    def _last_words(self) -> str:
        code = self.running.wait()
        self.errors.flush()
        self.errors.seek(0)
        lines = [it for it in self.errors.read().rstrip().splitlines() if not it.startswith("Traceback")][-SHOWN:]
        return "\n".join([f"its process ended with code {code}", *lines])
