"""A body under construction: nodes are added, tensors from outside are brought in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from graphspec.axes import Dim, Sizes, TensorType
from graphspec.diagnostics import Span
from graphspec.elaborate.values import Context, Fault, Tensor
from graphspec.graph import Body, Call, Input, Node, Parameter, Ref, Repeat, Value
from graphspec.operators import Mismatch, Operator


class BodyBuilder:
    """Collects the inputs and nodes of one body; tensors of the bodies around it become inputs when they are read."""

    def __init__(self, context: Context, block: str, span: Span, signature: str = "") -> None:
        self.context, self.block, self.span, self.signature = context, block, span, signature
        self.inputs: dict[str, Input] = {}
        self.nodes: dict[str, Node] = {}
        self.captured: dict[tuple[int, Ref], str] = {}
        self.brought: dict[str, Tensor] = {}
        self.reserved: set[str] = set()

    # -- inputs -------------------------------------------------------------------------------------------------------

    def add_input(self, port: Input) -> Tensor:
        self.inputs[port.name] = port
        return Tensor(self, Ref(port.name, ""), port.type)

    def bring(self, tensor: Tensor) -> Ref:
        """The tensor as seen from this body: as it is, or as an input that the caller fills."""
        if tensor.owner is self:
            return tensor.ref
        key = (id(tensor.owner), tensor.ref)
        if key not in self.captured:
            wanted = tensor.ref.name.partition("~")[0] if not tensor.ref.output else tensor.ref.output
            name = self.free_name(wanted)
            self.captured[key] = name
            self.brought[name] = tensor
            self.inputs[name] = Input(name, tensor.type, span=self.span)
        return Ref(self.captured[key], "")

    def free_name(self, wanted: str) -> str:
        """`wanted`, with a number behind it if it is taken."""
        name, count = wanted, 1
        while name in self.inputs or name in self.nodes or name in self.reserved:
            count += 1
            name = f"{wanted}_{count}"
        return name

    # -- nodes --------------------------------------------------------------------------------------------------------

    def part_name(self, owner: str) -> str:
        """A name for a part of the node `owner`."""
        count = 1
        while f"{owner}~{count}" in self.nodes:
            count += 1
        return f"{owner}~{count}"

    def apply(
        self,
        name: str,
        operator: Operator,
        inputs: Mapping[str, Tensor],
        span: Span,
        *,
        parameters: Sequence[Parameter] = (),
        label: str = "",
    ) -> Tensor:
        """Add a node that applies an operator. Raises `Mismatch`."""
        types = {port: tensor.type for port, tensor in inputs.items()}
        made = operator.infer(types, self.context.sizes)
        outputs = tuple(Value(output, with_names(kind, self.context.sizes)) for output, kind in made)
        self.check_sizes(outputs)
        refs = tuple((port, self.bring(tensor)) for port, tensor in inputs.items())
        kept = operator.kept(types, self.context.sizes)
        buffers = tuple(Parameter(weight.name, shape, weight.init, trainable=False) for weight, shape in kept)
        return self.add(Node(name, operator, refs, outputs, tuple(parameters), label, span, buffers))

    def check_sizes(self, outputs: Iterable[Value]) -> None:
        """Raise `Mismatch` for an axis of which nobody will know how long it is, or which has less than no place."""
        sizes = self.context.sizes
        check_not_negative((size for value in outputs for size in value.type.sizes), sizes)
        symbols = {name for value in outputs for size in value.type.sizes for name in sizes.expand(size).symbols}
        unknown = sorted(symbols - sizes.values.keys() - self.context.measured)
        if unknown:
            message = f"nothing says how long `{unknown[0]}` is: no input of the model lies along it"
            raise Mismatch(message, help="name an axis that an input has, or fix its size", code="no-value")

    def add(self, node: Node) -> Tensor:
        assert node.name not in self.nodes, f"{node.name} is there already"
        self.nodes[node.name] = node
        return Tensor(self, Ref(node.name, ""), node.type)

    def lay(self, name: str, places: tuple[tuple[str, Span], ...]) -> None:
        """Say what of a node is written in a variant, and where."""
        if places and name in self.nodes:
            self.nodes[name] = replace(self.nodes[name], laid=places)

    def embed(
        self,
        name: str,
        does: Call | Repeat,
        inputs: Mapping[str, Tensor],
        outputs: Iterable[Value],
        span: Span,
        label: str,
    ) -> Tensor:
        """Add a node that calls or repeats a body."""
        refs = tuple((port, self.bring(tensor)) for port, tensor in inputs.items())
        return self.add(Node(name, does, refs, tuple(outputs), (), label, span))

    def output(self, tensor: Tensor, name: str, span: Span) -> Tensor:
        """Another output of the node that gave `tensor`."""
        node = self.nodes.get(tensor.ref.name)
        names = [value.name for value in node.outputs] if node else []
        if node is None or name not in names:
            listed = ", ".join(f"`{n}`" for n in names)
            help = f"its outputs are {listed}" if names else "an input is one tensor"
            raise Fault("unknown-output", f"`{tensor.ref.name}` has no output `{name}`", span, help=help)
        ref = Ref(node.name, "" if name == names[0] else name)
        return Tensor(self, ref, node.output_type(name))

    def finish(self, outputs: Iterable[tuple[str, Tensor]]) -> Body:
        """The finished body; equal bodies are one object."""
        found = tuple((name, self.bring(tensor)) for name, tensor in outputs)
        body = Body(
            self.block, tuple(self.inputs.values()), tuple(self.nodes.values()), found, self.signature, self.span
        )
        known = self.context.interned.setdefault(body, body)
        assert isinstance(known, Body)
        return known


def with_names(kind: TensorType, sizes: Sizes) -> TensorType:
    """A type in which sizes that come from axes are called by the derived axis that they are the size of."""
    return replace(kind, axes=tuple(replace(axis, size=_name(axis.size, sizes)) for axis in kind.axes))


def _name(size: Dim, sizes: Sizes) -> Dim:
    if size.is_atomic or not (sizes.value(size) is None or size.symbols & sizes.derived.keys()):
        return size
    whole = sizes.expand(size)
    if whole.is_atomic and whole.symbols:
        return whole
    known = {name: it for name, it in sizes.derived.items() if not it.is_atomic and it.symbols == whole.symbols}
    names = [name for name, definition in known.items() if sizes.same(definition, whole)]
    return Dim.symbol(names[0]) if len(names) == 1 else size


def check_not_negative(found: Iterable[Dim], sizes: Sizes) -> None:
    """Raise `Mismatch` for a size that is known to be below zero."""
    for size in found:
        if (sizes.value(size) or 0) < 0:
            raise Mismatch(f"the size {sizes.describe(size)} is negative", help="sizes count from 0", code="no-value")


def mismatch_fault(error: Mismatch, span: Span, ports: Mapping[str, Span]) -> Fault:
    """A `Mismatch` at the place of the port or attribute that it is about."""
    return Fault(error.code, error.message, ports.get(error.port, span), help=error.help)
