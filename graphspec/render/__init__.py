"""Diagrams, and the graph as text: what a person looks at."""

from __future__ import annotations

from pathlib import Path

from graphspec.diagnostics import Report, display_name, suggestion
from graphspec.graph import Graph
from graphspec.render.dot import dot_text
from graphspec.render.layout import NoLayout, drawn, finished_svg
from graphspec.render.place import picture_of
from graphspec.render.scene import scene_of
from graphspec.render.theme import PALETTES, RenderOptions

FORMATS = ("svg", "png", "pdf", "dot")

__all__ = ["FORMATS", "RenderOptions", "to_dot", "to_svg", "write"]


def to_dot(graph: Graph, options: RenderOptions | None = None) -> str:
    """The diagram as DOT with every position in it; the same text each time."""
    options = options or RenderOptions()
    picture = picture_of(scene_of(graph, options), graph.title if options.title else "")
    return dot_text(picture, PALETTES[options.theme])


def to_svg(graph: Graph, options: RenderOptions | None = None) -> str:
    """The diagram as SVG. Raises `NoLayout` where nothing can draw."""
    return finished_svg(drawn(to_dot(graph, options), "svg"), graph.title or graph.name)


def write(graph: Graph, path: Path, report: Report, options: RenderOptions | None = None) -> None:
    """Draw to a file, its suffix says how. Where nothing can draw, the DOT is written beside it all the same.

    Errors: `unknown-format`, `cannot-write`, `no-layout`.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        help = suggestion(form, FORMATS, "formats")
        report.error("unknown-format", f"`{display_name(path)}` is no format that can be drawn", None, help=help)
        return
    try:
        path.write_bytes(_drawing(graph, form, options))
    except NoLayout as error:
        beside = path.with_suffix(".dot")
        beside.write_text(to_dot(graph, options), encoding="utf-8")
        message = f"{error.message}; the DOT is in `{display_name(beside)}`"
        report.error("no-layout", message, None, help=error.help)
    except OSError as error:
        help = "choose a folder that exists and may be written to"
        report.error("cannot-write", f"cannot write `{display_name(path)}`: {error.strerror}", None, help=help)


def _drawing(graph: Graph, form: str, options: RenderOptions | None) -> bytes:
    if form == "dot":
        return to_dot(graph, options).encode()
    if form == "svg":
        return to_svg(graph, options).encode()
    return drawn(to_dot(graph, options), form)
