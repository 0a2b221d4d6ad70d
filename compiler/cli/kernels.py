"""The table of `graphspec show --kernels`: what computes what, as the source says it too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compiler.lower.unit import Kernel
    from compiler.target import Target
    from graphspec.graph import Graph


def show_kernels(graph: Graph, target: Target, as_json: bool) -> None:
    """Print the kernels of a model compiled for a target. Raises `SpecError`: `kernel-not-exact`."""
    from compiler.emit import emit_source
    from compiler.features import resolve

    target = resolve(target)
    kernels = emit_source(graph, target).kernels
    if as_json:
        print(json.dumps({"target": str(target), "kernels": [_as_dict(kernel) for kernel in kernels]}, indent=2))
    elif kernels:
        _print_table(kernels, target)
    else:
        print(f"nothing here has a choice of kernels for `{target}`")


def _as_dict(kernel: Kernel) -> dict[str, object]:
    return {
        "places": list(kernel.places),
        "count": kernel.count,
        "does": kernel.task,
        "kernel": kernel.kernel,
        "why": kernel.why,
    }


def _print_table(kernels: Sequence[Kernel], target: Target) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=str(target), title_justify="left")
    for title in ("node", "does", "kernel", "why"):
        table.add_column(title, overflow="fold")
    for kernel in kernels:
        times = f" × {kernel.count}" if kernel.count > len(kernel.places) else ""
        node = ", ".join(kernel.places) + times
        table.add_row(*map(Text, (node, kernel.task, kernel.kernel, kernel.why)))
    console = Console()
    if not console.is_terminal:
        console.width = 160  # a file has no width of its own
    console.print(table)
