"""One contract tried in one way of running the model: every probe, until one speaks against the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from compiler.verify.culprit import Search, outputs_of
from compiler.verify.findings import Finding, Status, Violation
from compiler.verify.inputs import Inputs
from compiler.verify.laws import Law, Move
from compiler.verify.scene import Probe, Skip, Step
from compiler.verify.subject import FAILS, Subject
from graphspec.analysis.flow import sizes_of
from graphspec.graph import Contract

FOLLOWS = "with dropout an output moves, without it stays: random draws depend on what is drawn for"


class NotRun(Exception):
    """The model cannot be run so at all."""


@dataclass
class Tally:
    """What was seen so far. `moved`: for each claim that something moves, whether it did in any draw."""

    probes: int = 0
    skipped: dict[str, None] = field(default_factory=dict[str, None])
    violation: Violation | None = None
    moved: dict[tuple[str, str], bool] = field(default_factory=dict[tuple[str, str], bool])
    stays: bool = False


@dataclass
class Trial:
    """A contract, and one way of running the model."""

    contract: Contract
    verdict: str
    subject: Subject
    tolerance: float
    drops: bool = True

    def run(self, here: Finding, draws: Sequence[tuple[int, Sequence[Step]]]) -> Finding:
        """The finding, completed."""
        graph = self.subject.lowering.model.graph
        self.types = dict(outputs_of(graph, self.contract))
        self.sizes = sizes_of(graph)
        tally = Tally()
        if not self.subject.can_give(tuple(self.types)):
            return replace(here, said=f"{' and '.join(map('`{}`'.format, self.types))} cannot be asked for so")
        try:
            self._all(draws, tally)
        except NotRun as error:
            if not self._can_stop_dropping():
                return replace(here, said=self._not_run(error))
            tally = Tally(skipped={f"{here.lowering}, in training, with dropout: the kernel does not take it": None})
            self.drops = False
            try:
                self._all(draws, tally)
            except NotRun as again:
                return replace(here, said=self._not_run(again))
        here = replace(here, probes=tally.probes, skipped=tuple(tally.skipped))
        return self._concluded(here, tally)

    def _all(self, draws: Sequence[tuple[int, Sequence[Step]]], tally: Tally) -> None:
        for seed, steps in draws:
            known: dict[tuple[int, bool], dict[str, Tensor]] = {}
            for step in steps:
                if isinstance(step, Skip):
                    tally.skipped.setdefault(step.why)
                elif tally.violation is None:
                    self._probe(seed, step, tally, known)

    def _not_run(self, error: NotRun) -> str:
        forced = self.subject.lowering.kernel is not None
        return "this kernel does not take such inputs" if forced else f"it does not run so: {error}"

    # -- one probe ----------------------------------------------------------------------------------------------------

    def _probe(self, seed: int, probe: Probe, tally: Tally, known: dict[tuple[int, bool], dict[str, Tensor]]) -> None:
        drops = self.drops and self.subject.mode == "training" and not probe.reshapes
        if probe.reshapes and self._drops() and self.subject.compiled:
            tally.skipped.setdefault("in training, what changes the sizes: a compiled model goes on dropping")
            return
        if (id(probe.before), drops) not in known:
            known[id(probe.before), drops] = self._before(probe.before, drops)
        try:
            after = self.subject.values(tuple(self.types), probe.after, drops=drops)
        except FAILS as error:
            tally.skipped.setdefault(f"{probe.what}: it does not run so: {message(error)}")
            return
        tally.probes += 1
        for claim, law in probe.claims:
            self._claim(seed, probe, claim, law, known[id(probe.before), drops], after, tally, drops)

    def _before(self, inputs: Inputs, drops: bool) -> dict[str, Tensor]:
        try:
            return self.subject.values(tuple(self.types), inputs, drops=drops)
        except FAILS as error:
            raise NotRun(message(error)) from error

    def _drops(self) -> bool:
        return self.subject.mode == "training" and "dropout" in self.subject.lowering.model.source

    def _can_stop_dropping(self) -> bool:
        return self.drops and self._drops() and not self.subject.compiled

    def _claim(
        self,
        seed: int,
        probe: Probe,
        claim: str,
        law: Law,
        before: dict[str, Tensor],
        after: dict[str, Tensor],
        tally: Tally,
        drops: bool,
    ) -> None:
        moves = {name: law.compare(self.types[name], before[name], after[name], self.sizes) for name in self.types}
        found = {name: move for name, move in moves.items() if move and move.exceeds(self.tolerance)}
        if probe.moves:
            key = (probe.what, claim)
            tally.moved[key] = tally.moved.get(key, False) or bool(found)
            return
        tally.stays = True
        if found and tally.violation is None:
            if drops and self._only_by_chance(probe, law):
                tally.skipped.setdefault(FOLLOWS)
                return
            name, move = next(iter(found.items()))
            tally.violation = self._violation(seed, probe, law, name, move, drops)

    def _only_by_chance(self, probe: Probe, law: Law) -> bool:
        """Whether what moves with dropout stays without."""
        if not self._can_stop_dropping():
            return False
        names = tuple(self.types)
        before, after = (self.subject.values(names, it, drops=False) for it in (probe.before, probe.after))
        moves = (law.compare(self.types[name], before[name], after[name], self.sizes) for name in names)
        return not any(move and move.exceeds(self.tolerance) for move in moves)

    def _violation(self, seed: int, probe: Probe, law: Law, name: str, move: Move, drops: bool) -> Violation:
        culprit = None
        if self.verdict != "refuted" and not self.subject.compiled:
            culprit = Search(self.subject, self.contract, probe, law, self.tolerance, drops).find(name)
        return Violation(seed, probe.what, name, move.place, move.amount, move.largest, culprit)

    # -- all probes ---------------------------------------------------------------------------------------------------

    def _concluded(self, here: Finding, tally: Tally) -> Finding:
        if not tally.probes:
            return replace(here, said="there is nothing to probe" + "".join(f"; {why}" for why in tally.skipped))
        still = next((key for key, moved in tally.moved.items() if not moved), None)
        broken = tally.violation
        if broken is None and still is not None:
            broken = Violation(-1, still[0], f"{next(iter(self.types))}", claim=still[1])
        if self.verdict == "refuted":
            return self._refuted(here, tally, broken)
        status: Status = "agrees" if broken is None else "violated"
        said = "neither proved nor refuted; no probe speaks against it" if self.verdict == "unknown" else ""
        return replace(here, status=status, violation=broken, said=said if broken is None else str(broken))

    def _refuted(self, here: Finding, tally: Tally, broken: Violation | None) -> Finding:
        """What is refuted is to be seen; a use that is refuted (nothing is read) must not be seen."""
        if broken is not None:
            return replace(here, status="agrees", violation=broken, said=str(broken))
        if not tally.stays:
            said = "it is refuted, but what runs does read it"
            violation = Violation(-1, said, next(iter(self.types)))
            return replace(here, status="violated", violation=violation, said=said)
        return replace(here, status="unmoved", said="it is refuted, but no probe moves anything")


def message(error: BaseException) -> str:
    """The first line of an error, not too long."""
    line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= 160 else f"{line[:157]}..."
