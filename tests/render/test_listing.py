"""The listing of a graph: a row for each node, in the order in which one reads."""

from __future__ import annotations

import graphspec
from graphspec.render.listing import rows
from graphspec.render.notebook import as_text
from tests.elaborate.nested import nested


def test_a_body_is_opened_where_it_first_stands() -> None:
    graph = graphspec.loads(nested(3)).graph
    assert [(row.depth, row.name, row.said) for row in rows(graph)] == [
        (0, "top", "level_0"),
        (1, "one", "level_1"),
        (2, "one", "level_2"),
        (3, "y", "linear"),
        (2, "two", "level_2, as above"),
        (1, "two", "level_1, as above"),
    ]
    assert "level_1, as above" in as_text(graph)


def test_a_row_counts_all_that_it_stands_for() -> None:
    graph = graphspec.loads(nested(3)).graph
    assert [row.parameters for row in rows(graph)] == [288, 144, 72, 72, 72, 144]
