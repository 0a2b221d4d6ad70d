"""A graph as canonical text: a spec in the language itself, every block and size resolved.

Reading the text gives the same graph again, up to the names of blocks, and of what within them bears the name of an
input of the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from graphspec import masks
from graphspec.axes import Dim, Number
from graphspec.graph import WEIGHT, Body, Call, Graph, Input, Mixture, Node, Ref, Repeat, inner_bodies
from graphspec.operators import Operator, Record
from graphspec.operators.pattern import Pattern
from graphspec.operators.pointwise import ARITHMETIC, COMPARISONS, Dropout, Pointwise
from graphspec.operators.reduce import Reduce, Softmax
from graphspec.render.disjoint import Seen, disjoint, seen_inputs

_SYMBOLS = {name: symbol for symbol, name in {**ARITHMETIC, **COMPARISONS}.items()} | {"and": "and", "or": "or"}
_BINDING = {"or": 1, "and": 2, "add": 5, "subtract": 5, "multiply": 6, "divide": 6, "power": 8}
_COMPARISON, _CALL = 3, 9
_PLAIN = re.compile(r"[\w.(][\w .*/()+<>='%-]*")


def to_text(graph: Graph) -> str:
    """The graph as a spec."""
    graph = disjoint(graph)
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    names, seen = block_names(graph), seen_inputs(graph)
    yield "graphspec: 1"
    if graph.name:
        yield f"name: {graph.name}"
    if graph.title:
        yield f"title: {_quoted(graph.title)}"
    yield from _section("params", {s.name: _scalar(s.text) for s in graph.settings})
    axes = {a.name: a.role if a.size is None else _flow({"size": str(a.size), "role": a.role}) for a in graph.axes}
    yield from _section("axes", axes)
    yield from _section("inputs", {i.name: _input(i) for i in graph.body.inputs})
    blocks = [body for body in graph.bodies() if body is not graph.body]
    if blocks:
        yield "\nblocks:"
        for body in blocks:
            yield f"  {names[body]}:"
            yield from (f"    {line}" if line else "" for line in _block(body, seen, names))
    yield from _section("nodes", _nodes(graph.body, seen, names))
    writer = _Expressions(graph.body)
    yield from _section("outputs", {name: _scalar(writer.ref(ref)) for name, ref in graph.body.outputs})
    yield from _section("init", {_quoted(rule.pattern): _scalar(str(rule.init)) for rule in graph.init})
    if graph.contracts:
        yield "\ncontracts:"
        for contract in graph.contracts:
            arguments = {name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in contract.arguments}
            yield f"  - {contract.kind}: {_flow(arguments)}"


def block_names(graph: Graph) -> Mapping[Body, str]:
    """A name of its own for every body but the model's."""
    taken = {s.name for s in graph.settings} | {a.name for a in graph.axes}
    for body in graph.bodies():
        taken |= {i.name for i in body.inputs} | {node.name for node in body.nodes}
    names: dict[Body, str] = {}
    for body in graph.bodies():
        if body is graph.body:
            continue
        base = body.block.replace(".", "_")
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        names[body] = name
    return names


def _section(title: str, entries: Mapping[str, str]) -> Iterator[str]:
    if entries:
        yield f"\n{title}:"
        yield from (f"  {name}: {value}" for name, value in entries.items())


def _block(body: Body, seen: Seen, names: Mapping[Body, str]) -> Iterator[str]:
    ports = [port for port in body.inputs if port.name not in seen[body]]
    if ports:
        yield "in:"
        yield from (f"  {port.name}: {_scalar(str(port.type))}" for port in ports)
    nodes = _nodes(body, seen, names)
    if nodes:
        yield "nodes:"
        yield from (f"  {name}: {value}" for name, value in nodes.items())
    writer = _Expressions(body)
    outs = {name: writer.ref(ref) for name, ref in body.outputs}
    yield f"out: {_scalar(outs['out'])}" if list(outs) == ["out"] else f"out: {_flow(outs)}"


def _input(source: Input) -> str:
    default = source.default
    written = str(default).lower() if isinstance(default, bool) else default
    text = str(source.type) if default is None else f"{source.type} = {written}"
    return _scalar(text) if source.below is None else _flow({"type": text, "below": str(source.below)})


def _nodes(body: Body, seen: Seen, names: Mapping[Body, str]) -> dict[str, str]:
    writer = _Expressions(body)
    return {node.name: _node(node, writer, seen, names) for node in body.nodes if not node.anonymous}


def _node(node: Node, writer: _Expressions, seen: Seen, names: Mapping[Body, str]) -> str:
    match node.does:
        case Mixture(body):
            ports = {port: writer.ref(ref) for port, ref in node.inputs if port == WEIGHT or port not in seen[body]}
            return _flow({"op": "mixture", **ports, "expert": names[body], **_label(node)})
        case Call(body):
            ports = {port: writer.ref(ref) for port, ref in node.inputs if port not in seen[body]}
            return _flow({"block": names[body], **ports, **_label(node)})
        case Repeat() as repeat:
            return _repeat(node, repeat, writer, seen, names)
        case Reduce(function=""):
            return _operator(node, node.does, writer)
        case Pointwise() | Dropout() | Reduce() | Softmax():
            return _scalar(writer.expression(node))
        case operator:
            return _operator(node, operator, writer)


def _label(node: Node) -> dict[str, str]:
    return {"label": node.label} if node.label else {}


def _repeat(node: Node, repeat: Repeat, writer: _Expressions, seen: Seen, names: Mapping[Body, str]) -> str:
    if not repeat.runs:
        return writer.ref(node.inputs[0][1])
    widest = max(repeat.bodies, key=lambda body: len(body.inputs))
    entries: dict[str, str | list[str]] = {"block": names[widest], "repeat": str(repeat.times)}
    unsaid = frozenset[str]().union(*(seen[body] for body in repeat.bodies))
    entries |= {port: writer.ref(ref) for port, ref in node.inputs if port not in unsaid}
    entries |= {"share": "true"} if repeat.shared else {}
    if len(repeat.bodies) > 1:
        entries["each"] = _flow({"block": [names[body] for body in repeat.turns()]})
    return _flow({**entries, **_label(node)})


def _operator(node: Node, operator: Operator, writer: _Expressions) -> str:
    ports = [port.name for port in operator.input_ports()]
    given = {port: writer.ref(ref) for port, ref in node.inputs if port in ports}
    entries: dict[str, str | list[str]] = {"op": operator.op}
    entries |= {"in": given[ports[0]]} if given and list(given) == ports[:1] else given
    refs = dict(node.inputs)
    for attribute in operator.attributes:
        value = getattr(operator, attribute.name)
        if attribute.required or value != attribute.default:
            entries[attribute.name] = _value(value, refs, writer)
    for parameter in node.parameters:
        if parameter.tied:
            entries["share"] = ".".join(parameter.tied[:-1] if parameter.tied[-1] == "weight" else parameter.tied)
        if parameter.given:
            entries["init"] = str(parameter.init)
        if not parameter.trainable:
            entries["trainable"] = "false"
    return _flow({**entries, **_label(node)})


def _value(value: Any, refs: Mapping[str, Ref], writer: _Expressions) -> str | list[str]:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "none"
        case Record():
            return _flow(_record(value, refs, writer))
        case Pattern():
            return str(value)
        case ((str(), Dim()), *_):
            return _flow({name: str(size) for name, size in value})  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case ((str(), None), *_):
            return [name for name, _ in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case tuple():
            return [_item(size) for size in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case Dim() | Number() | str():
            return str(value)
        case _:
            return mask_text(value, {port: writer.ref(ref) for port, ref in refs.items()})


def _item(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _record(record: Record, refs: Mapping[str, Ref], writer: _Expressions) -> dict[str, str | list[str]]:
    entries: dict[str, str | list[str]] = {"kind": record.kind}
    for attribute in record.attributes:
        value = getattr(record, attribute.name)
        if attribute.required or value != attribute.default:
            entries[attribute.name] = _value(value, refs, writer)
    return entries


def mask_text(mask: masks.Mask, tensors: Mapping[str, str]) -> str:
    """A mask as an expression, its tensors by their names in the body."""
    match mask:
        case masks.And(left, right) | masks.Or(left, right):
            sign = "&" if isinstance(mask, masks.And) else "|"
            return f"{_mask_operand(left, mask, tensors)} {sign} {_mask_operand(right, mask, tensors)}"
        case masks.Not(inner):
            return f"~{_mask_operand(inner, mask, tensors)}"
        case masks.Keys(port):
            return _wrapped(tensors[port])
        case masks.Documents(port):
            return f"documents({tensors[port]})"
        case masks.Adjacency(port):
            return f"graph({tensors[port]})"
        case masks.Prefix(str(port)):
            return f"prefix({tensors[port]})"
        case _:
            return str(mask)


def _mask_operand(mask: masks.Mask, around: masks.Mask, tensors: Mapping[str, str]) -> str:
    text = mask_text(mask, tensors)
    bare = not isinstance(mask, masks.And | masks.Or) or (
        type(mask) is type(around) and not isinstance(around, masks.Not)
    )
    return text if bare else f"({text})"


def _wrapped(text: str) -> str:
    return text if text.replace("_", "").replace(".", "").isalnum() else f"({text})"


class _Expressions:
    """Writes values of one body; parts of an expression stand where they are read."""

    def __init__(self, body: Body) -> None:
        self.body = body

    def ref(self, ref: Ref) -> str:
        return self._ref(ref)[0]

    def _ref(self, ref: Ref) -> tuple[str, int]:
        if self.body.has_node(ref.name) and self.body.node(ref.name).anonymous:
            return self._expression(self.body.node(ref.name))
        return str(ref), _CALL

    def expression(self, node: Node) -> str:
        """The operation of a node as an expression of the language."""
        return self._expression(node)[0]

    def _expression(self, node: Node) -> tuple[str, int]:
        refs = dict(node.inputs)
        match node.does:
            case Dropout(p=p):
                return f"dropout({self.ref(refs['x'])}, {p})", _CALL
            case Softmax(over=over):
                return f"softmax({self.ref(refs['x'])}, {over})", _CALL
            case Reduce(over=over, function=function) if function:
                return f"{function}({self.ref(refs['x'])}, {over})", _CALL
            case Pointwise(function=function, arguments=arguments):
                return self._pointwise(function, [self._argument(argument, refs) for argument in arguments])
            case _:
                raise AssertionError(f"{node.name} is no expression")

    def _argument(self, argument: str | Number | Dim | bool, refs: Mapping[str, Ref]) -> tuple[str, int]:
        if isinstance(argument, bool):
            return str(argument).lower(), _CALL
        if isinstance(argument, str):
            return self._ref(refs[argument])
        text = str(argument)
        return text, _CALL if _wrapped(text) == text or re.fullmatch(r"\w+\([^()]*\)", text) else 0

    def _pointwise(self, function: str, arguments: list[tuple[str, int]]) -> tuple[str, int]:
        if function == "negative":
            return f"-{_at_least(arguments[0], 7)}", 7
        if function == "not":
            return f"not {_at_least(arguments[0], 4)}", 2
        if function in _SYMBOLS:
            binding = _BINDING.get(function, _COMPARISON)
            left, right = arguments
            inner = binding if function != "power" else binding + 1
            return f"{_at_least(left, inner)} {_SYMBOLS[function]} {_at_least(right, binding + 1)}", binding
        name = {"minimum": "min", "maximum": "max"}.get(function, function)
        return f"{name}({', '.join(text for text, _ in arguments)})", _CALL


def _at_least(operand: tuple[str, int], binding: int) -> str:
    text, own = operand
    return text if own >= binding else f"({text})"


# -- YAML -------------------------------------------------------------------------------------------------------------


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and not text.endswith(" ") else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _flow(entries: Mapping[str, str | list[str]]) -> str:
    parts: list[str] = []
    for name, value in entries.items():
        if isinstance(value, list):
            parts.append(f"{name}: [{', '.join(v if v.startswith('[') else _scalar(v) for v in value)}]")
        else:
            parts.append(f"{name}: {value if value.startswith('{') else _scalar(value)}")
    return "{" + ", ".join(parts) + "}"


def expression_text(node: Node, body: Body) -> str:
    """The operation of one node as an expression of the language."""
    return _Expressions(body).expression(node)


def meaning(node: Node, body: Body) -> dict[str, str]:
    """What a node that is no block says, every attribute spoken out; an expression stands under the empty name."""
    writer, operator = _Expressions(body), node.does
    assert isinstance(operator, Operator), f"{node.name} is a block"
    if is_expression(operator):
        return {"": writer.expression(node)}
    refs, ports = dict(node.inputs), {port.name for port in operator.input_ports()}
    said = {"op": operator.op} | {port: writer.ref(ref) for port, ref in node.inputs if port in ports}
    for attribute in operator.attributes:
        value = _value(getattr(operator, attribute.name), refs, writer)
        said[attribute.name] = f"[{', '.join(value)}]" if isinstance(value, list) else value
    for parameter in node.parameters:
        said |= {"share": ".".join(parameter.tied)} if parameter.tied else {}
        said |= {"init": str(parameter.init)} if parameter.given else {}
        said |= {} if parameter.trainable else {"trainable": "false"}
    return said


def is_expression(operator: Operator) -> bool:
    """Whether a node of this operator is written as an expression."""
    return isinstance(operator, Pointwise | Dropout | Softmax) or (
        isinstance(operator, Reduce) and bool(operator.function)
    )


def input_text(body: Body, ref: Ref) -> str:
    """A value of a body as it is read: its name, or the expression that it is a part of."""
    return _Expressions(body).ref(ref)


def node_text(node: Node, body: Body, seen: Seen) -> str:
    """A node as it would be written in a spec, blocks by their own names."""
    return _node(node, _Expressions(body), seen, {inner: inner.block for inner in inner_bodies(node)})
