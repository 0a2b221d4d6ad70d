"""The kinds of contracts: the arguments that each takes, and the cases that it comes down to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from graphspec.analysis.contracts.bounds import causal, independent, prefix_causal, reach
from graphspec.analysis.contracts.budgets import flops, memory, parameters
from graphspec.analysis.contracts.decide import decide
from graphspec.analysis.contracts.guards import ignores_padding, isolates
from graphspec.analysis.contracts.questions import Case, Question
from graphspec.analysis.contracts.reading import Reading
from graphspec.analysis.contracts.symmetry import equivariant, invariant, uses
from graphspec.graph import Graph

Form = Literal["output", "input", "tensor", "axis", "number", "count", "size", "flag", "side", "mode"]
Cases = Callable[[Reading], Iterator[Case]]


@dataclass(frozen=True)
class Kind:
    """One kind of contract: what each argument may be, which it needs, its cases, and what it promises.

    `sized`: run-time sizes may be stated, each under the name of its axis.
    """

    arguments: Mapping[str, Form]
    needed: tuple[str, ...]
    cases: Cases
    promise: str
    sized: bool = False

    def takes(self, graph: Graph) -> Mapping[str, Form]:
        """The arguments, with the axes that a budget may state the sizes of."""
        free = [axis.name for axis in graph.axes if axis.size is None] if self.sized else []
        return {**dict.fromkeys(free, "size"), **self.arguments}


def _asking(questions: Callable[[Reading], Iterator[Question]]) -> Cases:
    return lambda reading: (partial(decide, reading.judge, question) for question in questions(reading))


_MODE: Mapping[str, Form] = {"mode": "mode"}
_ONE: Mapping[str, Form] = {"output": "output", "input": "input"}
_PAIR: Mapping[str, Form] = {**_ONE, "axis": "axis"}
_ALONG: Mapping[str, Form] = {"output": "output", "axis": "axis", **_MODE}
_CAUSAL: Mapping[str, Form] = {**_PAIR, "shift": "number", "at": "size", **_MODE}
_PREFIX: Mapping[str, Form] = {**_PAIR, "n": "count", "at": "size", **_MODE}
_REACH: Mapping[str, Form] = {
    **_PAIR, "left": "number", "right": "number", "prefix": "count", "at_least": "size", "side": "side", **_MODE
}  # fmt: skip
_PADDING: Mapping[str, Form] = {**_ONE, "where": "tensor", "side": "side", **_MODE}
_DOCUMENTS: Mapping[str, Form] = {**_ONE, "documents": "tensor", "alone": "flag", **_MODE}
_USES: Mapping[str, Form] = {**_PAIR, "all": "flag", **_MODE}
_BUDGET: Mapping[str, Form] = {"at_most": "count"}

KINDS: Mapping[str, Kind] = {
    "causal": Kind(_CAUSAL, (), _asking(causal), "no position reads a later one"),
    "prefix_causal": Kind(_PREFIX, ("n",), _asking(prefix_causal), "beyond the prefix, none reads a later one"),
    "independent": Kind({**_PAIR, **_MODE}, ("axis",), _asking(independent), "no entry reads another"),
    "ignores_padding": Kind(_PADDING, ("where",), _asking(ignores_padding), "nothing real reads padding"),
    "isolates": Kind(_DOCUMENTS, ("documents",), _asking(isolates), "none reads another document"),
    "reach": Kind(_REACH, (), reach, "none reads further"),
    "equivariant": Kind(_ALONG, ("axis",), equivariant, "a permutation passes through"),
    "invariant": Kind(_ALONG, ("axis",), invariant, "a permutation changes nothing"),
    "uses": Kind(_USES, ("input",), uses, "it is read"),
    "parameters": Kind(_BUDGET, ("at_most",), parameters, ""),
    "flops": Kind(_BUDGET, ("at_most",), flops, "", sized=True),
    "memory": Kind({**_BUDGET, "bytes": "size"}, ("at_most",), memory, "", sized=True),
}
