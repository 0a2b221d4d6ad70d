"""Budgets: how many learned numbers, operations or bytes a model may take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from graphspec.analysis.contracts.questions import Answer, Case
from graphspec.analysis.contracts.reading import Reading, Senseless
from graphspec.analysis.cost import Costs, human
from graphspec.axes import Dim, TensorType
from graphspec.graph import Node

SHOWN = 3
LEARNED_BYTES = 4
ELEMENT_BYTES = {"int": 8, "bool": 1}
"""Of the elements of inputs and outputs that are no floating-point numbers."""


def parameters(reading: Reading) -> Iterator[Case]:
    costs = Costs(reading.graph)
    total, parts = costs.number(costs.parameters()), _parts(reading, costs.node_parameters, costs, {})
    yield partial(_within, reading, total, f"{_count(total)} parameters", parts)


def flops(reading: Reading) -> Iterator[Case]:
    """Of one pass at the stated sizes; without, of one token, but for what grows with the length."""
    costs, sizes = Costs(reading.graph), reading.sizes()
    if sizes is not None:
        total = costs.at(costs.flops(), sizes)
        if total is None:
            raise Senseless("", "the FLOPs at these sizes are no number", "state sizes that fit the model")
        said = f"{_count(total)} FLOPs at {_written(sizes)}" if sizes else f"{_count(total)} FLOPs"
        yield partial(_within, reading, total, said, _parts(reading, costs.node_flops, costs, sizes))
        return
    per_token = costs.flops_per_token()
    if per_token is None:
        open_ = next(axis.name for axis in reading.graph.axes if axis.size is None and axis.role != "batch")
        raise Senseless("", "there is no number of FLOPs per token for this model", f"state the sizes: `{open_}: …`")
    total, slope = per_token
    said = f"{_count(total)} FLOPs per token" + (f" (and {_count(slope)} for each position of length)" if slope else "")
    yield partial(_within, reading, total, said, _parts_per_token(reading, costs))


def memory(reading: Reading) -> Iterator[Case]:
    """Of the learned tensors; where sizes are stated, of the inputs and outputs too."""
    costs, each = Costs(reading.graph), reading.stated("bytes") or LEARNED_BYTES
    total, parts = costs.number(costs.parameters()) * each, _parts(reading, costs.node_parameters, costs, {})
    parts = Counter({name: count * each for name, count in parts.items()})
    said = ""
    if any(reading.contract.get(axis.name) is not None for axis in reading.graph.axes):
        sizes = reading.sizes() or {}
        ends = Counter(dict(_ends(reading, costs, sizes, each)))
        total, parts, said = total + ends.total(), parts + ends, f" at {_written(sizes)}"
    yield partial(_within, reading, total, f"{_count(total)} bytes{said}", parts)


def _ends(reading: Reading, costs: Costs, sizes: Mapping[str, int], each: int) -> Iterator[tuple[str, int]]:
    """The bytes of each input, and of each output that is not another one."""
    body = reading.graph.body
    held = {source.name: source.type for source in body.inputs}
    made = {ref: name for name, ref in reversed(body.outputs) if ref.name not in held}
    for name, given in [*held.items(), *((name, body.type_of(ref)) for ref, name in made.items())]:
        yield name, _bytes(given, costs, sizes, each)


def _bytes(given: TensorType, costs: Costs, sizes: Mapping[str, int], each: int) -> int:
    number = costs.at(given.elements(), sizes)
    if number is None:
        raise Senseless("", f"`{given}` has no size at these", "state sizes that fit the model")
    return number * ELEMENT_BYTES.get(given.dtype, each)


def _parts(reading: Reading, cost: Callable[..., Dim], costs: Costs, sizes: Mapping[str, int]) -> Counter[str]:
    """What each node of the model's own body takes, with its parts."""
    found: Counter[str] = Counter()
    nodes: tuple[Node, ...] = reading.graph.body.nodes
    for node in nodes:
        found[node.name.partition("~")[0]] += costs.at(cost(node, reading.graph.body), sizes) or 0
    return found


def _parts_per_token(reading: Reading, costs: Costs) -> Counter[str]:
    """What each node takes per token but for what grows with the length: at lengths `n` it takes `n·(a + b·n)`."""
    free = [axis for axis in reading.graph.axes if axis.size is None]
    one, two = (
        _parts(reading, costs.node_flops, costs, {axis.name: 1 if axis.role == "batch" else n for axis in free})
        for n in (1, 2)
    )
    return Counter({name: 2 * one[name] - two[name] // 2 for name in one})


def _within(reading: Reading, total: int, said: str, parts: Counter[str]) -> Answer:
    most = reading.number("at_most")
    if total <= most:
        return Answer("proved", said)
    largest = ", ".join(f"`{name}` {_count(count)}" for name, count in parts.most_common(SHOWN) if count)
    return Answer("refuted", f"{said}, {_count(total - most)} over the budget; the largest: {largest}")


def _count(number: int) -> str:
    return f"{number:,}" if number < 1_000_000 else f"{number:,} ({human(number)})"


def _written(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {number:,}" for name, number in sizes.items())
