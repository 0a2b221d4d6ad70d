"""One safetensors file in memory as the disk has it: pages come when they are used, and go when they have been."""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, dtype

LENGTH = 8
"""Bytes before the header, which say how long it is."""


@dataclass(frozen=True, slots=True)
class Part:
    """Where a tensor lies in its file, in bytes, and what it is."""

    start: int
    end: int
    shape: tuple[int, ...]
    dtype: str


class Mapped:
    """The tensors of a file as views of it. Raises `SafetensorError`, `OSError` or `ValueError` if it is damaged."""

    def __init__(self, file: Path) -> None:
        from safetensors import safe_open

        with safe_open(file, framework="np"):  # checks the header, and that it fits the file
            pass
        with file.open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        self.parts = dict(self._read_header())
        unknown = sorted({part.dtype for part in self.parts.values()} - _dtypes().keys())
        if unknown:
            raise ValueError(f"numbers of type {', '.join(unknown)} cannot be read")
        self._used: tuple[int, int] | None = None

    def _read_header(self) -> list[tuple[str, Part]]:
        length = int.from_bytes(self._map[:LENGTH], "little")
        header: dict[str, dict[str, object]] = json.loads(self._map[LENGTH : LENGTH + length])
        header.pop("__metadata__", None)
        return [(name, _part(entry, LENGTH + length)) for name, entry in header.items()]

    def read(self, name: str) -> Tensor:
        import torch

        part = self.parts[name]
        kind = _dtypes()[part.dtype]
        if part.start == part.end:
            return torch.empty(part.shape, dtype=kind)
        self._used = part.start, part.end
        count = (part.end - part.start) // kind.itemsize
        return torch.frombuffer(self._map, dtype=kind, count=count, offset=part.start).reshape(part.shape)

    def release(self) -> None:
        """Give back the pages of the last tensor read; whoever still looks at them gets them again."""
        if self._used and hasattr(mmap, "MADV_DONTNEED"):
            start = self._used[0] // mmap.PAGESIZE * mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, start, self._used[1] - start)
        self._used = None


def _part(entry: dict[str, object], base: int) -> Part:
    start, end = entry["data_offsets"]  # pyright: ignore[reportGeneralTypeIssues] # safe_open has checked it
    return Part(base + start, base + end, tuple(entry["shape"]), str(entry["dtype"]))  # pyright: ignore


def _dtypes() -> dict[str, dtype]:
    """The types of safetensors that this torch has."""
    import torch

    return {name: getattr(torch, ours) for name, ours in _NAMES.items() if hasattr(torch, ours)}


_NAMES = {
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
