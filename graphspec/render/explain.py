"""The refutation of a contract, as what a diagram shows of it: the way through the graph, and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from graphspec.analysis.contracts import Hop, Verdict, verdicts
from graphspec.analysis.paths import Trail
from graphspec.diagnostics import Report, suggestion
from graphspec.graph import Contract, Graph


@dataclass(frozen=True)
class Explanation:
    """Words for below the diagram, and the hops from the output `output` (empty: any) to the input."""

    caption: str
    hops: tuple[Hop, ...]
    output: str = ""


def explanation_of(graph: Graph, chosen: str, report: Report) -> Explanation | None:
    """Why a contract is refuted, chosen by its number (from 1) or its kind; of several of a kind the first refuted one.

    Error: `unknown-contract`. Warning, and nothing to paint: `nothing-to-explain`.
    """
    numbered = list(enumerate(graph.contracts, start=1))
    found = [(at, contract) for at, contract in numbered if chosen in (str(at), contract.kind)]
    if not found:
        known = [str(at) for at, _ in numbered] if chosen.isdigit() else [contract.kind for _, contract in numbered]
        help = suggestion(chosen, known, "contracts")
        report.error("unknown-contract", f"the spec has no contract `{chosen}`", None, help=help)
        return None
    judged = [(at, _verdict(graph, contract)) for at, contract in found]
    at, verdict = next(((at, v) for at, v in judged if v.status == "refuted"), judged[0])
    if verdict.status == "refuted":
        return Explanation(_caption(at, verdict), verdict.path, str(verdict.contract.get("output") or ""))
    reason = f": {verdict.reason}" if verdict.reason else ""
    message = f"contract {at}, `{verdict.contract.kind}`, is {verdict.status}{reason}"
    help = "the plain diagram is drawn; `graphspec check` lists the contracts with their verdicts"
    report.warning("nothing-to-explain", message, verdict.contract.span, help=help)
    return None


def _verdict(graph: Graph, contract: Contract) -> Verdict:
    (verdict,) = verdicts(replace(graph, contracts=(contract,)))
    return verdict


def _caption(at: int, verdict: Verdict) -> str:
    arguments = ", ".join(f"{name}: {value}" for name, value in verdict.contract.arguments)
    culprit = next((hop for hop in verdict.path if hop.moves), None)
    through = f", at {culprit.node}" + (f" ({culprit.why})" if culprit.why else "") if culprit else ""
    words = f"Contract {at}, {verdict.contract.kind}" + (f" ({arguments})" if arguments else "")
    return f"{words}, is refuted: {verdict.summary}{through}".replace("`", "")


def trails(hops: Sequence[Hop]) -> list[Trail]:
    """How to find the nodes on the way, from the output on; last the input, if the way ends there."""
    found = [trail for hop in hops for trail in hop.trails]
    return [*found, Trail(((hops[-1].source, None),), leaps=False)] if hops and hops[-1].source else found
