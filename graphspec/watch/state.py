"""The latest drawing, and the last good one, for any number of readers that wait for the next."""

from __future__ import annotations

import threading

from graphspec.watch.drawing import Drawing


class State:
    """Drawings come in by `publish`, and go out by `after`, each with its number."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number, self._latest, self._good = 0, Drawing(), Drawing()
        self.closed = False

    def publish(self, made: Drawing) -> None:
        with self._changed:
            self._number, self._latest = self._number + 1, made
            if made.facts:
                self._good = made
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def after(self, number: int, seconds: float) -> tuple[int, Drawing, Drawing]:
        """Wait for another drawing than that of a number, but no longer: its number, it, and the last good one."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._number != number, seconds)
            return self._number, self._latest, self._good
