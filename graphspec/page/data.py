"""What the page is told, as JSON: the forms of its parts."""

from __future__ import annotations

from typing import Literal, TypedDict

Place = tuple[int, int, int, int]
"""Where something stands in a source: the number of the file, the line, the first column, the one after the last."""

Way = tuple[str, str, str, bool]
"""A wire to a thing: its tail, which output of it, the port it comes in by, whether as a memory."""

Turn = tuple[int, int]
"""A turn of a repeat: the number of its run, and where in the run's pattern it stands."""


class SourceFile(TypedDict):
    name: str
    text: str


class RunData(TypedDict):
    """Bodies by their numbers, gone through `count` times."""

    bodies: list[int]
    count: int


class Inside(TypedDict):
    """What a block shows when it is open. `times` is said beside its title; empty, it is counted."""

    kind: Literal["call", "repeat", "experts"]
    entry: str
    runs: list[RunData]
    symbol: str
    shared: bool
    times: str
    opened: bool


class Slot(TypedDict, total=False):
    """One thing that a body shows: always, or only while its block is open, or closed.

    `group` is the block's name; `names` are the nodes for which it stands.
    """

    name: str
    form: str
    kind: str
    title: str
    mark: str
    glyph: list[str]
    shape: str
    learned: str
    note: str
    names: list[str]
    wires: list[Way]
    when: Literal["open", "closed"]
    group: str
    inside: Inside


class NodeData(TypedDict):
    """The facts about one node. Its costs are those of one turn where it stands in a repeat."""

    does: str
    type: str
    parameters: int
    flops: str
    reads: list[str]
    at: Place | None


class BodyData(TypedDict):
    """The inside of a block: what it shows, in order, and what leaves it."""

    block: str
    title: str
    at: Place | None
    entry: str
    slots: list[Slot]
    outs: list[tuple[str, str, str]]
    ties: list[tuple[str, str]]
    ends: list[str]
    nodes: dict[str, NodeData]


class TrailData(TypedDict):
    nodes: list[tuple[str, Turn | None]]
    leaps: bool


class ContractData(TypedDict):
    """A contract with its verdict; the trails lead along the path that refutes it."""

    text: str
    status: Literal["proved", "refuted", "unknown"]
    summary: str
    why: list[str]
    trails: list[TrailData]
    output: str
    at: Place | None


class Problem(TypedDict):
    code: str
    severity: str
    message: str
    notes: list[str]
    help: str
    at: Place | None


class Measures(TypedDict):
    """How large things are, as `graphspec.render.measure` has it, and how wide each letter is at a size of 1."""

    sizes: dict[str, float]
    letters: dict[str, float]


class Look(TypedDict):
    """How the page is first seen."""

    direction: str
    theme: str
    heading: str
    depth: int | None
    contract: int | None


class Facts(TypedDict):
    """Everything about one spec; `bodies[model]` is the model's own."""

    name: str
    title: str
    summary: list[tuple[str, list[list[str]]]]
    files: list[SourceFile]
    bodies: list[BodyData]
    model: int
    contracts: list[ContractData]
    problems: list[Problem]
    measures: Measures
    look: Look
