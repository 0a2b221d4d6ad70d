"""What probing found, as values, as text and as data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from compiler.verify.culprit import Culprit

Status = Literal["agrees", "violated", "unmoved", "not probed"]

_MARKS: Mapping[str, str] = {"agrees": "✓", "violated": "✗", "unmoved": "?", "not probed": "-"}


@dataclass(frozen=True)
class Violation:
    """What moved (or, if `amount` is 0, never did), in which draw, and the first node at which it shows."""

    seed: int
    probe: str
    output: str
    place: tuple[tuple[str, int], ...] = ()
    amount: float = 0.0
    largest: float = 1.0
    culprit: Culprit | None = None
    claim: str = ""

    def __str__(self) -> str:
        if not self.amount:
            return f"`{self.output}`{self.claim} never moves: {self.probe}"
        at = ", ".join(f"{axis} = {index}" for axis, index in self.place)
        by = f"{self.amount:.2g} (its largest entry is {self.largest:.2g})"
        return f"`{self.output}`{f' at {at}' if at else ''} moves by {by}: {self.probe}; seed {self.seed}"


@dataclass(frozen=True)
class Finding:
    """What the probes say of one contract, in one mode, with some inputs given, by one lowering.

    `agrees`: what runs is as the verdict has it; `violated`: it is not; `unmoved`: the contract is refuted, but no
    probe shows it. `skipped`: probes left out, and why.
    """

    kind: str
    arguments: tuple[tuple[str, str | int | bool], ...]
    verdict: str
    status: Status
    mode: str = ""
    data: str = ""
    lowering: str = ""
    probes: int = 0
    said: str = ""
    skipped: tuple[str, ...] = ()
    lengths: tuple[tuple[str, int], ...] = ()
    violation: Violation | None = None

    @property
    def contract(self) -> str:
        return f"{self.kind} ({', '.join(f'{name}: {_written(value)}' for name, value in self.arguments)})"

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        found["arguments"], found["lengths"] = dict(self.arguments), dict(self.lengths)
        if self.violation:
            found["violation"]["place"] = dict(self.violation.place)
            if math.isinf(self.violation.amount):
                found["violation"]["amount"] = "infinite"  # JSON has no such number
        return found


@dataclass(frozen=True)
class Verification:
    """All findings about one model, and how they were made."""

    name: str
    device: str
    precision: str
    backend: str
    weights: str
    seeds: Sequence[int]
    tolerance: float
    ways: Sequence[str]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether what runs breaks what was proved (or is not known)."""
        return any(finding.status == "violated" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        head = {name: value for name, value in self.__dict__.items() if name not in ("findings", "seeds", "ways")}
        return {
            **head,
            "seeds": list(self.seeds),
            "ways": list(self.ways),
            "failed": self.failed,
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def as_text(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name}: {self.precision} on {self.device}, {self.backend}, {self.weights}"
        if len(self.ways) > 1:
            yield f"ways: {', '.join(self.ways)}"
        seeds = ", ".join(map(str, self.seeds))
        yield f"seeds {seeds}; what moves by more than {self.tolerance:g} of its largest entry counts"
        if not self.findings:
            yield "\nno contracts to probe"
        for contract in dict.fromkeys(finding.contract for finding in self.findings):
            yield ""
            yield from _contract([it for it in self.findings if it.contract == contract], self.ways)
        yield ""
        yield self._sum()

    def _sum(self) -> str:
        by_contract: dict[str, set[Status]] = {}
        for finding in self.findings:
            by_contract.setdefault(finding.contract, set()).add(finding.status)
        bad = sum("violated" in found for found in by_contract.values())
        open_ = sum(not found & {"violated", "agrees"} for found in by_contract.values())
        parts = [f"{bad} violated"] * bool(bad) + [f"{len(by_contract) - bad - open_} as judged"]
        return ", ".join(parts + [f"{open_} not shown by any probe"] * bool(open_))


def _contract(findings: Sequence[Finding], ways: Sequence[str]) -> Iterator[str]:
    """One contract: a group of lines for each outcome."""
    first = findings[0]
    there = {finding.status for finding in findings}
    status = next(status for status in ("violated", "agrees", first.status) if status in there)
    verdict = next(it for it in ("refuted", "unknown", "proved") if it in {finding.verdict for finding in findings})
    yield f"{_MARKS[status]} {verdict:<8} {first.contract}"
    for key in dict.fromkeys(map(_key, findings)):
        group = [it for it in findings if _key(it) == key]
        note = f" · {group[0].verdict}" if any(it.verdict != verdict for it in findings) else ""
        yield from (f"    {line}" for line in _group(group, ways, note))
    skipped = dict.fromkeys(why for finding in findings for why in finding.skipped)
    yield from (f"    left out  {why}" for why in skipped)


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.status, finding.verdict, finding.said if finding.status == "not probed" else ""


def _group(group: Sequence[Finding], ways: Sequence[str], note: str) -> Iterator[str]:
    first = group[0]
    count = sum(it.probes for it in group)
    head, *more = [*_where(group, ways)] or [""]
    yield f"{first.status:<10} {head}{note}".rstrip()
    yield from (f"{'':<10} {line}" for line in more)
    if count and first.status != "violated":
        yield f"{'':<10} {count:,} probes"
    if first.status == "violated" and first.violation:
        yield f"{'':<10} {first.violation}"
        culprit = first.violation.culprit
        if first.violation.amount:
            yield f"{'':<10} first at {culprit}" if culprit else f"{'':<10} no node is named: looked into, it stays"
    elif first.said:
        yield f"{'':<10} {first.said}"


def _where(group: Sequence[Finding], known: Sequence[str]) -> Iterator[str]:
    """In which modes, with which inputs, by which lowerings: a line for lowerings that share the first two."""
    circumstances: dict[str, dict[tuple[str, str], None]] = {}
    for it in group:
        circumstances.setdefault(it.lowering, {}).setdefault((it.mode, it.data))
    for shared in dict.fromkeys(map(tuple, circumstances.values())):
        ways = [way for way, pairs in circumstances.items() if tuple(pairs) == shared]
        ways = ["every way"] if len(ways) == len(known) > 1 else ways
        modes, data = (_words(pair[at] for pair in shared) for at in (0, 1))
        whole = len(modes) * len(data) == len(shared)
        words = [modes, data] if whole else [[" ".join(pair) for pair in shared]]
        yield " · ".join(", ".join(part) for part in (*words, ways) if any(part))


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
