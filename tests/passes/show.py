"""Graphs as text, for before and after."""

from __future__ import annotations

from graphspec.graph import Body, Call, Graph, Node, Repeat, inner_bodies


def show(graph: Graph) -> str:
    """Every body, inner ones first, a node a line."""
    return "\n".join(line for body in graph.bodies() for line in _body(body))


def _body(body: Body) -> list[str]:
    inputs = ", ".join(f"{i.name}{'?' * (i.default is not None)}" for i in body.inputs)
    outputs = ", ".join(f"{name}={ref}" for name, ref in body.outputs)
    return [f"{body.block}({inputs}):", *(f"  {_node(node)}" for node in body.nodes), f"  -> {outputs}"]


def _node(node: Node) -> str:
    match node.does:
        case Call():
            what = inner_bodies(node)[0].block
        case Repeat(times=times):
            what = f"{' '.join(body.block for body in inner_bodies(node))} x {times}"
        case operator:
            what = operator.op
            what += f"[{operator.mask}]" if hasattr(operator, "mask") else ""
            what += f"[{operator.function}]" if hasattr(operator, "function") else ""
    outputs = "".join(f" .{value.name}" for value in node.outputs[1:])
    return f"{node.name}{outputs} = {what}({', '.join(f'{port}={ref}' for port, ref in node.inputs)})"
