"""One watched spec: a thread that looks for changes, the latest drawings, and the server that hands them out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from graphspec.render.theme import RenderOptions
from graphspec.spec import Override
from graphspec.watch.drawing import Drawing, drawing
from graphspec.watch.files import Files
from graphspec.watch.server import PortTaken, Server, serving
from graphspec.watch.state import State

EVERY, SETTLED = 0.15, 0.03
"""Seconds between two looks at the files; and after a change until they are taken to be written to the end."""

Told = Callable[[Drawing], None]

__all__ = ["PortTaken", "Session"]


class Session:
    """Serves the page of a spec at `address` from when it is entered until it is left. Raises `PortTaken`."""

    def __init__(
        self,
        path: Path,
        overrides: Mapping[str, Override] | None = None,
        port: int = 0,
        options: RenderOptions | None = None,
        told: Told = lambda drawing: None,
    ) -> None:
        self.path, self.overrides, self.options, self.told = path, overrides or {}, options or RenderOptions(), told
        self.files, self.state, self.ended = Files(path), State(), threading.Event()
        self.server: Server = serving(port, self.state)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._serve, self._watch)]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self) -> Session:
        self._look()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.state.close()
        self.server.shutdown()
        for thread in self.threads:
            thread.join()
        self.server.server_close()

    def wait(self) -> None:
        """Until the session is left, or its thread interrupted."""
        while not self.ended.wait(3600):
            pass

    def _serve(self) -> None:
        self.server.serve_forever(poll_interval=EVERY)

    def _watch(self) -> None:
        try:
            while not self.ended.wait(EVERY):
                self._look()
        finally:  # if that is our own fault, nobody shall wait for the next drawing
            self.ended.set()

    def _look(self) -> None:
        """Draw again if a file has changed. What changes meanwhile is seen the next time."""
        if self.files.changed():
            while not self.ended.wait(SETTLED) and self.files.changed():
                pass
            made = drawing(self.path, self.overrides, self.options)
            self.files.follow(whole=bool(made.facts))
            self.state.publish(made)
            self.told(made)
