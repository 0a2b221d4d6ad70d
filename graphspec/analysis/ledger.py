"""What tensors are held when, in bytes: storages that several may hold, and the most that was ever held at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Storage:
    """The memory of one tensor and its views. `item`: bytes of an element; `learns`: whether a gradient flows to it."""

    bytes: int
    item: int
    learns: bool
    holders: int = 1


@dataclass
class Ledger:
    """Counts while tensors come and go."""

    live: int = 0
    peak: int = 0

    def allocate(self, bytes: int, item: int = 4, learns: bool = False) -> Storage:
        """A tensor with one holder."""
        self.live += bytes
        self.peak = max(self.peak, self.live)
        return Storage(bytes, item, learns)

    def touch(self, bytes: int) -> None:
        """Memory that is taken and given back at once."""
        self.peak = max(self.peak, self.live + bytes)

    def drop(self, storage: Storage) -> None:
        """One holder less; without any it is given back."""
        storage.holders -= 1
        if storage.holders == 0:
            self.live -= storage.bytes


def hold(storage: Storage) -> Storage:
    """One holder more."""
    storage.holders += 1
    return storage
