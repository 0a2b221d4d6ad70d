"""The page on which one explores a model: one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphspec.diagnostics import Diagnostic, File, Report
from graphspec.graph import Graph
from graphspec.render.theme import RenderOptions

if TYPE_CHECKING:
    from graphspec.page.data import Facts

__all__ = ["SUFFIX", "judged", "save"]

SUFFIX = ".html"


def save(
    graph: Graph, file: File, path: Path, report: Report, options: RenderOptions, warnings: Sequence[Diagnostic] = ()
) -> None:
    """Write the page of a spec that was read from a file.

    Errors: `cannot-write`, `wrong-word`, `unknown-contract`, `unknown-focus`, and those about its contracts and masks.
    Warning: `nothing-to-explain`.
    """
    from graphspec.page.bundle import page_of
    from graphspec.render.files import are_known, explained, reporting

    explained(graph, options, report)
    if are_known(options, report):
        facts = judged(graph, file, report, options, warnings)
        with reporting(path, report):
            path.write_bytes(page_of(facts).encode())


def judged(
    graph: Graph, file: File, report: Report, options: RenderOptions, warnings: Sequence[Diagnostic] = ()
) -> Facts:
    """The facts about a graph, its contracts judged; what is wrong with those is reported, and said on the page too."""
    from graphspec.analysis.contracts import check_contracts, verdicts
    from graphspec.analysis.masks import check_masks
    from graphspec.page.facts import facts_of

    found = Report()
    check_contracts(graph, found)
    check_masks(graph, found)
    report.add(*found.diagnostics)
    return facts_of(graph, file, verdicts(graph), (*warnings, *found.diagnostics), options)
