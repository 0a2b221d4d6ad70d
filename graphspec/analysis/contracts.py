"""Contracts over the flow of a graph: proved by a bound that holds, refuted by a path replayed with numbers.

Between the two stands *unknown*: a bound is exceeded, but no replay at small sizes attains it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from graphspec.analysis.flow import FlowAnalysis, State
from graphspec.analysis.paths import Hop, PathSearch
from graphspec.analysis.replay import Replay, Setting, Unfit
from graphspec.diagnostics import Note, Report, suggestion
from graphspec.flow import Piece
from graphspec.graph import Contract, Graph, Ref

Status = Literal["proved", "refuted", "unknown"]
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "causal": ("output", "input", "axis", "shift"),
    "independent": ("axis", "output", "input"),
    "ignores_padding": ("output", "input", "where", "side"),
    "isolates": ("output", "input", "documents", "alone"),
    "prefix_causal": ("output", "input", "n", "axis"),
    "equivariant": ("output", "input", "axis"),
    "invariant": ("output", "input", "axis"),
    "reach": ("output", "input", "axis", "left", "right", "at_least"),
    "uses": ("output", "input", "all"),
    "parameters": ("at_most", "at_least"),
    "flops": ("at_most",),
    "memory": ("at_most",),
}
REQUIRED: Mapping[str, tuple[str, ...]] = {"causal": ("output", "input"), "independent": ("axis",)}
_LENGTHS = (2, 3, 5)


@dataclass(frozen=True)
class Verdict:
    """What is known of one contract. `path` leads from the output to the input where it is refuted."""

    contract: Contract
    status: Status
    path: tuple[Hop, ...] = ()
    reason: str = ""

    def explanation(self) -> Iterator[str]:
        """Why it is not proved, a line each: the path in the spec's names, or what stopped the proof."""
        if self.reason:
            yield self.reason
        for hop in self.path:
            moves = f" from place {_place(hop.reader)} to {_place(hop.read)}" if hop.moves else ""
            why = f" ({hop.why})" if hop.why else ""
            yield f"{hop.node}: {hop.does}{moves}{why}, {hop.span}"


def _place(place: tuple[int, ...]) -> str:
    return ", ".join(map(str, place)) or "its length"


def verdicts(graph: Graph) -> tuple[Verdict, ...]:
    """The verdict on every contract that the spec states."""
    decider = _Decider(graph)
    return tuple(decider.decide(contract) for contract in graph.contracts)


def causality(graph: Graph, output: str, input: str) -> Verdict:
    """Whether `output[t]` reads of `input` no more than `input[: t + 1]`, stated as a contract or not."""
    return _Decider(graph).decide(Contract("causal", (("output", output), ("input", input))))


class _Decider:
    def __init__(self, graph: Graph) -> None:
        self.graph, self.analysis = graph, FlowAnalysis(graph)
        self.inputs = {source.name: source.type for source in graph.body.inputs}
        self.outputs = dict(graph.body.outputs)

    def decide(self, contract: Contract) -> Verdict:
        match contract.kind:
            case "causal":
                return self.causal(contract)
            case "independent":
                return self.independent(contract)
            case _:
                return Verdict(contract, "unknown", reason=f"`{contract.kind}` is not decided yet")

    def state(self, output: str) -> State:
        place = list(self.outputs).index(output)
        return self.analysis.whole().outputs[place]

    # -- causal ---------------------------------------------------------------------------------------------------------

    def causal(self, contract: Contract) -> Verdict:
        output, source = str(contract.get("output")), str(contract.get("input"))
        shift = contract.get("shift")
        limit = shift if isinstance(shift, int) else 0
        pair = self.followed(output, source, contract.get("axis"))
        if pair is None:
            reason = f"`{output}` and `{source}` have no position axis in common"
            return Verdict(contract, "unknown", reason=reason)
        own, axis = pair

        def allowed(piece: Piece) -> bool:
            along = dict(piece.rates) == {own: 1} and _at_most(piece.relative.high, limit)
            return along or _at_most(piece.absolute.high, limit)

        return self.bounded(contract, output, source, axis, allowed, lambda place, column: column > place + limit)

    def followed(self, output: str, source: str, asked: object) -> tuple[int, int] | None:
        """The position axis that an output and an input share: its place in each."""
        out, given = self.graph.body.type_of(self.outputs[output]), self.inputs[source]
        for at, size in enumerate(given.sizes):
            names = self.analysis.names(given, at)
            named = asked is None or asked in names
            if not named or self.graph.role(size) != "position":
                continue
            for own in range(len(out.axes)):
                if self.analysis.names(out, own) == names:
                    return own, at
        return None

    # -- independent ----------------------------------------------------------------------------------------------------

    def independent(self, contract: Contract) -> Verdict:
        asked = str(contract.get("axis"))
        outputs = [str(contract.get("output"))] if contract.get("output") else list(self.outputs)
        sources = [str(contract.get("input"))] if contract.get("input") else list(self.inputs)
        weakest = Verdict(contract, "proved")
        for output in outputs:
            for source in sources:
                for axis in range(len(self.inputs[source].axes)):
                    if asked in self.analysis.names(self.inputs[source], axis):
                        found = self.separate(contract, output, source, axis)
                        if found.status == "refuted":
                            return found
                        weakest = found if found.status == "unknown" else weakest
        return weakest

    def separate(self, contract: Contract, output: str, source: str, axis: int) -> Verdict:
        out = self.graph.body.type_of(self.outputs[output])
        names = self.analysis.names(self.inputs[source], axis)
        own = next((at for at in range(len(out.axes)) if self.analysis.names(out, at) == names), None)

        def allowed(piece: Piece) -> bool:
            at_zero = _at_most(piece.relative.high, 0) and _at_least(piece.relative.low, 0)
            return own is not None and dict(piece.rates) == {own: 1} and at_zero

        return self.bounded(contract, output, source, axis, allowed, lambda place, column: column != place)

    # -- bounds and witnesses -------------------------------------------------------------------------------------------

    def bounded(
        self,
        contract: Contract,
        output: str,
        source: str,
        axis: int,
        allowed: Callable[[Piece], bool],
        breaks: Callable[[int, int], bool],
    ) -> Verdict:
        state = self.state(output)
        names = self.analysis.names(self.inputs[source], axis)
        counts = state.all_marks.uses_length(names)
        relation = state.reads[source][axis] if source in state.reads else ()
        if all(map(allowed, relation)) and not counts:
            return Verdict(contract, "proved")
        path = self.witness(self.outputs[output], source, axis, breaks)
        if path:
            return Verdict(contract, "refuted", path)
        what = "its length is used as a number" if counts else "the bound is exceeded"
        return Verdict(contract, "unknown", reason=f"{what}, but no path at small sizes shows it")

    def witness(self, ref: Ref, source: str, axis: int, breaks: Callable[[int, int], bool]) -> tuple[Hop, ...]:
        """A path from an entry of the output to one of the input that it must not read."""
        for length in _LENGTHS:
            lengths = {info.name: length for info in self.graph.axes if info.size is None}
            try:
                replay = Replay(self.analysis, Setting(source, axis, lengths))
                reads = replay.frame.value(ref).reads
                for *place, column in replay.np.argwhere(reads).tolist():
                    if len(place) <= 1 and (column >= replay.count or breaks(place[0] if place else -1, column)):
                        return PathSearch(replay, column).find(ref, tuple(place))
            except Unfit:
                continue
        return ()


def _at_most(bound: object, limit: int) -> bool:
    from graphspec.axes import Dim, dim

    return isinstance(bound, Dim) and dim(limit).at_least(bound)


def _at_least(bound: object, limit: int) -> bool:
    from graphspec.axes import Dim

    return isinstance(bound, Dim) and bound.at_least(limit)


# -- contracts that make no sense ----------------------------------------------------------------------------------------


def check_contracts(graph: Graph, report: Report) -> None:
    """Report contracts that name what is not there, or that lack an argument."""
    for contract in graph.contracts:
        known = ARGUMENTS.get(contract.kind)
        if known is None:
            help = suggestion(contract.kind, ARGUMENTS, "contracts")
            report.error("unknown-contract", f"there is no contract `{contract.kind}`", contract.span, help=help)
            continue
        _check_arguments(graph, contract, known, report)


def _check_arguments(graph: Graph, contract: Contract, known: tuple[str, ...], report: Report) -> None:
    given = dict(contract.arguments)
    for name in REQUIRED.get(contract.kind, ()):
        if name not in given:
            message = f"`{contract.kind}` needs `{name}`"
            report.error("contract-argument", message, contract.span, help=f"add `{name}: …`")
    names = {
        "output": [name for name, _ in graph.body.outputs],
        "input": [source.name for source in graph.body.inputs],
        "where": [source.name for source in graph.body.inputs],
        "axis": [axis.name for axis in graph.axes],
    }
    for name, value in given.items():
        place = contract.place(name)
        if name not in known:
            help = suggestion(name, known, "arguments")
            report.error("contract-argument", f"`{contract.kind}` has no argument `{name}`", place, help=help)
        elif name in names and value not in names[name]:
            help = suggestion(str(value), names[name], f"{name}s")
            note = Note(f"in the contract `{contract.kind}`", contract.span)
            report.error("contract-argument", f"there is no {name} `{value}`", place, notes=[note], help=help)
