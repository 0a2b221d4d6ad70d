"""Compute once what is the same in all layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from compiler.passes.internal import MaskTensor, RotaryTable
from compiler.passes.rewrite import fresh, names, redirect, redirect_body
from compiler.target import Target
from graphspec.graph import WEIGHT, Body, Call, Graph, Input, Mixture, Node, Ref, Repeat, Run
from graphspec.operators.position import Index


@dataclass(frozen=True)
class Want:
    """A value that a body takes from its caller: the input for it, and how the caller computes it.

    The node reads inputs of the body, and inputs for earlier wants.
    """

    input: str
    node: Node


def hoist(graph: Graph, target: Target) -> Graph:
    """Compute masks and rotary tables once in the model, and hand them to the layers.

    Before: layer(x): mask = mask_tensor(…); attention(x, mask)
    After:  layer(x, mask): attention(x, mask)
    """

    @cache
    def hoisted(body: Body, fixed: frozenset[str] | None) -> tuple[Body, tuple[Want, ...]]:
        lifted = _Lift(body)
        for node in body.nodes:
            lifted.add(_take_in(node, lifted, hoisted))
        return lifted.finish(fixed)

    return replace(graph, body=_front(hoisted(graph.body, None)[0]))


class _Lift:
    """A body while values of inner bodies come up into it, each once."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.taken = names(body)
        self.nodes: list[Node] = []
        self.known: dict[tuple[object, tuple[tuple[str, Ref], ...]], Ref] = {}
        self.moved: dict[Ref, Ref] = {}

    def add(self, node: Node) -> None:
        """Add a node of the body itself, unless the same value is there already."""
        node = redirect(node, self.moved)
        found = self._find_or_add(node)
        if found.name != node.name:
            self.moved[Ref(node.name, "")] = found

    def receive(self, want: Want, inputs: Mapping[str, Ref]) -> Ref:
        """Compute here what an inner body wants; `inputs` are its inputs as seen from here."""
        read = tuple((port, inputs[ref.name]) for port, ref in want.node.inputs)
        does = want.node.does
        name = fresh(does.wish(dict(read)) if isinstance(does, MaskTensor) else want.node.name, self.taken)
        found = self._find_or_add(replace(want.node, name=name, inputs=read))
        self.taken.add(found.name)
        return found

    def _find_or_add(self, node: Node) -> Ref:
        key = (node.does, node.inputs)
        if _is_shared(node) and key in self.known:
            return self.known[key]
        self.nodes.append(node)
        if _is_shared(node):
            self.known[key] = Ref(node.name, "")
        return Ref(node.name, "")

    def finish(self, fixed: frozenset[str] | None) -> tuple[Body, tuple[Want, ...]]:
        """The body without what its caller can compute from the `fixed` inputs; the model itself has no caller."""
        leaving: dict[str, Node] = {}
        for node in self.nodes:
            if (
                fixed is not None
                and _is_shared(node)
                and all(ref.name in fixed or ref.name in leaving for _, ref in node.inputs)
            ):
                leaving[node.name] = node
        kept = tuple(node for node in self.nodes if node.name not in leaving)
        inputs = [*self.body.inputs]
        used = {ref.name for node in kept for _, ref in node.inputs}
        inputs += [_input(node) for node in leaving.values() if node.name in used]
        body = redirect_body(replace(self.body, inputs=tuple(inputs), nodes=kept), self.moved)
        return body, tuple(Want(name, node) for name, node in leaving.items())


def _is_shared(node: Node) -> bool:
    return isinstance(node.does, MaskTensor | RotaryTable) or (isinstance(node.does, Index) and node.anonymous)


def _input(node: Node) -> Input:
    maybe = isinstance(node.does, MaskTensor) and node.does.may_be_none
    return Input(node.name, node.type, default=True if maybe else None, span=node.span)


_Hoisted = Callable[[Body, frozenset[str] | None], tuple[Body, tuple[Want, ...]]]


def _take_in(node: Node, lift: _Lift, hoisted: _Hoisted) -> Node:
    """The node with its inner bodies hoisted, reading from this body what they want."""
    match node.does:
        case Call(body) as call:
            inner, wants = hoisted(body, frozenset(source.name for source in body.inputs))
            given = dict(node.inputs)
            inner = _hand_over(inner, wants, given, lift)
            weight = ((WEIGHT, given[WEIGHT]),) if isinstance(call, Mixture) else ()
            return replace(node, does=replace(call, body=inner), inputs=(*_in_order([inner], given), *weight))
        case Repeat() as repeat:
            given = dict(node.inputs)
            made: dict[Body, Body] = {}
            for body in repeat.bodies:
                inner, wants = hoisted(body, frozenset(source.name for source in body.inputs[1:]))
                made[body] = _hand_over(inner, wants, given, lift)
            runs = tuple(Run(tuple(made[body] for body in run.bodies), run.count) for run in repeat.runs)
            changed = replace(repeat, runs=runs)
            return replace(node, does=changed, inputs=_in_order(list(made.values()), given))
        case _:
            return node


def _hand_over(inner: Body, wants: tuple[Want, ...], given: dict[str, Ref], lift: _Lift) -> Body:
    """Compute the wants of an inner body here, and add them to what it is given."""
    seen = dict(given)
    renamed: dict[str, str] = {}
    own = {source.name for source in inner.inputs}
    for want in wants:
        ref = lift.receive(want, seen)
        seen[want.input] = ref
        if want.input not in own:
            continue
        port = want.input
        while given.get(port, ref) != ref:
            port = fresh(port, {*given, *names(inner)})
        given[port] = ref
        if port != want.input:
            renamed[want.input] = port
    return _renamed(inner, renamed)


def _renamed(body: Body, renamed: dict[str, str]) -> Body:
    """The body with other names for some of its inputs."""
    if not renamed:
        return body
    inputs = tuple(replace(source, name=renamed.get(source.name, source.name)) for source in body.inputs)
    moved = {Ref(old, ""): Ref(new, "") for old, new in renamed.items()}
    return redirect_body(replace(body, inputs=inputs), moved)


def _in_order(bodies: list[Body], given: dict[str, Ref]) -> tuple[tuple[str, Ref], ...]:
    """The readings of a call in the order of the inputs."""
    ports = dict.fromkeys(source.name for body in bodies for source in body.inputs)
    return tuple((port, given[port]) for port in ports)


def _front(body: Body) -> Body:
    """What depends on inputs alone stands first."""
    sources = {source.name for source in body.inputs}
    front: list[Node] = []
    for node in body.nodes:
        if _is_shared(node) and all(ref.name in sources for _, ref in node.inputs):
            front.append(node)
            sources.add(node.name)
    moved = {node.name for node in front}
    return replace(body, nodes=(*front, *(node for node in body.nodes if node.name not in moved)))
