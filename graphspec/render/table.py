"""The listing of a graph as a table in the terminal, or as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphspec.analysis.cost import Costs, human
from graphspec.axes import Atom, Dim, dim
from graphspec.graph import Graph
from graphspec.render.listing import Row, concrete, rows


def print_table(graph: Graph, sizes: Mapping[str, int]) -> None:
    """Print every node with its type, parameters and FLOPs; `sizes` make run-time axes concrete."""
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
        cells = ("  " * row.depth + row.name, row.does, kind, count, _flops(row, costs, sizes))
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
            "type": str(row.type),
            "shape": concrete(row.type, graph, sizes),
            "parameters": row.parameters,
            "flops": costs.at(row.flops, sizes) if sizes else str(costs.known(row.flops)),
        }
        for row in rows(graph)
    ]


def _flops(row: Row, costs: Costs, sizes: Mapping[str, int]) -> str:
    value = costs.at(row.flops, sizes)
    if value is not None:
        return human(value) if value else ""
    terms = _named(row.flops, costs).terms
    if len(terms) != 1:
        return f"{len(terms)} terms" if terms else ""
    (monomial, factor) = terms[0]
    names = "·".join(_word(atom) + (f"^{power}" if power != 1 else "") for atom, power in monomial)
    return f"{human(int(factor))}·{names}"


def _named(size: Dim, costs: Costs) -> Dim:
    """A size with numbers for all that is known; axes known only at run time keep their names, derived ones as well."""
    derived = {axis.name: costs.known(axis.size) for axis in costs.graph.axes if axis.size is not None}
    fixed = {name: size for name, size in derived.items() if size.constant is not None}
    return size.substitute(fixed).substitute({name: dim(value) for name, value in costs.graph.sizes.items()})


def _word(atom: Atom) -> str:
    size = Dim.of_atom(atom)
    return str(size) if size.is_atomic else f"({size})"
