"""A mapping as people read it: the tensors of the model, of the file, and what stands between them."""

from __future__ import annotations

from collections.abc import Iterator

from graphspec.checkpoints import FileTensor, Layout, Use, listed

Row = tuple[str, str, str, str]


def mapping(layout: Layout) -> list[Row]:
    """Rows of name, shape, the file's name, and how the one lies in the other; equal turns as one row."""
    groups: dict[tuple[str, str, str], list[Use]] = {}
    for tensor in layout.tensors:
        for use in tensor.uses:
            key = (_generic(use.path), " × ".join(map(str, use.shape)), _how(use, tensor))
            groups.setdefault(key, []).append(use)
    return [row for (_, shape, how), uses in groups.items() for row in _rows(shape, how, uses)]


def _rows(shape: str, how: str, uses: list[Use]) -> Iterator[Row]:
    paths = listed(use.path for use in uses)
    names = listed(name for use in uses for name in use.names[0])
    if len(paths) == len(names) == 1:
        yield paths[0], shape, names[0], how
        return
    for use in uses:
        yield use.path, shape, listed(use.names[0])[0], how


def _generic(path: str) -> str:
    return ".".join("#" if step.isdigit() else step for step in path.split("."))


def _how(use: Use, tensor: FileTensor) -> str:
    """What is done to the file's tensor."""
    cuts = [f"{cut.start}:{cut.start + cut.length} of {tensor.view[cut.axis]}" for cut in use.piece.cuts]
    value = [f"x → {use.line.value}"] if use.line.value else []
    return ", ".join(([use.line.pattern.text] if use.line.pattern else []) + cuts + value)


def mapping_text(layout: Layout) -> str:
    """The mapping as a table."""
    rows = [("parameter", "shape", "in the file", "how"), *mapping(layout)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    )
