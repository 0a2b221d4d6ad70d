"""Which node a mark comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphspec.analysis.flow import BodyFlow, FlowAnalysis
from graphspec.flow import Marks, all_marks
from graphspec.graph import Node, Ref, inner_bodies
from graphspec.operators import Operator
from graphspec.operators.flow_rules import effect_of


def culprit(analysis: FlowAnalysis, ref: Ref, guilty: Callable[[Marks], bool]) -> str:
    """The first node that a value is made from whose own marks are guilty, by its path; empty if there is none."""
    found = next(_guilty(analysis, analysis.whole(), [ref], guilty, ""), "")
    return f"`{found}`" if found else ""


def _guilty(
    analysis: FlowAnalysis, flow: BodyFlow, refs: list[Ref], guilty: Callable[[Marks], bool], above: str
) -> Iterator[str]:
    """Backwards from some values of a body, the nearest first."""
    waiting, seen = [ref.name for ref in refs], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen or not flow.body.has_node(name):
            continue
        seen.add(name)
        node = flow.body.node(name)
        path = f"{above}{name.partition('~')[0]}"
        facts = {port: flow.state(ref).facts for port, ref in node.inputs}
        if isinstance(node.does, Operator) and guilty(_own_marks(analysis, flow, node)):
            yield path
        for inner in inner_bodies(node):
            outputs = [ref for _, ref in inner.outputs]
            yield from _guilty(analysis, analysis.body(inner, facts), outputs, guilty, f"{path}.")
        waiting += [ref.name for _, ref in node.inputs]


def _own_marks(analysis: FlowAnalysis, flow: BodyFlow, node: Node) -> Marks:
    use = analysis.use(node, flow)
    effects = [effect_of(use, at) for at in range(len(node.outputs))]
    turned = (Marks(absolutes=effect.turned.axes) for effect in effects if effect.turned)
    choices = (choice.marks for effect in effects for choice in effect.choices)
    shown = Marks(shown=frozenset(found.keys for effect in effects for found in effect.shown))
    return all_marks([*(effect.marks for effect in effects), *turned, *choices, shown])
