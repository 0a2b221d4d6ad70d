"""How much memory a training step takes at most: a model of it, from the graph alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphspec.analysis.cost import Costs
from graphspec.analysis.step import FP32, Step
from graphspec.axes import Axis, TensorType, dim
from graphspec.graph import Body, Call, Graph, Input, Node, Ref, Repeat, Value
from graphspec.operators import Operator
from graphspec.operators.loss import CrossEntropy
from graphspec.operators.shape import Slice

MOMENTS = 2
"""Numbers that AdamW remembers for each parameter."""


@dataclass(frozen=True)
class Memory:
    """Bytes of tensors in a training step. `peak`: at the worst moment, all counted.

    `kept`: what the operators keep for the backward pass, most first; `inputs` is what a step is given.
    `turns`: how many turns of repeats there are, of which `recomputed` are computed again instead of kept.
    """

    parameters: int
    gradients: int
    optimiser: int
    inputs: int
    kept: Mapping[str, int]
    peak: int
    turns: int
    recomputed: int

    @property
    def activations(self) -> int:
        """What is kept from the forward to the backward pass."""
        return sum(self.kept.values())


def training_memory(graph: Graph, sizes: Mapping[str, int], precision: str = "fp32", device: str = "cpu") -> Memory:
    """The memory of a step of AdamW at the sizes of the run-time axes.

    A graph without a loss is given the cross-entropy of its first output. Raises `ValueError` if a size is missing.
    """
    with_loss = add_loss(graph)
    step = Step(with_loss, sizes, precision, device)
    kept = step.run()
    learned = FP32 * Costs(graph).number(Costs(graph).parameters())
    held = (1 + MOMENTS) * learned
    repeats = list(_repeats(graph.body))
    return Memory(
        learned,
        learned,
        MOMENTS * learned,
        sum(step.own(it.type) for it in with_loss.body.inputs if it.default is None),
        kept,
        held + step.ledger.peak,
        sum(it.count for it in repeats),
        sum(it.recomputed for it in repeats),
    )


def add_loss(graph: Graph) -> Graph:
    """The graph with a cross-entropy as its last output, of next tokens where the first output has positions."""
    body = graph.body
    if any(isinstance(node.does, Operator) and node.does.family == "loss" for node in body.nodes):
        return graph
    logits = next(((name, ref) for name, ref in body.outputs if body.type_of(ref).dtype == "float"), None)
    if logits is None:
        return graph
    ref, given = logits[1], body.type_of(logits[1])
    labels = Input("labels~", TensorType("int", tuple(Axis(it.size) for it in given.axes[:-1])))
    nodes = list(body.nodes)
    places = [axis.size for axis in given.axes[:-1] if graph.role(axis.size) == "position"]
    if places:
        shorter = tuple(Axis(it.size - dim(1)) if it.size == places[-1] else it for it in given.axes)
        does = Slice(axis=places[-1], stop=places[-1] - dim(1))
        nodes.append(Node("predicted~", does, (("x", ref),), (Value("y", TensorType("float", shorter)),)))
        ref = Ref("predicted~", "")
    reads = (("logits", ref), ("labels", Ref("labels~", "")))
    nodes.append(Node("loss~", CrossEntropy(), reads, (Value("loss", TensorType("float", ())),)))
    inputs, outputs = (*body.inputs, labels), (*body.outputs, ("loss~", Ref("loss~", "")))
    return replace(graph, body=replace(body, inputs=inputs, nodes=tuple(nodes), outputs=outputs))


# -- recomputing -------------------------------------------------------------------------------------------------------


def recompute(graph: Graph, turns: int) -> Graph:
    """The graph in which so many turns are computed again by the backward pass, the first ones of each repeat."""
    left = turns

    def change(body: Body) -> Body:
        nonlocal left
        nodes: list[Node] = []
        for node in body.nodes:
            if isinstance(node.does, Repeat):
                taken = min(left, node.does.count)
                left -= taken
                node = replace(node, does=replace(node.does, recomputed=taken))
            elif type(node.does) is Call:
                node = replace(node, does=replace(node.does, body=change(node.does.body)))
            nodes.append(node)
        return replace(body, nodes=tuple(nodes))

    return replace(graph, body=change(graph.body))


def fit(graph: Graph, budget: int, sizes: Mapping[str, int], precision: str, device: str) -> tuple[Graph, Memory]:
    """The graph with the fewest turns recomputed that takes at most `budget` bytes, or else takes the least."""
    most = sum(it.count for it in _repeats(graph.body))
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if training_memory(recompute(graph, middle), sizes, precision, device).peak <= budget:
            high = middle
        else:
            low = middle + 1
    found = recompute(graph, low) if low else graph
    return found, training_memory(found, sizes, precision, device)


def _repeats(body: Body) -> list[Repeat]:
    """The outermost repeats."""
    found: list[Repeat] = []
    for node in body.nodes:
        if isinstance(node.does, Repeat):
            found.append(node.does)
        elif type(node.does) is Call:
            found += _repeats(node.does.body)
    return found
