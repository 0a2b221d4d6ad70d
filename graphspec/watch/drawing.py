"""A spec as it is on the disk now → what its page is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphspec.diagnostics import Diagnostic, File, Report, display_name
from graphspec.page import judged
from graphspec.page.bundle import as_json
from graphspec.page.facts import problem
from graphspec.page.nodes import Sources
from graphspec.render.theme import RenderOptions
from graphspec.spec import Override, read_spec


@dataclass(frozen=True)
class Drawing:
    """One version of a spec: the facts of its page, or, if it is broken, its text with what is wrong; both as JSON."""

    facts: str = ""
    broken: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()


def drawing(path: Path, overrides: Mapping[str, Override], options: RenderOptions) -> Drawing:
    """Read, check and judge a spec."""
    report = Report()
    spec = read_spec(path, overrides, report)
    if spec is None or report.failed:
        found = report.diagnostics
        return Drawing(broken=as_json(_broken(path, found)), diagnostics=found)
    facts = judged(spec.graph, spec.source.file, report, options, spec.warnings)
    return Drawing(facts=as_json(facts), diagnostics=report.diagnostics)


def _broken(path: Path, found: Sequence[Diagnostic]) -> Mapping[str, object]:
    """The spec's text and those of other files in which something is wrong."""
    name = display_name(path)
    own = next((d.span.file for d in found if d.span and d.span.file.name == name), None) or File(name, _text(path))
    sources = Sources({name: own})
    problems = [problem(diagnostic, sources) for diagnostic in found]
    return {"files": sources.data(), "problems": problems}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
