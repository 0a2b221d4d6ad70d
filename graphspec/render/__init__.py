"""Diagrams, and the graph as text: what a person looks at."""

from __future__ import annotations

from pathlib import Path

from graphspec.diagnostics import Report
from graphspec.graph import Graph
from graphspec.render.theme import RenderOptions

__all__ = ["RenderOptions", "to_dot", "to_svg", "write"]


def to_dot(graph: Graph, options: RenderOptions | None = None) -> str:
    """The diagram as DOT with every position in it; the same text each time."""
    from graphspec.render.files import drawing

    return drawing(graph, "dot", options or RenderOptions(), Report()).decode()


def to_svg(graph: Graph, options: RenderOptions | None = None) -> str:
    """The diagram as SVG. Raises `graphspec.render.layout.NoLayout` where nothing can draw."""
    from graphspec.render.files import drawing

    return drawing(graph, "svg", options or RenderOptions(), Report()).decode()


def write(graph: Graph, path: Path, report: Report, options: RenderOptions | None = None) -> None:
    """Draw to a file, its suffix says how. Where nothing can draw, the DOT is written beside it all the same.

    Errors: `unknown-format`, `wrong-word`, `cannot-write`, `no-layout`, `unknown-contract`. Warnings: `layout-failed`,
    `nothing-to-explain`.
    """
    from graphspec.render.files import save

    save(graph, path, report, options or RenderOptions())
