"""Mixtures of experts: a node that stands for a block several times, each with tensors of its own, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphspec.axes import TensorType
from graphspec.elaborate.blocks import BlockCall
from graphspec.elaborate.inside import elaborate_inside
from graphspec.elaborate.once import Inside
from graphspec.elaborate.values import BlockValue, Fault, Tensor
from graphspec.graph import WEIGHT, Body, Mixture
from graphspec.graph import Value as Output
from graphspec.operators.pointwise import aligned

MAX_EXPERTS = 100_000


class MixtureCall(BlockCall):
    """`{op: mixture, in: x, weight: w, expert: block}`, with the arguments of the block."""

    def find_block(self) -> BlockValue:
        expert = self.written.pop("expert", None)
        if expert is None:
            message, help = "`mixture` needs the block of its experts", "add `expert: …`, the name of a block"
            raise Fault("missing-attribute", message, self.entry.span, help=help)
        for name in ("share", "init", "trainable"):
            if getattr(self.entry, name) is not None:
                key = self.entry.map.key(name)
                message, help = f"a mixture has no `{name}`", "say it of the nodes of the expert's block"
                raise Fault("unknown-attribute", message, key.span if key else self.entry.span, help=help)
        return self.reader.block(self.reader.scalar(expert), expert.scope)

    def build(self) -> Tensor:
        weight = self.weight()
        ports = self.ports()
        inside = elaborate_inside(self, self.block, self.written, ports)
        self.check_names(inside)
        made = inside.outputs[0]
        self.check_types(weight.type, made.type)
        experts = weight.type.sizes[-1]
        body = self.context.interned.setdefault(_first_output(inside.body), _first_output(inside.body))
        assert isinstance(body, Body)
        count = self.context.sizes.value(experts)
        if count is None or not 1 <= count <= MAX_EXPERTS:
            why = "is known only at run time" if count is None else f"is not between 1 and {MAX_EXPERTS:,}"
            message = f"the number of experts, which is the last axis of `{weight.type}`, {why}"
            raise Fault("wrong-kind", message, self.place(WEIGHT))
        inputs: Mapping[str, Tensor] = {**ports, **inside.brought, WEIGHT: weight}
        label = self.entry.label.text if self.entry.label else ""
        does = Mixture(body, experts, count)
        outputs = (Output(made.name, made.type),)
        return self.nodes.builder.embed(self.name, does, inputs, outputs, self.entry.span, label)

    def weight(self) -> Tensor:
        written = self.written.pop(WEIGHT, None)
        if written is None:
            help = f"add `{WEIGHT}: …`, along an axis of experts, as a router gives it"
            raise Fault("missing-input", f"`mixture` needs the input `{WEIGHT}`", self.entry.span, help=help)
        self.weight_place = written.entry.value.span
        return self.reader.tensor(written)

    def check_names(self, inside: Inside) -> None:
        """What a mixture calls its own cannot be a name of the expert's."""
        block = self.block.entry
        names = {*block.inputs, *block.params, *(source.name for source in inside.body.inputs)}
        for name in (WEIGHT, "expert"):
            if name in names:
                message = f"`{name}` is what a mixture calls its own, but `{self.block.name}` has it too"
                help = "rename it in the block"
                raise Fault("name-taken", message, self.entry.span, help=help)

    def check_types(self, weight: TensorType, made: TensorType) -> None:
        if weight.dtype != "float" or not weight.axes:
            message = f"`{WEIGHT}` holds floating-point numbers along an axis of experts, but is `{weight}`"
            raise Fault("shape-mismatch", message, self.weight_place)
        if made.dtype != "float":
            message = f"experts give floating-point numbers, but `{self.block.name}` gives `{made}`"
            raise Fault("shape-mismatch", message, self.entry.span)
        along = weight.axes[:-1]
        if sum(at is not None for at in aligned(along, made.axes, self.context.sizes)) < len(along):
            message = f"`{WEIGHT}` (`{weight}`) has an axis before its last that the expert's `{made}` lacks"
            help = "the last axis of the weights numbers the experts; all others are those of what an expert gives"
            raise Fault("shape-mismatch", message, self.weight_place, help=help)


def _first_output(body: Body) -> Body:
    return replace(body, outputs=body.outputs[:1])
