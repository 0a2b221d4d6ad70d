"""The kinds of contracts: the arguments that each takes, and the cases that it comes down to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from graphspec.analysis.contracts.bounds import causal, independent, prefix_causal, reach
from graphspec.analysis.contracts.guards import ignores_padding, isolates
from graphspec.analysis.contracts.questions import Answer, Case, Question
from graphspec.analysis.contracts.reading import Reading
from graphspec.analysis.contracts.symmetry import equivariant, invariant, uses

Form = Literal["output", "input", "tensor", "axis", "number", "flag", "side"]
Cases = Callable[[Reading], Iterator[Case]]


@dataclass(frozen=True)
class Kind:
    """One kind of contract: what each argument may be, which it needs, its cases, and what it promises."""

    arguments: Mapping[str, Form]
    needed: tuple[str, ...]
    cases: Cases
    promise: str


def _asking(questions: Callable[[Reading], Iterator[Question]]) -> Cases:
    return lambda reading: (partial(reading.judge.decide, question) for question in questions(reading))


def _unjudged(reading: Reading) -> Iterator[Case]:
    yield lambda: Answer("unknown", f"`{reading.contract.kind}` is not judged yet")


_ONE: Mapping[str, Form] = {"output": "output", "input": "input"}
_PAIR: Mapping[str, Form] = {**_ONE, "axis": "axis"}
_ALONG: Mapping[str, Form] = {"output": "output", "axis": "axis"}
_REACH: Mapping[str, Form] = {**_PAIR, "left": "number", "right": "number", "prefix": "number"}
_PADDING: Mapping[str, Form] = {**_ONE, "where": "tensor", "side": "side"}
_DOCUMENTS: Mapping[str, Form] = {**_ONE, "documents": "tensor", "alone": "flag"}
_BUDGET: Mapping[str, Form] = {"at_most": "number"}

KINDS: Mapping[str, Kind] = {
    "causal": Kind({**_PAIR, "shift": "number"}, (), _asking(causal), "no position reads a later one"),
    "prefix_causal": Kind(
        {**_PAIR, "n": "number"}, ("n",), _asking(prefix_causal), "beyond the prefix, none reads a later one"
    ),
    "independent": Kind(_PAIR, ("axis",), _asking(independent), "no entry reads another"),
    "ignores_padding": Kind(_PADDING, ("where",), _asking(ignores_padding), "nothing real reads padding"),
    "isolates": Kind(_DOCUMENTS, ("documents",), _asking(isolates), "none reads another document"),
    "reach": Kind(_REACH, (), _asking(reach), "none reads further"),
    "equivariant": Kind(_ALONG, ("axis",), equivariant, "a permutation passes through"),
    "invariant": Kind(_ALONG, ("axis",), invariant, "a permutation changes nothing"),
    "uses": Kind({**_ONE, "all": "flag"}, ("input",), uses, "it is read"),
    "parameters": Kind(_BUDGET, ("at_most",), _unjudged, ""),
    "flops": Kind(_BUDGET, ("at_most",), _unjudged, ""),
    "memory": Kind(_BUDGET, ("at_most",), _unjudged, ""),
}
