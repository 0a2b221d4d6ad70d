"""The Python front of the language: `load` a spec, `check` it, `render` it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from graphspec.checkpoints import CheckpointMap, check_map, read_maps
from graphspec.diagnostics import Diagnostic, File, Report, Span
from graphspec.document import Document, lay_out
from graphspec.elaborate import elaborate
from graphspec.graph import Graph, Mixture
from graphspec.libraries import own_library
from graphspec.source import DISK, Files, Source, parse, read
from graphspec.variants import extend

if TYPE_CHECKING:
    from graphspec.analysis.contracts import Verdict
    from graphspec.analysis.reach import Reach
    from graphspec.render import RenderOptions
    from graphspec.render.grid import Grid
    from graphspec.render.notebook import Shown

Override = str | int | float | bool


@dataclass(frozen=True, repr=False)
class Spec:
    """A spec that was read and checked for form: its graph, and the warnings found on the way."""

    graph: Graph
    source: Source
    overrides: Mapping[str, Override]
    warnings: tuple[Diagnostic, ...] = ()
    checkpoints: Mapping[str, CheckpointMap] = field(default_factory=dict[str, CheckpointMap])

    def __repr__(self) -> str:
        given = ", ".join(source.name for source in self.graph.body.inputs)
        return f"<Spec {self.name}: {given} -> {', '.join(name for name, _ in self.graph.body.outputs)}>"

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def text(self) -> str:
        """The spec as it was written."""
        return self.source.file.text

    def check(self) -> tuple[Verdict, ...]:
        """The verdicts on the spec's contracts. Raises `SpecError` if one makes no sense for this model."""
        from graphspec.analysis.contracts import check_contracts, verdicts

        report = Report()
        check_contracts(self.graph, report)
        report.check()
        return verdicts(self.graph)

    def reach(self, output: str | None = None, input: str | None = None, axis: str | None = None) -> Reach:
        """What an output (or a node) may read of an input along one of its axes; a single one need not be named.

        `str` of the answer says it in a sentence. Raises `SpecError`.
        """
        from graphspec.analysis.reach import reach_of

        report = Report()
        found = reach_of(self.graph, output, input, axis, report)
        report.check()
        assert found is not None
        return found

    def render(self, path: str | os.PathLike[str], **options: object) -> None:
        """Draw the diagram to a file; the suffix says how: `.svg .png .pdf .dot`, or `.html` for a page to explore.

        The options are those of `graphspec.render.RenderOptions`. Raises `SpecError`.
        """
        from graphspec.render import RenderOptions

        report = Report()
        self.write(Path(path), report, RenderOptions(**options))  # pyright: ignore[reportArgumentType]
        report.check()

    def write(self, path: Path, report: Report, options: RenderOptions) -> None:
        """`render`, with what is wrong in a report."""
        from graphspec import page, render

        if path.suffix.lower() == page.SUFFIX:
            page.save(self.graph, self.source.file, path, report, options, self.warnings)
        else:
            render.write(self.graph, path, report, options)

    def mask(self, name: str, **sizes: int) -> Grid:
        """The picture of a mask that the spec names, or of an attention's (`decoder.self_attention`), small or at the
        given run-time sizes. `str` of it is the grid in blocks; a notebook draws it. Raises `SpecError`."""
        from graphspec.render.mask_picture import mask_grid

        report = Report()
        found = mask_grid(self.graph, name, sizes, report)
        report.check()
        assert found is not None
        return found

    # -- in a notebook ------------------------------------------------------------------------------------------------

    @cached_property
    def _shown(self) -> Shown:
        from graphspec.render.notebook import shown

        return shown(self.graph)

    def _repr_svg_(self) -> str | None:
        return self._shown.svg

    def _repr_html_(self) -> str | None:
        return self._shown.html


def load(path: str | os.PathLike[str], **overrides: Override) -> Spec:
    """Read and check a spec file; `overrides` set its parameters. Raises `SpecError` with every problem found."""
    return load_with(path, overrides)


def load_with(path: str | os.PathLike[str], overrides: Mapping[str, Override]) -> Spec:
    """`load`, with the overrides as a mapping."""
    report = Report()
    spec = read_spec(path, overrides, report)
    report.check()
    assert spec is not None
    return spec


def loads(text: str, **overrides: Override) -> Spec:
    """Read and check a spec given as text. Raises `SpecError` with every problem found."""
    report = Report()
    source = parse(text, "<text>", report)
    spec = build_spec(source, None, overrides, report) if source else None
    report.check()
    assert spec is not None
    return spec


def read_spec(
    path: str | os.PathLike[str], overrides: Mapping[str, Override], report: Report, files: Files = DISK
) -> Spec | None:
    """Text → source → document → graph; None if a stage found an error."""
    source = read(path, report, files)
    return build_spec(source, Path(path).parent, overrides, report, files) if source else None


def build_spec(
    source: Source, folder: Path | None, overrides: Mapping[str, Override], report: Report, files: Files = DISK
) -> Spec | None:
    """Source → document → graph; None if a stage found an error."""
    extended = extend(source, folder, report, files)
    document: Document | None = lay_out(extended, report) if extended else None
    if extended is None or document is None:
        return None
    source = extended
    if not document.nodes and not report.failed:
        help = "a model has `inputs`, `nodes` and `outputs`"
        what = "a library of blocks, not a model" if document.blocks else "empty: it has no nodes"
        report.error("no-model", f"this file is {what}", _head(source), help=help)
        return None
    graph = elaborate(own_library(document, folder, report, files), overrides, report)
    if graph is not None and not report.failed:
        _experts(graph, report)
    maps = _checkpoints(document, graph, report)
    return Spec(graph, source, overrides, report.diagnostics, maps) if graph and not report.failed else None


def _experts(graph: Graph, report: Report) -> None:
    if any(isinstance(node.does, Mixture) for body in graph.bodies() for node in body.nodes):
        from graphspec.analysis.expert_check import check_experts

        check_experts(graph, report)


def _checkpoints(document: Document, graph: Graph | None, report: Report) -> Mapping[str, CheckpointMap]:
    maps = read_maps(document, report)
    if graph is not None and not report.failed:
        for each in maps.values():
            check_map(graph, document, each, report)
    return maps


def _head(source: Source) -> Span:
    file: File = source.file
    return Span(file, 1, 1, 1, 2)
