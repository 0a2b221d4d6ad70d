"""The listing of a graph as a table in the terminal, or as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphspec.analysis.cost import Costs, amount, human
from graphspec.graph import Graph
from graphspec.render.listing import Row, concrete, rows


def print_table(graph: Graph, sizes: Mapping[str, int]) -> None:
    """Print every node with its type, parameters and FLOPs; `sizes` make run-time axes concrete.

    What a body holds is told where it first stands; other uses of it are one row each, `as above`.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    costs = Costs(graph)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("node", no_wrap=True)
    table.add_column("does", overflow="ellipsis", no_wrap=True, max_width=48)
    table.add_column("type", no_wrap=True)
    for title in ("parameters", "FLOPs"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows(graph):
        count = f"{row.parameters:,}" if row.parameters else ""
        kind = concrete(row.type, graph, sizes) if sizes else str(row.type)
        cells = ("  " * row.depth + row.name, row.said, kind, count, _flops(row, costs, sizes))
        table.add_row(*map(Text, cells))
    console = Console()
    if not console.is_terminal:
        console.width = 160  # a file has no width of its own
    console.print(table)


def as_dicts(graph: Graph, sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    """The listing as plain data."""
    costs = Costs(graph)
    return [
        {
            "depth": row.depth,
            "node": row.name,
            "does": row.does,
            "as_above": row.as_above,
            "type": str(row.type),
            "shape": concrete(row.type, graph, sizes),
            "parameters": row.parameters,
            "flops": costs.at(row.flops, sizes) if sizes else str(costs.known(row.flops)),
        }
        for row in rows(graph)
    ]


def _flops(row: Row, costs: Costs, sizes: Mapping[str, int]) -> str:
    value = costs.at(row.flops, sizes)
    if value is None:
        return amount(costs.named(row.flops), terms=1)
    return human(value) if value else ""
