"""What is measured: a job is one model at one size, a plan says by whom and how long; read from a suite's YAML."""

# ruff: noqa: RUF009 # `setting` makes fields, as `dataclasses.field` does
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from compiler.train.reading import INVALID, Reading, fill, path, setting, settings, whole, word
from graphspec import source
from graphspec.diagnostics import Report
from graphspec.source import Map, Scalar, Sequence, Value

Precision = Literal["fp32", "tf32", "bf16"]
Device = Literal["cpu", "cuda"]

OWN = ("emitted", "emitted@blocks", "emitted@whole")
"""The contestants that every job has: the model that is emitted, eager and compiled."""


def words(*known: str) -> Any:
    """A reader of one word, or of a list of them; all known ones, or any."""
    one = word(*known)

    def read(value: Value, reading: Reading, key: str) -> Any:
        items = value.items if isinstance(value, Sequence) else (value,)
        plain = [item.text if isinstance(item, Scalar) and not known else one(item, reading, key) for item in items]
        return INVALID if INVALID in plain else tuple(plain)

    return read


def text(value: Value, reading: Reading, key: str) -> Any:
    """Any single value, as it is written."""
    if isinstance(value, Scalar):
        return value.text
    reading.report.error("wrong-value", f"`{key}` is a single value", value.span)
    return INVALID


def sizes(value: Value, reading: Reading, key: str) -> Any:
    """A map of axes to whole numbers."""
    found = settings(value, reading, key)
    if found is INVALID or not isinstance(value, Map):
        return INVALID
    made = {name.text: whole(1)(item, reading, f"{key}.{name.text}") for name, item in value.entries}
    return INVALID if INVALID in made.values() else made


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A job as a suite has it: for several precisions it is several jobs."""

    spec: Path = setting("the model", path)
    set: Mapping[str, str] = setting("values for the spec's parameters", settings, {})
    at: Mapping[str, int] = setting("the sizes of a batch: `{B: 4, T: 256}`", sizes)
    objective: str = setting("what training minimises", text, "next_token")
    like: str = setting("a word by which adapters know what to build", text, "")
    precision: tuple[Precision, ...] = setting("of the products", words("fp32", "tf32", "bf16"), ("fp32",))
    device: Device = setting("where it runs", word("cpu", "cuda"), "cpu")
    contestants: tuple[str, ...] = setting("ways to compile the emitted model", words(), OWN)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model at one size and precision, as plain values that a process can be given."""

    name: str
    spec: str
    at: Mapping[str, int]
    set: Mapping[str, str] = field(default_factory=dict)
    objective: str = "next_token"
    like: str = ""
    precision: Precision = "fp32"
    device: Device = "cpu"
    contestants: tuple[str, ...] = OWN

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "contestants": list(self.contestants)}

    @staticmethod
    def from_dict(given: Mapping[str, Any]) -> Job:
        return Job(**{**given, "contestants": tuple(given["contestants"])})


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How jobs are run: `rounds` in which every contestant takes `steps` steps, after `warmup` ones of each.

    `plugins` are imported by every process before it reads a spec.
    """

    rounds: int = 11
    steps: int = 1
    warmup: int = 3
    threads: int = 0
    keep_heap: bool = True
    seed: int = 0
    compile_backend: str = "inductor"
    plugins: tuple[str, ...] = ()


def is_suite(path: str | os.PathLike[str], report: Report) -> bool:
    """Whether a file is a suite rather than a spec: it lists jobs."""
    found = source.read(path, report)
    return found is not None and found.root.get("jobs") is not None


def read_suite(path: str | os.PathLike[str], report: Report) -> tuple[Job, ...]:
    """The jobs of a suite, in order; faults go to the report."""
    found = source.read(path, report)
    if found is None:
        return ()
    reading = Reading(report, {}, found.file, Path(path).parent)
    for key, _ in found.root.entries:
        if key.text != "jobs":
            report.error("unknown-key", f"unknown key `{key.text}`", key.span, help="a suite has `jobs`")
    listed = found.root.get("jobs")
    if not isinstance(listed, Map):
        report.error("wrong-form", "`jobs` is a map of names to jobs", found.root.span)
        return ()
    jobs: list[Job] = []
    for name, value in listed.entries:
        entry = fill(Entry, value, reading, f"{name.text}.")
        if entry is not INVALID:
            jobs += _jobs(name.text, entry)
    return tuple(jobs)


def _jobs(name: str, entry: Entry) -> list[Job]:
    kept = {it.name: getattr(entry, it.name) for it in fields(Entry) if it.name not in ("spec", "precision")}
    made = Job(name=name, spec=str(entry.spec), **kept)
    return [replace(made, name=f"{name}_{it}", precision=it) for it in entry.precision]
