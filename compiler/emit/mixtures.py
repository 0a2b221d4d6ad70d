"""Mixtures of experts: a list of modules, each of which computes what chose it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from compiler.emit.grouped import against_groups, write_grouped
from compiler.lower.align import align
from compiler.lower.code import Code, atom, call, index, infix, method
from compiler.lower.lines import Line
from graphspec.axes import Axis, TensorType
from graphspec.graph import WEIGHT, Mixture, Node
from graphspec.operators.pointwise import aligned

if TYPE_CHECKING:
    from compiler.emit.classes import BodyWriter


def write_mixture(writer: BodyWriter, node: Node, mixture: Mixture) -> None:
    """Every expert on the positions whose weight for it is not zero; on all, where those cannot be picked out.

    Experts that are linears and functions are computed together, where that pays.
    """
    made = call(writer.unit.classes[mixture.body])
    path = writer.hold(node, call("nn.ModuleList", f"{made} for _ in range({writer.size(mixture.experts)})"))
    along = writer.body.type_of(dict(node.inputs)[WEIGHT]).axes[:-1]
    against = against_groups(mixture.body, along, writer.unit.target, writer.unit.sizes)
    if not against:
        writer.chose(node, f"{mixture.count} experts", "grouped products", "linears and functions of single numbers")
        write_grouped(writer, node, mixture, path)
        return
    variable = writer.names.local(node.name)
    written = _Mixture(writer, node, mixture, path)
    kernel = "an expert at a time" if written.can_pick else "every expert everywhere"
    writer.chose(node, f"{mixture.count} experts", kernel, against)
    writer.state.lines += list(written.picked(variable) if written.can_pick else written.dense(variable))
    writer.bind(node, node.outputs[0].name, atom(variable))


class _Mixture:
    """One mixture where it stands."""

    def __init__(self, writer: BodyWriter, node: Node, mixture: Mixture, path: Code) -> None:
        self.writer, self.node, self.path = writer, node, path
        self.refs = dict(node.inputs)
        self.types = {port: writer.body.type_of(ref) for port, ref in node.inputs}
        self.along = self.types[WEIGHT].axes[:-1]
        self.given = {source.name: writer.variable(self.refs[source.name]) for source in mixture.body.inputs}
        self.weight = writer.variable(self.refs[WEIGHT])
        self.expert = writer.names.take("expert", "expert_turn")
        self.number = writer.names.take("number", "expert_number")

    @property
    def can_pick(self) -> bool:
        """Whether the axes of the weights come first wherever they are, and no size along them is fixed."""
        sizes = [self.writer.unit.sizes.value(axis.size) for axis in self.along]
        types = (self.node.type, *(self.types[port] for port in self.given))
        return bool(self.along) and not any(sizes) and all(self.leads(kind) or self.lacks(kind) for kind in types)

    def leads(self, kind: TensorType) -> bool:
        return kind.axes[: len(self.along)] == self.along

    def lacks(self, kind: TensorType) -> bool:
        return all(at is None for at in aligned(self.along, kind.axes, self.writer.unit.sizes))

    # -- the positions that chose an expert ---------------------------------------------------------------------------

    def picked(self, variable: str) -> Iterator[Line]:
        writer = self.writer
        tokens, share = writer.names.take("tokens", "chosen_by"), writer.names.take("share", "expert_share")
        yield Line(f"{variable} = ", self.zeros(), writer.note(self.node.type))
        yield self.loop()
        yield Line(f"{tokens} = ", method(self.weights(), "nonzero", as_tuple="True"), "", 1)
        yield Line(f"{share} = ", Code(f"{self.weights(self.node.type)}[{tokens}]"), "", 1)
        made = call(self.expert, *(self.taken(port, code, tokens) for port, code in self.given.items()))
        made = infix("*", atom(share), Code(f"{made}{'[0]' * (len(self.along) - 1)}"))
        yield Line(f"{variable}[{tokens}] += ", made, "", 1)
        writer.names.taken -= {tokens, share, self.number, self.expert}

    def weights(self, beside: TensorType | None = None) -> Code:
        """How much of one expert; with an axis of size 1 for each further one of what it stands beside."""
        if not self.along:
            return index(self.weight, self.number)
        more = len(beside.axes) - len(self.along) if beside else 0
        return index(self.weight, "...", self.number, *["None"] * more)

    def zeros(self) -> Code:
        like = next((code for port, code in self.given.items() if self.types[port] == self.node.type), None)
        if like is not None:
            return call("torch.zeros_like", like)
        return method(self.weight, "new_zeros", *(self.writer.size(size) for size in self.node.type.sizes))

    def taken(self, port: str, code: Code, tokens: str) -> str:
        """An input where the expert was chosen, with as many axes as it has: all but one are of size 1."""
        if self.lacks(self.types[port]):
            return str(code)
        places = tokens if len(self.along) == 1 else ", ".join([*["None"] * (len(self.along) - 1), f"*{tokens}"])
        return f"{code}[{places}]"

    # -- everywhere ---------------------------------------------------------------------------------------------------

    def dense(self, variable: str) -> Iterator[Line]:
        leads = self.leads(self.node.type)
        share = self.weights(self.node.type) if leads else self.aligned(self.weights(), self.along)
        made = infix("*", share, call(self.expert, *map(str, self.given.values())))
        terms = f"{made} for {self.number}, {self.expert} in enumerate({self.path})"
        yield Line(f"{variable} = ", call("sum", terms), self.writer.note(self.node.type))
        self.writer.names.taken -= {self.number, self.expert}

    def aligned(self, code: Code, axes: Sequence[Axis]) -> Code:
        return align(code, axes, self.node.type.axes, self.writer.unit.sizes)

    def loop(self) -> Line:
        return Line(f"for {self.number}, {self.expert} in enumerate({self.path}):")
