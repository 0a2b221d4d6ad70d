"""What was measured: as values, as JSON, and what follows from it."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from compiler.bench.job import Job
from compiler.bench.worker import BOUND
from graphspec.diagnostics import Diagnostic, Note, SpecError


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One contestant in one job. `seconds`: of a step, round by round; `memory`: bytes of tensors at the worst moment.

    `graphs`: how many torch.compile made, of `regions` that are distinct; `resident`: bytes of the whole process.
    """

    name: str
    own: bool
    compiled: bool
    first_step: float
    loss: float
    parameters: int
    last_loss: float = math.nan
    seconds: tuple[float, ...] = ()
    graphs: int = 0
    regions: int = 0
    memory: int = 0
    resident: int | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Spread:
    """The median of paired ratios, and their quartiles."""

    lower: float
    median: float
    upper: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lower:.2f} to {self.upper:.2f})"


@dataclass(frozen=True)
class Outcome:
    """One job: its contestants, those left out and why, the operations of a step, and what makes it void."""

    job: Job
    tokens: int
    measured: tuple[Measured, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    flops: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[Measured, ...]:
        return tuple(it for it in self.measured if it.name != BOUND)

    @property
    def bound(self) -> Measured | None:
        return next((it for it in self.measured if it.name == BOUND), None)

    @property
    def rival(self) -> Measured | None:
        """The quickest contestant that is not ours; where there are none, the quickest."""
        others = [it for it in self.models if not it.own] or list(self.models)
        return min(others, key=lambda it: it.median, default=None)

    def speed(self, one: Measured, beside: Measured) -> Spread | None:
        """How many times as fast `one` is, round by round."""
        return spread([there / here for here, there in zip(one.seconds, beside.seconds, strict=True)])

    def share(self, one: Measured) -> Spread | None:
        """Which share of its step the matrix products would take alone."""
        return self.speed(one, self.bound) if self.bound else None

    def utilisation(self, one: Measured) -> float | None:
        """The share of the device's peak rate that the model's operations make."""
        step, peak = self.flops.get("step"), self.flops.get("peak")
        return step / one.median / peak if step and peak else None


def spread(ratios: Sequence[float]) -> Spread | None:
    if not ratios:
        return None
    if len(ratios) == 1:
        return Spread(ratios[0], ratios[0], ratios[0])
    lower, _, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return Spread(lower, statistics.median(ratios), upper)


@dataclass(frozen=True)
class Results:
    """Jobs that were measured on one machine. `about`: date, device, versions, settings."""

    about: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(f"{it.job.name}: {fault}" for it in self.outcomes for fault in it.faults)

    def text(self) -> str:
        """As JSON, to be read again."""
        return json.dumps({"about": self.about, "jobs": [asdict(it) for it in self.outcomes]}, indent=1) + "\n"

    def beside(self, older: Results) -> Results:
        """These, and the other jobs of an older file. Raises `SpecError` if that is of another machine."""
        here, there = _machine(self.about), _machine(older.about)
        others = [key for key in {**there, **here} if here.get(key) != there.get(key)]
        if others:
            message, help = "the file has results of another machine or version", "write to another file, or remove it"
            said = {key: tuple(it.get(key, "not set") for it in (here, there)) for key in others}
            notes = tuple(Note(f"`{key}` is {now}, was {before}") for key, (now, before) in said.items())
            raise SpecError([Diagnostic("other-machine", message, notes=notes, help=help)])
        new = {it.job.name: it for it in self.outcomes}
        names = dict.fromkeys([*(it.job.name for it in older.outcomes), *new])
        before = {it.job.name: it for it in older.outcomes}
        return replace(self, outcomes=tuple(new.get(name) or before[name] for name in names))


def _machine(about: Mapping[str, Any]) -> dict[str, Any]:
    """What all results of a file have in common, each under its path."""
    found = {key: about.get(key) for key in ("device", "cores")}
    for group in ("versions", "settings"):
        found |= {f"{group}.{key}": value for key, value in about.get(group, {}).items()}
    return found


def read(path: Path) -> Results:
    """Results from their file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return Results(found["about"], tuple(map(_outcome, found["jobs"])))


def _outcome(given: Mapping[str, Any]) -> Outcome:
    measured = tuple(Measured(**{**it, "seconds": tuple(it["seconds"])}) for it in given["measured"])
    rest = {key: given[key] for key in ("tokens", "left_out", "flops")}
    return Outcome(Job.from_dict(given["job"]), measured=measured, faults=tuple(given["faults"]), **rest)
