"""A safetensors file, written tensor by tensor; it appears whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from graphspec.diagnostics import Diagnostic, Report, SpecError, display_name

if TYPE_CHECKING:
    from torch import Tensor

ALIGNMENT = 8


@dataclass(frozen=True, slots=True)
class Planned:
    """A tensor that is to be written: its name, its type as safetensors calls it, its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """Bytes of one number."""
        digits = "".join(it for it in self.dtype.partition("_")[0] if it.isdigit())
        return int(digits) // 8 if digits else 1

    @property
    def bytes(self) -> int:
        return prod(self.shape) * self.width


def claim(file: Path, overwrite: bool, report: Report) -> None:
    """Report a file that must not be overwritten, or cannot be written."""
    name = display_name(file)
    if file.exists() and not (overwrite and file.is_file()):
        report.error("file-exists", f"`{name}` exists already", None, help="name another file, or add `--overwrite`")
    elif not file.parent.is_dir():
        help = "choose a folder that exists and may be written to"
        report.error("cannot-write", f"there is no folder `{display_name(file.parent)}`", None, help=help)


def make_folder(folder: Path) -> None:
    """Make a folder, and those around it. Raises `SpecError`: `cannot-write`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot make the folder `{display_name(folder)}`: {error.strerror}"
        raise SpecError([Diagnostic("cannot-write", message, help="choose a folder that may be written to")]) from error


def write(file: Path, planned: Sequence[Planned], tensors: Iterable[Tensor]) -> None:
    """Write tensors in the order planned, wide types first. Raises `SpecError`: `cannot-write`."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            stream.write(_header(planned))
            for plan, tensor in zip(planned, tensors, strict=True):
                assert tuple(tensor.shape) == plan.shape, plan
                stream.write(_bytes(tensor))
        os.replace(part, file)
    except OSError as error:
        help = "choose a folder that may be written to, with enough room"
        message = f"cannot write `{display_name(file)}`: {error.strerror}"
        raise SpecError([Diagnostic("cannot-write", message, help=help)]) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _header(planned: Sequence[Planned]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    place = 0
    for plan in planned:
        entries[plan.name] = {
            "dtype": plan.dtype,
            "shape": list(plan.shape),
            "data_offsets": [place, place + plan.bytes],
        }
        place += plan.bytes
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def _bytes(tensor: Tensor) -> bytes | memoryview:
    import torch

    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
