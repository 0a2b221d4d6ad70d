"""Blocks in use: a node that stands for a block, once or repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphspec.diagnostics import Span, counted
from graphspec.document import Keyed, NodeEntry
from graphspec.elaborate.attributes import Reader, Written
from graphspec.elaborate.inside import elaborate_inside
from graphspec.elaborate.repeats import RepeatCall
from graphspec.elaborate.values import BlockValue, Fault, Tensor
from graphspec.graph import Call
from graphspec.source import Sequence as ListValue

if TYPE_CHECKING:
    from graphspec.elaborate.nodes import NodesBuilder


class BlockCall:
    """One node that stands for a block, once or repeated."""

    def __init__(self, nodes: NodesBuilder, name: str, entry: NodeEntry, reader: Reader) -> None:
        self.nodes, self.name, self.entry, self.reader = nodes, name, entry, reader
        self.context, self.scope = nodes.context, nodes.scope
        self.written = nodes.written(entry)
        self.block = self.find_block()

    def find_block(self) -> BlockValue:
        assert self.entry.first_block is not None
        return self.reader.block(self.entry.first_block, self.scope)

    def build(self) -> Tensor:
        ports = self.ports()
        if self.entry.repeat is None:
            if self.entry.each or self.entry.cycle:
                raise Fault(
                    "repeat-operator", "`each` and `cycle` need `repeat`", self.entry.span, help="add `repeat: n`"
                )
            inside = elaborate_inside(self, self.block, self.written, ports)
            inputs = {**ports, **inside.brought}
            return self.nodes.builder.embed(
                self.name, Call(inside.body), inputs, inside.outputs, self.entry.span, self.label()
            )
        return RepeatCall(self, ports).build(self.entry.label.text if self.entry.label else "")

    def label(self) -> str:
        """What a diagram calls the node: as it says itself, else as its block says."""
        written = self.entry.label or self.block.entry.label
        return written.text if written else ""

    def ports(self) -> dict[str, Tensor]:
        """The tensors at the block's ports; arguments stay in `written`."""
        names = list(self.block.entry.inputs)
        given: dict[str, Written] = {}
        if self.entry.inputs is not None:
            key = self.entry.map.key("in")
            assert key is not None
            items = self.entry.inputs.items if isinstance(self.entry.inputs, ListValue) else (self.entry.inputs,)
            if len(items) > len(names):
                message = f"`{self.block.name}` has {counted(len(names), 'input')}, but gets {len(items)}"
                raise Fault("too-many-inputs", message, self.entry.inputs.span)
            given |= {port: Written(Keyed(key, item), self.scope) for port, item in zip(names, items, strict=False)}
        given |= {port: self.written.pop(port) for port in names if port in self.written}
        tensors = {port: self.reader.tensor(given[port]) for port in names if port in given}
        if names and names[0] not in tensors and self.nodes.chains(self.entry):
            tensors = {names[0]: self.nodes.before(self.name, self.entry), **tensors}
        self.places = {port: item.entry.value.span for port, item in given.items()}
        return tensors

    def place(self, port: str) -> Span:
        return self.places.get(port, self.entry.span)
