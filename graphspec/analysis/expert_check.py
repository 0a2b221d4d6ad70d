"""Whether the experts of mixtures treat every position by itself, so that each can be given those that chose it."""

from __future__ import annotations

from collections.abc import Iterator

from graphspec.analysis.flow import FlowAnalysis, State
from graphspec.axes import Axis, TensorType, dim
from graphspec.diagnostics import Report
from graphspec.flow import NO_FACTS, Piece
from graphspec.graph import WEIGHT, Body, Graph, Mixture, Node
from graphspec.operators.flow_rules import ground
from graphspec.operators.pointwise import aligned


def check_experts(graph: Graph, report: Report) -> None:
    """Report every mixture whose expert mixes entries along an axis of the weights, or looks at where they stand."""
    found = [(node, body) for body in graph.bodies() for node in body.nodes if isinstance(node.does, Mixture)]
    flow = FlowAnalysis(graph) if found else None
    reported: set[Body] = set()
    for node, body in found:
        assert flow is not None and isinstance(node.does, Mixture)
        axis = next(_mixed(node, node.does, body, flow), None)
        if axis is None or node.does.body in reported:
            continue
        reported.add(node.does.body)
        message = f"the expert `{node.does.body.block}` does not treat every place along `{axis}` by itself"
        help = "an expert sees only the places that chose it: do what mixes them before or after the mixture"
        report.error("not-pointwise", message, node.span, help=help)


def _mixed(node: Node, mixture: Mixture, body: Body, flow: FlowAnalysis) -> Iterator[Axis]:
    """The axes of the weights along which an expert is more than a function of each entry."""
    ref = node.input(WEIGHT)
    assert ref is not None, f"{node.name} has no weights"
    inner, along = mixture.body, body.type_of(ref).axes[:-1]
    state = flow.body(inner, {source.name: NO_FACTS for source in inner.inputs}).outputs[0]
    for axis in along:
        place = _place(axis, node.type, flow)
        names = flow.names(node.type, place)
        marks = state.all_marks
        apart = marks.order(names, size=ground(axis.size, flow.sizes)) != "none"
        if apart or marks.uses_length(names) or _moves(axis, place, state, inner, flow):
            yield axis


def _place(axis: Axis, type: TensorType, flow: FlowAnalysis) -> int:
    return aligned((axis,), type.axes, flow.sizes).index(0)


def _moves(axis: Axis, place: int, state: State, body: Body, flow: FlowAnalysis) -> bool:
    """Whether some input is read elsewhere along the axis than at the reader's own place."""
    types = {source.name: source.type for source in body.inputs}
    found = ((axes, aligned((axis,), types[name].axes, flow.sizes)) for name, axes in state.reads.items())
    return any(not _is_own(item, place) for axes, at in found if 0 in at for item in axes[at.index(0)])


def _is_own(item: Piece, place: int) -> bool:
    return item.unit == place and item.relative.point == dim(0)
