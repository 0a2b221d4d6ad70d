"""What holds of every graph between two passes."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.passes.expose import turn_output
from graphspec.graph import Body, Graph, Node, Repeat, inner_bodies


class BrokenGraph(AssertionError):
    """A pass made a graph that cannot be computed: which pass, and what is wrong."""


def check(graph: Graph, after: str) -> None:
    """Raise `BrokenGraph` if an invariant does not hold."""
    for body in graph.bodies():
        for problem in _problems(body):
            raise BrokenGraph(f"after {after}, in {body.block or graph.name}: {problem}")


def _problems(body: Body) -> Iterator[str]:
    known: dict[str, set[str]] = {}
    for source in body.inputs:
        if source.name in known:
            yield f"two inputs are called {source.name}"
        known[source.name] = {""}
    for node in body.nodes:
        for port, ref in node.inputs:
            if ref.output not in known.get(ref.name, ()):
                yield f"{node.name} reads {ref} at {port}, which is not there before it"
        if node.name in known:
            yield f"{node.name} is there twice"
        if not node.outputs:
            yield f"{node.name} gives nothing"
        known[node.name] = {"", *(value.name for value in node.outputs)}
        yield from _call_problems(node)
    for name, ref in body.outputs:
        if ref.output not in known.get(ref.name, ()):
            yield f"the output {name} is {ref}, which is not there"


def _call_problems(node: Node) -> Iterator[str]:
    given = {port for port, _ in node.inputs}
    for body in inner_bodies(node):
        lacking = [source.name for source in body.inputs if source.name not in given]
        if lacking:
            yield f"{node.name} does not give {', '.join(lacking)} to {body.block}"
        given_out = [name for name, _ in body.outputs]
        taken_out = dict.fromkeys(turn_output(value.name)[0] for value in node.outputs)
        if [name for name in taken_out if name in given_out or not name.endswith("@")] != given_out:
            yield f"{node.name} gives {list(taken_out)}, but {body.block} gives {given_out}"
    if isinstance(node.does, Repeat) and node.does.runs and not node.inputs:
        yield f"{node.name} repeats a block without an input"
