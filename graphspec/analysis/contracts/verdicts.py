"""Contracts → verdicts, and what is wrong with contracts that make no sense."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphspec.analysis.contracts.kinds import KINDS, Case, Form
from graphspec.analysis.contracts.questions import Answer, Judge, Status
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.analysis.paths import Hop
from graphspec.diagnostics import Report, suggestion
from graphspec.graph import Body, Contract, Graph, Input, Ref

_NOUNS: dict[Form, tuple[type, str]] = {
    "output": (str, "the name of an output or node"),
    "input": (str, "the name of an input"),
    "tensor": (str, "the name of a tensor"),
    "axis": (str, "the name of an axis"),
    "number": (int, "a whole number"),
    "flag": (bool, "`true` or `false`"),
    "side": (str, "`right` or `left`"),
}


@dataclass(frozen=True)
class Verdict:
    """What is known of a contract, and `summary` says it in a line.

    `path` leads from the output to the entry that it must not read (or, for `uses`, that it should); `reason` says what
    stopped the proof, where neither proof nor refutation succeeded.
    """

    contract: Contract
    status: Status
    summary: str
    path: tuple[Hop, ...] = ()
    reason: str = ""

    def explanation(self) -> Iterator[str]:
        """Why it is not proved, a line each: what was found, then by which path; or what stopped the proof."""
        if self.status != "proved":
            yield self.reason or self.summary
            yield from (f"{hop}, {hop.span}" for hop in self.moves)

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
    judge = Judge(graph)
    for contract in graph.contracts:
        if contract.kind not in KINDS:
            help = suggestion(contract.kind, KINDS, "contracts")
            report.error("unknown-contract", f"there is no contract `{contract.kind}`", contract.span, help=help)
        elif not _misused(contract, report):
            try:
                _cases(contract, judge)
            except Senseless as fault:
                report.error("contract-argument", fault.message, contract.place(fault.argument), help=fault.help)


def _misused(contract: Contract, report: Report) -> bool:
    """Whether arguments are unknown, missing or of the wrong form."""
    kind, found = KINDS[contract.kind], False
    for name, value in contract.arguments:
        if name not in kind.arguments:
            found, help = True, suggestion(name, kind.arguments, "arguments")
            message = f"`{contract.kind}` has no argument `{name}`"
            report.error("contract-argument", message, contract.place(name), help=help)
        elif not _fits(kind.arguments[name], value):
            found, noun = True, _NOUNS[kind.arguments[name]][1]
            message = f"`{name}` of `{contract.kind}` is {noun}, not `{value}`"
            report.error("contract-argument", message, contract.place(name))
    for name in kind.needed:
        if contract.get(name) is None:
            found, help = True, f"write `{name}: …`"
            report.error("contract-argument", f"`{contract.kind}` needs `{name}`", contract.span, help=help)
    return found


def _fits(form: Form, value: str | int | bool) -> bool:
    wanted = _NOUNS[form][0]
    if form == "side":
        return value in ("right", "left")
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


# -- judging ----------------------------------------------------------------------------------------------------------


def _verdict(contract: Contract, judge: Judge) -> Verdict:
    if contract.kind not in KINDS or _misused(contract, Report()):
        return Verdict(contract, "unknown", "the contract makes no sense", reason="the contract makes no sense")
    try:
        answer = _worst(case() for case in _cases(contract, judge))
    except Senseless as fault:
        answer = Answer("unknown", fault.message)
    promise = KINDS[contract.kind].promise
    reason = answer.said if answer.status == "unknown" else ""
    return Verdict(contract, answer.status, answer.said or promise, answer.path, reason)


def _cases(contract: Contract, judge: Judge) -> list[Case]:
    for name, form in KINDS[contract.kind].arguments.items():
        value = contract.get(name)
        if form == "tensor" and isinstance(value, str) and judge.graph.body.has_node(value):
            judge = Judge(held(judge.graph, value))
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


def held(graph: Graph, name: str) -> Graph:
    """The graph with a node of the model's own body turned into an input: what it is made from is held fixed."""
    body, source = graph.body, graph.body.node(name)

    def moved(ref: Ref) -> Ref:
        return Ref(name, "") if ref.name == name else ref

    nodes = tuple(
        replace(node, inputs=tuple((port, moved(ref)) for port, ref in node.inputs))
        for node in body.nodes
        if node.name != name
    )
    outputs = tuple((output, moved(ref)) for output, ref in body.outputs)
    inputs = (*body.inputs, Input(name, source.type, span=source.span))
    return replace(graph, body=Body(body.block, inputs, nodes, outputs, body.signature, body.span))
