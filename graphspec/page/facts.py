"""A checked spec → the facts that its page is made from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graphspec.analysis.contracts import Verdict
from graphspec.diagnostics import Diagnostic, File, Report
from graphspec.graph import Graph
from graphspec.page.bodies import Bodies, Kind, turn_title
from graphspec.page.data import BodyData, ContractData, Facts, Look, Measures, Problem, TrailData
from graphspec.page.nodes import Nodes, Sources
from graphspec.render import measure
from graphspec.render.explain import trails
from graphspec.render.files import title_of
from graphspec.render.focus import Focus, focus_of
from graphspec.render.names import plain, width
from graphspec.render.summary import contract_text, summary
from graphspec.render.theme import RenderOptions

_SIZES = [name for name in vars(measure) if name.isupper() and isinstance(getattr(measure, name), int | float)]
_ALWAYS = " · 0123456789×·=…, +−÷KVtied sharedmore"


def facts_of(
    graph: Graph,
    file: File,
    verdicts: Sequence[Verdict],
    problems: Sequence[Diagnostic] = (),
    options: RenderOptions | None = None,
) -> Facts:
    """The facts about a graph; `file` is the spec that it was read from."""
    options = options or RenderOptions()
    sources = Sources({file.name: file})
    for node in graph.body.nodes:  # what the spec extends comes before the libraries
        sources.place(node.span)
    focus = focus_of(graph, options.focus, Report()) if options.focus else None
    bodies = list(_bodies(graph, sources, options, focus))
    title = graph.title or graph.name
    look = _look(title_of(graph, options, focus), options, verdicts)
    return {
        "name": graph.name,
        "title": title,
        "summary": [
            (title, [_cells(line) for line in lines]) for title, lines in summary(graph, ()).columns() if lines
        ],
        "bodies": bodies,
        "model": len(bodies) - 1,
        "contracts": [_contract(verdict, sources, painted=focus is None) for verdict in verdicts],
        "problems": [problem(found, sources) for found in problems],
        "measures": _measures([title, look["heading"]], bodies),
        "look": look,
        "files": sources.data(),
    }


def _cells(line: str) -> list[str]:
    """A line of the summary as a row of a table."""
    return re.split(r"\s{2,}", line.strip())


def _bodies(graph: Graph, sources: Sources, options: RenderOptions, focus: Focus | None) -> Iterator[BodyData]:
    """Every body that is drawn, those within others first; last the whole."""
    drawn, nodes = Bodies(graph, options), Nodes(graph, sources)
    drawn.number(Kind(focus.body, focus.used, whole=True) if focus else Kind(graph.body, whole=True))
    for kind, made in drawn.drawn.items():
        yield {
            "block": kind.body.block,
            "title": turn_title(kind.body),
            "at": sources.place(kind.body.span),
            "entry": made.entry,
            "slots": list(made.slots),
            "outs": list(made.outs),
            "ties": list(made.ties),
            "ends": list(made.ends),
            "nodes": nodes.of(kind.body),
        }


def _contract(verdict: Verdict, sources: Sources, painted: bool) -> ContractData:
    """A verdict; a path through the whole model is not `painted` in a block alone."""
    return {
        "text": contract_text(verdict.contract),
        "status": verdict.status,
        "summary": verdict.summary,
        "why": list(verdict.explanation()),
        "trails": [TrailData(nodes=list(trail.nodes), leaps=trail.leaps) for trail in trails(verdict.path) if painted],
        "output": str(verdict.contract.get("output") or ""),
        "at": sources.place(verdict.contract.span),
    }


def problem(found: Diagnostic, sources: Sources) -> Problem:
    """A diagnostic as the page shows it."""
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "notes": [f"{note.message} at {note.span}" if note.span else note.message for note in found.notes],
        "help": found.help,
        "at": sources.place(found.span),
    }


def _measures(titles: Sequence[str], bodies: Sequence[BodyData]) -> Measures:
    texts = [_ALWAYS, *titles, *(body["title"] for body in bodies)]
    for body in bodies:
        for slot in body["slots"]:
            inside = slot.get("inside")
            texts += [slot.get("title", ""), slot.get("shape", ""), slot.get("learned", "")]
            texts += [inside["times"], inside["symbol"]] if inside else []
    letters = sorted(set("".join(texts)))
    return {
        "sizes": {name: getattr(measure, name) for name in _SIZES},
        "letters": {letter: width(letter, 1.0) for letter in letters},
    }


def _look(heading: str, options: RenderOptions, verdicts: Sequence[Verdict]) -> Look:
    chosen = (
        at
        for at, verdict in enumerate(verdicts)
        if verdict.status == "refuted" and options.explain in (str(at + 1), verdict.contract.kind)
    )
    return {
        "direction": options.direction,
        "theme": "" if options.theme == "auto" else options.theme,
        "heading": plain(heading),
        "depth": options.depth,
        "contract": next(chosen, None),
    }
