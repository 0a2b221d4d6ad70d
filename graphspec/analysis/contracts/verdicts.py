"""Contracts → verdicts, and what is wrong with contracts that make no sense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphspec.analysis.contracts.held import held
from graphspec.analysis.contracts.kinds import KINDS, Form
from graphspec.analysis.contracts.questions import MODES, Answer, Case, Judge, Mode, Status
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.analysis.paths import Hop
from graphspec.diagnostics import Report, suggestion
from graphspec.graph import Contract, Graph

_NOUNS: dict[Form, tuple[type, str]] = {
    "output": (str, "the name of an output or node"),
    "input": (str, "the name of an input"),
    "tensor": (str, "the name of a tensor"),
    "axis": (str, "the name of an axis"),
    "number": (int, "a whole number"),
    "count": (int, "a whole number from 0 on"),
    "size": (int, "a whole number from 1 on"),
    "flag": (bool, "`true` or `false`"),
    "side": (str, "`right` or `left`"),
    "mode": (str, "`training` or `evaluation`"),
}
_ONE_OF: dict[Form, tuple[str, ...]] = {"side": ("right", "left"), "mode": MODES}
_LEAST: dict[Form, int] = {"count": 0, "size": 1}


@dataclass(frozen=True)
class Verdict:
    """What is known of a contract, and `summary` says it in a line.

    `path` leads from the output to the entry that it must not read (or, for `uses`, that it should); `reason` says what
    stopped the proof, where neither proof nor refutation succeeded. `modes`: the outcome in training and in evaluation,
    where it is not the same; the status is the worse one.
    """

    contract: Contract
    status: Status
    summary: str
    path: tuple[Hop, ...] = ()
    reason: str = ""
    modes: tuple[tuple[Mode, Status], ...] = ()

    def explanation(self) -> Iterator[str]:
        """Why it is not proved, a line each: what was found, then by which path; or what stopped the proof."""
        if self.status != "proved":
            yield self.reason or self.summary
            yield from (f"{hop}, {hop.span}" for hop in self.moves)

    @property
    def is_measured(self) -> bool:
        """Whether the summary tells more than that the promise holds: a number that was found."""
        return not KINDS[self.contract.kind].promise

    @property
    def moves(self) -> tuple[Hop, ...]:
        """The hops of the path that lead to another place, with its ends."""
        return tuple(hop for hop in self.path if hop.moves or hop in (self.path[0], self.path[-1]))


def verdicts(graph: Graph) -> tuple[Verdict, ...]:
    """The verdict on each contract of a graph."""
    judge = Judge(graph)
    return tuple(_verdict(contract, judge) for contract in graph.contracts)


def causality(graph: Graph, output: str, input: str) -> Verdict:
    """Whether an output reads an input up to its own position only: the licence to keep what was computed."""
    return _verdict(Contract("causal", (("output", output), ("input", input))), Judge(graph))


def check_contracts(graph: Graph, report: Report) -> None:
    """Report contracts that name what does not exist, or say nothing about this model."""
    judge, seen = Judge(graph), set[Contract]()
    for contract in graph.contracts:
        if contract in seen:
            report.warning("repeated-contract", f"`{contract.kind}` is asked twice", contract.span, help="remove one")
        seen.add(contract)
        if contract.kind not in KINDS:
            help = suggestion(contract.kind, KINDS, "contracts")
            report.error("unknown-contract", f"there is no contract `{contract.kind}`", contract.span, help=help)
        elif not _misused(contract, graph, report):
            try:
                _cases(contract, _holding(contract, judge))
            except Senseless as fault:
                report.error("contract-argument", fault.message, contract.place(fault.argument), help=fault.help)


def _misused(contract: Contract, graph: Graph, report: Report) -> bool:
    """Whether arguments are unknown, missing or of the wrong form."""
    kind, found = KINDS[contract.kind], False
    known = kind.takes(graph)
    for name, value in contract.arguments:
        if name not in known:
            found, help = True, suggestion(name, known, "arguments")
            message = f"`{contract.kind}` has no argument `{name}`"
            report.error("contract-argument", message, contract.place(name), help=help)
        elif not _fits(known[name], value):
            found, noun = True, _NOUNS[known[name]][1]
            message = f"`{name}` of `{contract.kind}` is {noun}, not `{value}`"
            words = _ONE_OF.get(known[name])
            help = suggestion(str(value), words, "words") if words else ""
            report.error("contract-argument", message, contract.place(name), help=help)
    for name in kind.needed:
        if contract.get(name) is None:
            found, help = True, f"write `{name}: …`"
            report.error("contract-argument", f"`{contract.kind}` needs `{name}`", contract.span, help=help)
    return found


def _fits(form: Form, value: str | int | bool) -> bool:
    wanted = _NOUNS[form][0]
    if form in _ONE_OF:
        return value in _ONE_OF[form]
    if not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool)):
        return False
    return not isinstance(value, int) or value >= _LEAST.get(form, value)


# -- judging ----------------------------------------------------------------------------------------------------------


def _verdict(contract: Contract, judge: Judge) -> Verdict:
    if contract.kind not in KINDS or _misused(contract, judge.graph, Report()):
        return Verdict(contract, "unknown", "the contract makes no sense", reason="the contract makes no sense")
    try:
        answers: dict[Mode, Answer] = dict(_answers(contract, _holding(contract, judge)))
    except Senseless as fault:
        return Verdict(contract, "unknown", fault.message, reason=fault.message)
    return _summed_up(contract, answers)


def _summed_up(contract: Contract, answers: Mapping[Mode, Answer]) -> Verdict:
    answer = _worst(iter(answers.values()))
    differ = len({answer.status for answer in answers.values()}) > 1
    modes: list[tuple[Mode, Status]] = [(mode, answer.status) for mode, answer in answers.items()] if differ else []
    said = answer.said or KINDS[contract.kind].promise
    if modes:
        said = f"{', '.join(f'{status} in {mode}' for mode, status in modes)}: {said}"
    return Verdict(contract, answer.status, said, answer.path, said if answer.status == "unknown" else "", tuple(modes))


def _answers(contract: Contract, judge: Judge) -> Iterator[tuple[Mode, Answer]]:
    """In the mode that the contract names; else in training and, where that is not the same, in evaluation."""
    named = contract.get("mode")
    wanted: list[Mode] = [mode for mode in MODES if named in (None, mode)]
    for mode in wanted:
        own = judge.in_mode(mode)
        yield mode, _worst(case() for case in _cases(contract, own))
        if not own.by_mode:
            return


def _holding(contract: Contract, judge: Judge) -> Judge:
    """With the nodes that the contract holds fixed turned into inputs."""
    for name, form in KINDS[contract.kind].arguments.items():
        value = contract.get(name)
        if form == "tensor" and isinstance(value, str) and judge.graph.body.has_node(value):
            judge = Judge(held(judge.graph, value))
    return judge


def _cases(contract: Contract, judge: Judge) -> list[Case]:
    return list(KINDS[contract.kind].cases(Reading(contract, judge)))


def _worst(answers: Iterator[Answer]) -> Answer:
    """Refuted if any is, else unknown if any is."""
    unknown: Answer | None = None
    last = Answer("proved")
    for answer in answers:
        if answer.status == "refuted":
            return answer
        unknown = unknown or (answer if answer.status == "unknown" else None)
        last = answer
    return unknown or last
