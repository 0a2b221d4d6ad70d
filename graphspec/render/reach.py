"""The reach of an output as text, as plain data, and as a grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.analysis.reach import Reach, Stage, Table
from graphspec.analysis.words import halves, said, sentences
from graphspec.diagnostics import Report
from graphspec.flow import Bound, Piece, Relation
from graphspec.render.grid import Grid
from graphspec.render.grid import as_text as grid_text


def as_text(reach: Reach, table: Table | None) -> str:
    """The answer in a sentence, how it grows from node to node, and the grid at a small size."""
    return "\n".join(_lines(reach, table))


def _lines(reach: Reach, table: Table | None) -> Iterator[str]:
    yield str(reach)
    if reach.stages:
        names = [_stage_name(stage) for stage in reach.stages]
        wide = max(map(len, names))
        yield ""
        for name, stage in zip(names, reach.stages, strict=True):
            yield f"  {name:<{wide}}  {_words(stage.relation, reach, stage.index)}"
    if table:
        yield ""
        yield grid_text(grid_of(reach, table, title=_at(table)))


def _stage_name(stage: Stage) -> str:
    if not stage.after:
        return stage.node
    return f"{stage.node}, after {stage.after} turn{'' if stage.after == '1' else 's'}"


def _words(relation: Relation, reach: Reach, index: tuple[str, ...]) -> str:
    return " and ".join(sentences(relation, reach.input, reach.size, index)).replace("`", "")


def _at(table: Table) -> str:
    return f"at {', '.join(f'{name} = {length}' for name, length in table.lengths.items())}" if table.lengths else ""


def exact(reach: Reach, sizes: Mapping[str, int], report: Report) -> Table | None:
    """The table at these sizes, small ones by default. Error: `reach-argument`."""
    table = reach.table(**sizes)
    if table is None:
        message = "at these sizes the model makes no sense, or is too large to run"
        report.error("reach-argument", message, None, help="give other sizes with `--at`, or smaller ones with `--set`")
    return table


def grid_of(reach: Reach, table: Table, title: str | None = None) -> Grid:
    """The output's positions by the input's."""
    sentence = str(reach).replace("`", "")
    title = title if title is not None else f"{sentence}, {_at(table)}".removesuffix(", ")
    readers = reach.output if reach.place is None else f"{reach.output} {reach.index[reach.place]}"
    axis = reach.kind.axes[reach.axis] if reach.kind.axes else ""
    return Grid(title, table.rows, readers, f"{reach.input} {str(axis).lower()}".strip())


# -- as data ----------------------------------------------------------------------------------------------------------


def as_dict(reach: Reach, table: Table | None) -> dict[str, Any]:
    """All of it as plain data."""
    return {
        "output": reach.output,
        "input": reach.input,
        "axis": str(reach.kind.axes[reach.axis]) if reach.kind.axes else None,
        "says": str(reach),
        "uses_length": reach.counts,
        **_relation(reach.relation, reach, reach.index),
        "nodes": [
            {"node": stage.node, "after": stage.after or None, **_relation(stage.relation, reach, stage.index)}
            for stage in reach.stages
        ],
        "table": {"lengths": dict(table.lengths), "rows": list(table.rows)} if table else None,
    }


def _relation(relation: Relation, reach: Reach, index: tuple[str, ...]) -> dict[str, Any]:
    return {
        kind: {
            "says": said(part, reach.input, reach.size, index).replace("`", ""),
            "pieces": [_piece(item, index) for item in part],
        }
        for kind, part in zip(("data", "control"), halves(relation), strict=True)
    }


def _piece(item: Piece, index: tuple[str, ...]) -> dict[str, Any]:
    return {
        "rates": {index[axis]: str(rate) for axis, rate in item.rates},
        "offsets": [_bound(item.relative.low), _bound(item.relative.high)],
        "within": [_bound(item.absolute.low), _bound(item.absolute.high)],
    }


def _bound(bound: Bound) -> str | int | None:
    if bound is None:
        return None
    return str(bound) if bound.constant is None else bound.constant
