"""What a notebook shows of a spec: its diagram, or text where nothing can draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from graphspec.analysis.cost import human
from graphspec.graph import Graph
from graphspec.render import to_svg
from graphspec.render.layout import NoLayout
from graphspec.render.listing import rows
from graphspec.render.names import plain


@dataclass(frozen=True)
class Shown:
    """One of the two: a diagram, or HTML where nothing can draw."""

    svg: str | None
    html: str | None


def shown(graph: Graph) -> Shown:
    try:
        return Shown(to_svg(graph), None)
    except NoLayout as error:
        return Shown(None, _html(graph, f"No diagram: {error.message}. To have one, {error.help}."))


def _html(graph: Graph, why: str) -> str:
    """The nodes as text, and how to get a diagram instead."""
    title = escape(plain(graph.title or graph.name))
    return f"<p><b>{title}</b></p>\n<pre>{escape(as_text(graph))}</pre>\n<p>{escape(why)}</p>"


def as_text(graph: Graph) -> str:
    """The nodes in columns: name, what it does, what it gives, how many numbers it learns."""
    cells = [
        ("  " * row.depth + row.name, row.said, str(row.type), human(row.parameters) if row.parameters else "")
        for row in rows(graph)
    ]
    wide = [max((len(row[at]) for row in cells), default=0) for at in range(3)]
    return "\n".join(_lines(cells, wide))


def _lines(cells: list[tuple[str, str, str, str]], wide: list[int]) -> Iterator[str]:
    for *columns, last in cells:
        padded = [f"{cell:<{room}}" for cell, room in zip(columns, wide, strict=True)]
        yield "  ".join([*padded, last]).rstrip()
