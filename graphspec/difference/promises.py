"""Contracts with their verdicts before and after."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from graphspec.analysis.contracts import Verdict
from graphspec.difference.bodies import Comparison
from graphspec.difference.symbols import Names
from graphspec.graph import Contract

PromiseStatus = Literal["removed", "added", "changed", "same"]


@dataclass(frozen=True, slots=True)
class Promise:
    """A contract with its verdicts; one is None where it is not asked. `rewritten`: it asks with other arguments."""

    before: Verdict | None
    after: Verdict | None
    rewritten: bool = False

    @property
    def status(self) -> PromiseStatus:
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        moved = (self.before.status, self.before.modes) != (self.after.status, self.after.modes)
        return "changed" if moved or self.rewritten else "same"


def promises(before: Iterable[Verdict], after: Iterable[Verdict], comparison: Comparison) -> tuple[Promise, ...]:
    """The contracts of both: those that ask the same side by side, then those of one kind, then those of one spec."""
    kept = {name for name, _ in comparison.before.body.outputs}
    names = {old: new for old, new in {**comparison.symbols, **comparison.names}.items() if old not in kept}
    old, new = list(before), list(after)
    found = list(_matched(old, new, names, exact=True)) + list(_matched(old, new, names, exact=False))
    found += [Promise(None, verdict) for verdict in new] + [Promise(verdict, None) for verdict in old]
    return tuple(found)


def _matched(old: list[Verdict], new: list[Verdict], names: Names, exact: bool) -> Iterator[Promise]:
    """Takes what is matched from both lists."""
    for verdict in list(new):
        wanted = _key(verdict.contract, {}, exact)
        other = next((each for each in old if _key(each.contract, names, exact) == wanted), None)
        if other is not None:
            old.remove(other)
            new.remove(verdict)
            yield Promise(other, verdict, rewritten=not exact)


def _key(contract: Contract, names: Names, exact: bool) -> Hashable:
    said = {key: names.get(value, value) if isinstance(value, str) else value for key, value in contract.arguments}
    return (contract.kind, tuple(sorted(said.items()))) if exact else contract.kind
