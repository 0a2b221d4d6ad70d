"""Safetensors files as a mapping from names to tensors that are read one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.checkpoint.mapped import Mapped
from graphspec.diagnostics import Note, Report, display_name

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX, INDEX = ".safetensors", ".safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor in a file: its shape, and its type as safetensors calls it (`F32`)."""

    file: Path
    shape: tuple[int, ...]
    dtype: str


class Weights:
    """The tensors of one checkpoint, in one file or several. A context manager; nothing is read before it is asked."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.entries: dict[str, Entry] = {}
        self._files: dict[Path, Mapped] = {}
        self._last: Mapped | None = None

    def __enter__(self) -> Weights:
        return self

    def __exit__(self, *error: object) -> None:
        self._files.clear()

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def read(self, name: str) -> Tensor:
        """A tensor, as a view of the file: its numbers come from the disk as they are used. Not to be written to."""
        if self._last:
            self._last.release()
        self._last = self._files[self.entries[name].file]
        return self._last.read(name)

    def add(self, file: Path, report: Report) -> None:
        """Take up the tensors of a file. Reports one that is damaged, and names that stand in two files."""
        from safetensors import SafetensorError

        try:
            opened = Mapped(file)
        except (SafetensorError, OSError, ValueError) as error:
            message = f"`{display_name(file)}` is no whole safetensors file: {error}"
            report.error("checkpoint-corrupt", message, None, help="get the file again; it may have been cut off")
            return
        self._files[file] = opened
        for name, part in opened.parts.items():
            if name in self.entries:
                message = f"`{name}` stands in `{self.entries[name].file.name}` and in `{file.name}`"
                report.error("checkpoint-corrupt", message, None, help="keep one of the files")
            self.entries[name] = Entry(file, part.shape, part.dtype)


def open_weights(place: Path, report: Report) -> Weights | None:
    """The checkpoint in a file or a folder. Reports what is not there, damaged, or a pickle."""
    files: list[Path] = []
    try:
        files = _files(place, report)
    except OSError as error:
        message = f"cannot read `{display_name(place)}`: {error.strerror}"
        report.error("no-weights", message, None, help="name a folder that may be read")
    if report.failed:
        return None
    weights = Weights(place)
    for file in files:
        weights.add(file, report)
    if report.failed:
        weights.__exit__()
        return None
    return weights


def _files(place: Path, report: Report) -> list[Path]:
    if place.is_dir():
        return _in_folder(place, report)
    if place.name.endswith(PICKLES):
        _refuse_pickle(place, report)
    elif not place.is_file():
        help = "name a safetensors file, or the folder that holds it"
        report.error("no-weights", f"there is no file `{display_name(place)}`", None, help=help)
    elif place.name.endswith(".json"):
        return _shards(place, report)
    return [place]


def _in_folder(folder: Path, report: Report) -> list[Path]:
    """Shards by their index; else `model.safetensors`; else the only file of that kind."""
    index, whole = folder / f"model{INDEX}", folder / f"model{SUFFIX}"
    if index.is_file():
        return _shards(index, report)
    found = [whole] if whole.is_file() else sorted(folder.glob(f"*{SUFFIX}"))
    if len(found) == 1:
        return found
    pickle = next((it for it in sorted(folder.iterdir()) if it.name.endswith(PICKLES)), None)
    if pickle and not found:
        _refuse_pickle(pickle, report)
    elif not found:
        help = "name the folder that holds `model.safetensors`"
        report.error("no-weights", f"`{display_name(folder)}` holds no safetensors", None, help=help)
    else:
        notes = [Note(f"`{it.name}`") for it in found]
        message = f"`{display_name(folder)}` holds several safetensors files and no index"
        report.error("no-weights", message, None, notes=notes, help="name one of them")
    return []


def _refuse_pickle(file: Path, report: Report) -> None:
    message = f"`{display_name(file)}` is a pickle, which runs code of whoever wrote it when it is read"
    help = "convert it where you trust it: `safetensors.torch.save_file(torch.load(file, weights_only=True), …)`"
    report.error("pickle-checkpoint", message, None, help=help)


def _shards(index: Path, report: Report) -> list[Path]:
    """The files that an index names. Reports an index that cannot be read, and files that are not there."""
    name = display_name(index)
    try:
        table = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = sorted({str(file) for file in table.values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"`{name}` is no index of safetensors: {error}"
        report.error("checkpoint-corrupt", message, None, help='it holds `{"weight_map": {tensor: file}}`')
        return []
    outside = [each for each in names if Path(each).name != each]
    absent = [each for each in names if each not in outside and not (index.parent / each).is_file()]
    if outside or absent:
        message = f"`{name}` names files that are not beside it"
        notes = [Note(f"`{each}`") for each in (*outside, *absent)]
        report.error("checkpoint-corrupt", message, None, notes=notes, help="get the missing files")
        return []
    return [index.parent / each for each in names]
