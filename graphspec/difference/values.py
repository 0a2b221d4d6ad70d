"""The architectural difference of two models, as one immutable value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphspec.analysis.contracts import verdicts
from graphspec.diagnostics import Report
from graphspec.difference import facts
from graphspec.difference.bodies import BodyDifference, Comparison
from graphspec.difference.changes import Change, changes
from graphspec.difference.costs import Bill, bill
from graphspec.difference.facts import Fact
from graphspec.difference.promises import Promise, promises
from graphspec.difference.weights import Weights, weights
from graphspec.graph import Graph


@dataclass(frozen=True, repr=False)
class Difference:
    """Two models compared; `str` of it is the report.

    `nodes` are the changes of nodes, `weights` says which tensors of a checkpoint still fit, `promises` are the
    contracts with the verdicts before and after, `body` is the matching on which all of it rests.
    """

    before: Graph
    after: Graph
    names: tuple[str, str]
    settings: tuple[Fact, ...]
    axes: tuple[Fact, ...]
    inputs: tuple[Fact, ...]
    outputs: tuple[Fact, ...]
    nodes: tuple[Change, ...]
    starts: tuple[Fact, ...]
    bill: Bill
    promises: tuple[Promise, ...]
    weights: Weights
    body: BodyDifference

    def __repr__(self) -> str:
        return (
            f"<Difference {self.names[0]} → {self.names[1]}: {'none' if self.same else f'{len(self.nodes)} of nodes'}>"
        )

    def __str__(self) -> str:
        from graphspec.difference.text import as_text

        return as_text(self)

    def __bool__(self) -> bool:
        """Whether there is a difference."""
        return not self.same

    @property
    def same(self) -> bool:
        """Whether the two are one architecture, with the same sizes, starts and contracts."""
        stated = self.settings or self.axes or self.inputs or self.outputs or self.body.differs or self.starts
        return not stated and all(promise.status == "same" for promise in self.promises)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        from graphspec.difference.data import as_dict

        return as_dict(self)

    def render(self, path: str | os.PathLike[str], **options: object) -> None:
        """Draw both as one picture: `.svg .png .pdf .dot`, with the options of `Spec.render`. Raises `SpecError`."""
        from graphspec.difference.picture import write
        from graphspec.render import RenderOptions

        report = Report()
        write(self, Path(path), report, RenderOptions(**options))  # pyright: ignore[reportArgumentType]
        report.check()


def difference(before: Graph, after: Graph, names: tuple[str, str]) -> Difference:
    """Compare two graphs whose contracts make sense; `names` is how the report calls them."""
    comparison = Comparison(before, after)
    whole = comparison.bodies(before.body, after.body)
    return Difference(
        before,
        after,
        names,
        settings=facts.settings(comparison),
        axes=facts.axes(comparison),
        inputs=facts.inputs(comparison),
        outputs=facts.outputs(comparison),
        nodes=changes(comparison, whole),
        starts=facts.starts(comparison),
        bill=bill(comparison),
        promises=promises(verdicts(before), verdicts(after), comparison),
        weights=weights(comparison, whole),
        body=whole,
    )
