"""Verify: compile a spec, probe every contract in every way in which the model can run, gather what was found."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch

from compiler.build import HasGraph, Model, compile
from compiler.build.compilation import speed_up
from compiler.build.memory import parameter_bytes
from compiler.checkpoint import load
from compiler.features import free_memory, one_thread, resolve
from compiler.target import Target
from compiler.verify.findings import Finding, Verification
from compiler.verify.inputs import Drawing, Inputs, Role, padded_on_the_left, roles_of
from compiler.verify.kinds import PROBERS
from compiler.verify.lowerings import Lowering, lowerings
from compiler.verify.scene import Scene, Skip, Step, status_of
from compiler.verify.sizes import LONGEST, least_length, lengths_to_try
from compiler.verify.subject import FAILS, MODES, Mode, Subject
from compiler.verify.trial import Trial, message
from graphspec.analysis.contracts import Verdict, check_contracts, verdicts
from graphspec.analysis.contracts.kinds import KINDS
from graphspec.analysis.contracts.questions import Judge
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.diagnostics import Report, display_name
from graphspec.graph import Contract, Graph
from graphspec.spec import Spec

Precision = Literal["fp64", "fp32", "bf16"]
PRECISIONS = get_args(Precision)
TOLERANCE: Mapping[Precision, float] = {"fp64": 1e-9, "fp32": 1e-4, "bf16": 5e-2}
"""Of the largest entry: what may differ because sums are taken in another order."""

NOISE = 0.1
"""Standard deviation of what is added to fresh tensors: one that starts at zero would hide what is multiplied by it."""

SEEDS = 3
_LIMITS, _VARIANTS = ("recompile_limit", "accumulated_recompile_limit"), 512
_SMALL = 10_000_000
"""Parameters below which threads cost more than they gain."""


def verify(
    spec: HasGraph | Graph,
    *,
    kinds: Collection[str] = (),
    checkpoint: str | Path | None = None,
    map: str | None = None,
    device: str = "cpu",
    precision: Precision | None = None,
    backend: str = "eager",
    seed: int = 0,
    seeds: int = SEEDS,
    ways: Collection[str] = (),
) -> Verification:
    """Probe the contracts of a spec in what is compiled from it: of these `kinds`, by the
    lowerings of these names (`ways`), all by default.

    `backend`: `eager`, `compiled`, or the name of a backend of torch.compile. `precision`: fp64 on the CPU, fp32 on
    CUDA by default; bf16 is autocast. `checkpoint` and `map` are those of `compiler.checkpoint.load`. Raises
    `SpecError`: senseless contracts, `no-device`, `too-large-to-build`, what does not fit of a checkpoint.
    """
    graph = spec if isinstance(spec, Graph) else spec.graph
    report = Report()
    check_contracts(graph, report)
    report.check()
    place = resolve(Target(device="auto")).device if device == "auto" else device
    chosen = precision or _precision(graph, place)
    target = Target(device="cuda" if place.startswith("cuda") else "cpu")
    if checkpoint:
        assert isinstance(spec, Spec), "a checkpoint is read for a loaded spec"
        model = load(spec, checkpoint, map, target=target, device=place)
    else:
        model = _disturbed(compile(graph, target, seed=seed, device=place), seed)
    model = model.double() if chosen == "fp64" else model
    if backend != "eager":
        _compiled(model, backend)
    bench = Bench(model, torch.device(place), chosen, backend, range(seed, seed + seeds), ways)
    asked = [it for it in verdicts(graph) if not kinds or it.contract.kind in kinds]
    weights = f"weights of {display_name(checkpoint)}" if checkpoint else "weights drawn at random"
    with _threads_for(model), torch._dynamo.config.patch(dict.fromkeys(_LIMITS, _VARIANTS)):
        found = tuple(finding for verdict in asked for finding in bench.findings(verdict))
    names = tuple(way.name for way in bench.ways)
    return Verification(graph.name, place, chosen, backend, weights, bench.seeds, TOLERANCE[chosen], names, found)


def _precision(graph: Graph, device: str) -> Precision:
    """Tight where there is room for it."""
    if device != "cpu":
        return "fp32"
    free = free_memory(device)
    return "fp64" if free is None or 3 * parameter_bytes(graph) < free else "fp32"


def _disturbed(model: Model, seed: int) -> Model:
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.add_(NOISE * torch.randn(tensor.shape, generator=draw).to(tensor))
    return model


def _threads_for(model: Model) -> contextlib.AbstractContextManager[None]:
    """One for a small model: more would wait for each other longer than they compute."""
    small = sum(tensor.numel() for tensor in model.parameters()) < _SMALL
    return one_thread() if small else contextlib.nullcontext()


def _compiled(model: Model, backend: str) -> None:
    """Whole, or an error: what falls back to eager proves nothing."""
    speed_up(model, model.graph, "whole", "inductor" if backend == "compiled" else backend)


@dataclass(frozen=True)
class Case:
    """A contract with some inputs given, in several draws."""

    verdict: Verdict
    data: str
    lengths: Mapping[str, int]
    draws: Sequence[tuple[int, Sequence[Step]]]
    obstacle: str = ""


class Bench:
    """One model, and all the ways in which it is run."""

    def __init__(
        self,
        model: Model,
        device: torch.device,
        precision: Precision,
        backend: str,
        seeds: range,
        ways: Collection[str],
    ) -> None:
        self.model, self.device, self.seeds = model, device, seeds
        self.precision: Precision = precision
        self.graph: Graph = model.graph
        self.compiled = backend != "eager"
        self.low = torch.bfloat16 if precision == "bf16" else None
        known = lowerings(model, device.type, self.compiled)
        if ways and not any(it.name in ways for it in known):
            raise ValueError(f"a model like this is computed {', '.join(f'`{it.name}`' for it in known)}")
        self.ways: tuple[Lowering, ...] = tuple(it for it in known if not ways or it.name in ways)
        self.roles: Mapping[str, Role] = roles_of(self.graph)

    def findings(self, verdict: Verdict) -> Iterator[Finding]:
        contract = verdict.contract
        blank = Finding(contract.kind, contract.arguments, verdict.status, "not probed")
        if contract.kind not in PROBERS:
            yield replace(blank, said="a budget is counted, not run")
            return
        modes: list[Mode] = [mode for mode in MODES if contract.get("mode") in (None, mode)]
        for data, given in self._data(contract).items():
            case = self._case(verdict, data, given)
            about = replace(blank, data=data, lengths=tuple(case.lengths.items()))
            for way in self.ways:
                for mode in modes:
                    here = replace(about, mode=mode, lowering=way.name, verdict=self._judged(verdict, mode))
                    if case.obstacle:
                        yield replace(here, said=case.obstacle)
                    else:
                        subject = Subject(way, mode, self.low, self.compiled)
                        yield Trial(contract, here.verdict, subject, TOLERANCE[self.precision]).run(here, case.draws)

    def _judged(self, verdict: Verdict, mode: Mode) -> str:
        """The verdict in one mode."""
        contract = verdict.contract
        if verdict.status == "proved" or contract.get("mode") or "mode" not in KINDS[contract.kind].arguments:
            return verdict.status
        return status_of(self.graph, contract, "mode", mode)

    # -- which inputs are given ---------------------------------------------------------------------------------------

    def _data(self, contract: Contract) -> dict[str, frozenset[str]]:
        """By a word: the optional inputs that are given. Those that the contract names are given always."""
        optional = frozenset(it.name for it in self.graph.body.inputs if it.default is not None)
        needed = optional & {str(contract.get(name)) for name in ("where", "documents", "input")}
        return {self._word(given): given for given in dict.fromkeys((needed, optional))}

    def _word(self, given: frozenset[str]) -> str:
        there = [it for it in self.graph.body.inputs if it.default is None or it.name in given]
        padded = any(it.type.dtype == "bool" and self.roles.get(it.name) != "pairs" for it in there)
        packed = any(self.roles.get(it.name) == "documents" for it in there)
        missing = [f"`{it.name}`" for it in self.graph.body.inputs if it not in there]
        word = " and ".join(["padded"] * padded + ["packed"] * packed) or "plain"
        return f"{word} (no {' and '.join(missing)})" if missing else word

    # -- making probes ------------------------------------------------------------------------------------------------

    def _case(self, verdict: Verdict, data: str, given: frozenset[str]) -> Case:
        least, why = least_length(verdict.contract), ""
        if least > LONGEST:
            return Case(verdict, data, {}, (), f"it is about {least:,} positions, and at most {LONGEST} are run")
        for lengths in lengths_to_try(self.graph, least):
            try:
                drawing = self._drawing(verdict.contract, lengths, self.seeds.start)
                self._run(drawing.all(given))
            except FAILS as error:
                why = why or message(error)
                continue
            draws = [(seed, list(self._steps(verdict.contract, lengths, given, seed))) for seed in self.seeds]
            return Case(verdict, data, lengths, draws)
        return Case(verdict, data, {}, (), f"it runs at none of the lengths that were tried: {why}")

    def _run(self, inputs: Inputs) -> None:
        names = [name for name, _ in self.graph.body.outputs]
        Subject(Lowering("as compiled", self.model), "evaluation", self.low, self.compiled).values(names, inputs)

    def _drawing(self, contract: Contract, lengths: Mapping[str, int], seed: int) -> Drawing:
        dtype = torch.float64 if self.precision == "fp64" else torch.float32
        draw = torch.Generator().manual_seed(seed)
        return Drawing(self.graph, lengths, self.roles, padded_on_the_left(contract), self.device, dtype, draw)

    def _steps(
        self, contract: Contract, lengths: Mapping[str, int], given: frozenset[str], seed: int
    ) -> Iterator[Step]:
        drawing = self._drawing(contract, lengths, seed)
        scene = Scene(Reading(contract, Judge(self.graph)), drawing, drawing.all(given))
        try:
            yield from PROBERS[contract.kind](scene)
        except Senseless as fault:
            yield Skip(f"{fault.message}: what the model computes cannot be held fixed")
