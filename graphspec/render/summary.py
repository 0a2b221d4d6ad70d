"""What a spec is, on one screen: inputs, outputs, sizes, costs, contracts with their verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphspec.analysis.cost import Costs, amount, human
from graphspec.graph import Contract, Graph, Input

if TYPE_CHECKING:
    from graphspec.analysis.contracts import Verdict

MARKS = {"proved": "✓", "refuted": "✗", "unknown": "?"}
_SHOWN_BLOCKS = 12


@dataclass(frozen=True)
class Summary:
    """The facts of one checked spec."""

    graph: Graph
    verdicts: Sequence[Verdict]

    def as_text(self) -> str:
        return "\n".join(self._lines())

    def as_dict(self) -> dict[str, Any]:
        costs, graph = Costs(self.graph), self.graph
        per_token = costs.flops_per_token()
        return {
            "name": graph.name,
            "title": graph.title,
            "settings": {setting.name: setting.value for setting in graph.settings},
            "inputs": {source.name: input_text(source) for source in graph.body.inputs},
            "outputs": {name: str(graph.body.type_of(ref)) for name, ref in graph.body.outputs},
            "parameters": costs.number(costs.parameters()),
            "parameters_by_node": dict(self._by_node(costs)),
            "flops": str(costs.known(costs.flops())),
            "flops_per_token": {"constant": per_token[0], "per_position": per_token[1]} if per_token else None,
            "contracts": [_verdict_dict(verdict) for verdict in self.verdicts],
        }

    def _lines(self) -> Iterator[str]:
        graph = self.graph
        yield f"{graph.name}: {graph.title}" if graph.title else graph.name
        yield ""
        for title, lines in self.columns():
            yield from _column(title, lines)

    def columns(self) -> list[tuple[str, list[str]]]:
        """Each fact with its lines."""
        graph, costs = self.graph, Costs(self.graph)
        return [
            ("inputs", [f"{source.name}: {input_text(source)}" for source in graph.body.inputs]),
            ("outputs", [f"{name}: {graph.body.type_of(ref)}" for name, ref in graph.body.outputs]),
            ("sizes", [_settings_text(graph)] if graph.settings else []),
            ("parameters", list(self._parameter_lines(costs))),
            ("FLOPs", [flops_text(costs)]),
            ("contracts", list(self._contract_lines())),
        ]

    def _by_node(self, costs: Costs) -> Iterator[tuple[str, int]]:
        for node in self.graph.body.nodes:
            count = costs.number(costs.node_parameters(node, self.graph.body))
            if count:
                yield node.name, count

    def _parameter_lines(self, costs: Costs) -> Iterator[str]:
        total = costs.number(costs.parameters())
        yield f"{total:,}" + (f" ({human(total).replace('G', 'B')})" if total >= 1000 else "")  # billions, as is usual
        parts = list(self._by_node(costs))
        width = max((len(name) for name, _ in parts[:_SHOWN_BLOCKS]), default=0)
        for name, count in parts[:_SHOWN_BLOCKS]:
            yield f"  {name:<{width}}  {count:>15,}  {100 * count / total:5.1f} %"
        if len(parts) > _SHOWN_BLOCKS:
            yield f"  and {len(parts) - _SHOWN_BLOCKS} more"

    def _contract_lines(self) -> Iterator[str]:
        for verdict in self.verdicts:
            found = f": {verdict.summary}" if verdict.status == "proved" and verdict.is_measured else ""
            yield f"{MARKS[verdict.status]} {verdict.status:<8} {contract_text(verdict.contract)}{found}"
            if verdict.status != "proved":
                yield from (f"    {line}" for line in verdict.explanation())


def summary(graph: Graph, verdicts: Sequence[Verdict]) -> Summary:
    """The facts of a graph with the verdicts on its contracts."""
    return Summary(graph, verdicts)


def arguments_text(contract: Contract) -> str:
    """`output: logits, input: tokens`."""
    return ", ".join(f"{name}: {_argument(value)}" for name, value in contract.arguments)


def contract_text(contract: Contract) -> str:
    """`causal (output: logits, input: tokens)`."""
    return f"{contract.kind} ({arguments_text(contract)})"


def _argument(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else value


def _column(title: str, lines: Sequence[str]) -> Iterator[str]:
    for place, line in enumerate(lines):
        yield f"{title if place == 0 else '':<12} {line}"


def input_text(source: Input) -> str:
    """The type of an input, with its default."""
    default = source.default
    written = str(default).lower() if isinstance(default, bool) else default
    return f"{source.type}" + (f" = {written}" if default is not None else "")


def _settings_text(graph: Graph) -> str:
    return ", ".join(f"{setting.name} {_value_text(setting.value)}" for setting in graph.settings)


def _value_text(value: int | float | bool | str) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def flops_text(costs: Costs) -> str:
    """What one position costs; or the whole, if that grows otherwise."""
    found = costs.flops_per_token()
    if found is None:
        return amount(costs.named(costs.flops()))
    constant, slope = found
    return f"{human(constant)} per token" + (f", and {human(slope)} for each position of length" if slope else "")


def _verdict_dict(verdict: Verdict) -> dict[str, Any]:
    return {
        "contract": verdict.contract.kind,
        "arguments": dict(verdict.contract.arguments),
        "verdict": verdict.status,
        "summary": verdict.summary,
        "modes": dict(verdict.modes),
        "explanation": list(verdict.explanation()),
    }
