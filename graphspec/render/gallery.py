"""The gallery: a page of specs, each with its picture, size, contracts and what is special about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from graphspec.analysis.cost import Costs, human
from graphspec.graph import Graph

if TYPE_CHECKING:
    from graphspec.analysis.contracts import Verdict

COMMAND = "make docs"

FOLDERS: Mapping[str, str] = {
    "": "The first Transformer",
    "llm": "Language models",
    "encoders": "Encoders",
    "encoder_decoder": "Encoders with decoders",
    "speech": "Speech",
    "vision": "Pictures",
    "tasks": "Small models to train",
}

_INTRO = f"""\
Written by `{COMMAND}` from the specs in this folder. *Lines* are those that are not empty, without the map of
checkpoints; *weights* is the name of that map, by which published weights are read and written.
"""
_MARKS = {"proved": "✓", "refuted": "✗", "unknown": "?"}
_MAP = re.compile(r"^checkpoints:.*?(?=^[^\s#]|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Exhibit:
    """One spec: its path within the gallery, what it is about, its text, graph and verdicts."""

    path: str
    about: str
    text: str
    graph: Graph
    verdicts: Sequence[Verdict]
    maps: Sequence[str]
    picture: str
    """The path of its picture from the page, empty if there is none."""

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def parameters(self) -> int:
        costs = Costs(self.graph)
        return costs.number(costs.parameters())


def page(exhibits: Sequence[Exhibit]) -> str:
    """The gallery as Markdown, grouped by folder."""
    return "\n".join(_page(sorted(exhibits, key=_order))).rstrip() + "\n"


def _order(exhibit: Exhibit) -> tuple[int, str, int]:
    known = list(FOLDERS)
    place = known.index(exhibit.folder) if exhibit.folder in known else len(known)
    return place, exhibit.folder, exhibit.path.count("/")


def _page(exhibits: Sequence[Exhibit]) -> Iterator[str]:
    yield "# Gallery\n"
    yield _INTRO
    yield from _overview(exhibits)
    for folder, group in groupby(exhibits, key=lambda exhibit: exhibit.folder):
        yield f"## {_title(folder)}\n"
        for exhibit in group:
            yield from _exhibit(exhibit)


def _title(folder: str) -> str:
    return FOLDERS.get(folder, folder.replace("_", " ").capitalize())


def _overview(exhibits: Sequence[Exhibit]) -> Iterator[str]:
    yield "| spec | parameters | lines | contracts | weights |"
    yield "|---|---:|---:|---|---|"
    for exhibit in exhibits:
        marks = " ".join(f"{_MARKS[verdict.status]} {verdict.contract.kind}" for verdict in exhibit.verdicts)
        cells = (_link(exhibit), count(exhibit.parameters), str(lines(exhibit.text)), marks, ", ".join(exhibit.maps))
        yield f"| {' | '.join(cells)} |"
    yield ""


def _link(exhibit: Exhibit) -> str:
    title = exhibit.graph.title or exhibit.graph.name
    return f"[{title.partition(',')[0].partition(' (')[0]}](#{_anchor(exhibit.graph.name)})"


def _anchor(name: str) -> str:
    return name.lower()


def _exhibit(exhibit: Exhibit) -> Iterator[str]:
    graph = exhibit.graph
    yield f"### {graph.name}\n"
    yield f"**[{graph.title or graph.name}]({exhibit.path})**\n"
    if exhibit.about:
        yield f"{exhibit.about}\n"
    costs = f"{exhibit.parameters:,} parameters in {lines(exhibit.text)} lines"
    yield costs + (f"; weights by the map `{'`, `'.join(exhibit.maps)}`." if exhibit.maps else ".") + "\n"
    yield from (_contract(verdict) for verdict in exhibit.verdicts)
    if exhibit.picture:
        yield f"\n![{graph.title or graph.name}]({exhibit.picture})\n"


def _contract(verdict: Verdict) -> str:
    arguments = ", ".join(f"{name}: {value}" for name, value in verdict.contract.arguments)
    return f"- {_MARKS[verdict.status]} {verdict.status}: `{verdict.contract.kind}: {{{arguments}}}`"


def lines(text: str) -> int:
    """The lines of a spec that are not empty, without its checkpoint map."""
    return sum(bool(line.strip()) for line in _MAP.sub("", text).splitlines())


def count(number: int) -> str:
    """`8030261248` as `8.03 B`: billions, as is usual for parameters."""
    return human(number).replace("G", "B")
