"""Which map of a spec is meant, and what it says about a file."""

from __future__ import annotations

from graphspec import Spec
from graphspec.checkpoints import CheckpointMap, Layout, lay_out_files, own_layout
from graphspec.diagnostics import Report, suggestion


def choose(spec: Spec, name: str | None, report: Report) -> CheckpointMap | None:
    """The map of that name, or the only one. Reports a name that is none, and a choice that is not made."""
    known = spec.checkpoints
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is not None and name in known:
        return known[name]
    place = spec.graph.body.span
    if not known:
        help = "write one under `checkpoints:`"
        report.error("unknown-map", f"the spec `{spec.name}` has no checkpoint map", place, help=help)
    elif name is None:
        listed = ", ".join(f"`{each}`" for each in known)
        report.error("unknown-map", f"the spec `{spec.name}` has several maps", place, help=f"name one of {listed}")
    else:
        report.error("unknown-map", f"the spec has no map `{name}`", place, help=suggestion(name, known, "maps"))
    return None


def layout_of(spec: Spec, name: str | None, report: Report) -> Layout | None:
    """What a file must hold: by the spec's own names (`name` is None), or by a map. Reports."""
    if name is None:
        return own_layout(spec.graph, report)
    given = choose(spec, name, report)
    if given is None:
        return None
    found = lay_out_files(spec.graph, given, report)
    return None if report.failed else found
