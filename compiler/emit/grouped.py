"""Experts as rows: where they are made of linears and functions of single numbers, one product serves all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compiler.lower import LOWERINGS
from compiler.lower.code import Code, atom, call
from compiler.lower.lines import Line
from compiler.lower.scope import Scope
from compiler.target import ROUNDED, Target
from graphspec.axes import Axis, Sizes, TensorType
from graphspec.graph import WEIGHT, Body, Mixture, Node, Ref
from graphspec.operators.linear import Linear
from graphspec.operators.pointwise import Pointwise

if TYPE_CHECKING:
    from compiler.emit.classes import BodyWriter

ALIGNED = 8
"""Features must be a multiple of this: 16 bytes of bf16."""


def against_groups(body: Body, along: tuple[Axis, ...], target: Target, sizes: Sizes) -> str:
    """Why experts are not computed together; empty if they are."""
    if target.fusion != "fused":
        return "the plain form"
    if target.precision not in ROUNDED:
        return f"to join their weights does not pay in {target.precision}"
    if not along:
        return "all of them see everything"
    for node in body.nodes:
        if not (isinstance(node.does, Pointwise) or (isinstance(node.does, Linear) and _is_own(node))):
            return f"`{node.name}` is neither a linear nor a function of single numbers"
    for node in (node for node in body.nodes if isinstance(node.does, Linear)):
        widths = (body.type_of(node.inputs[0][1]).sizes[-1], node.type.sizes[-1])
        if any((sizes.value(width) or 1) % ALIGNED for width in widths):
            return f"`{node.name}` has features that are no multiple of {ALIGNED}"
    types = [source.type for source in body.inputs] + [node.type for node in body.nodes]
    if any(kind.axes[:-1] != along for kind in types):
        return "the experts read what has no place of its own"
    return ""


def _is_own(node: Node) -> bool:
    return not any(parameter.tied for parameter in node.parameters)


class Rows(Scope):
    """Writes the inside of an expert where the mixture stands, for the rows of all experts."""

    def __init__(self, outer: BodyWriter, body: Body, experts: Code, chosen: str) -> None:
        super().__init__(outer.unit, body, LOWERINGS)
        self.experts, self.chosen = experts, chosen
        self.names = outer.names
        self.state.taken = outer.names.taken

    def lower(self, node: Node) -> tuple[Code, ...]:
        if not isinstance(node.does, Linear):
            return super().lower(node)
        linears = f"[expert{self.member(node.name).removeprefix('self')} for expert in {self.experts}]"
        return (call(f"{self.chosen}.linear", self.read(node.inputs[0][1]), linears),)

    def note(self, kind: TensorType) -> str:
        return f"rows {super().note(TensorType(kind.dtype, kind.axes[-1:]))}"


def write_grouped(writer: BodyWriter, node: Node, mixture: Mixture, path: Code) -> None:
    """The lines of a mixture whose experts are computed together."""
    refs = dict(node.inputs)
    chosen = writer.names.local("chosen")
    writer.state.lines.append(Line(f"{chosen} = ", call(writer.unit.use("Chosen"), writer.read(refs[WEIGHT]))))
    rows = Rows(writer, mixture.body, path, chosen)
    for source in mixture.body.inputs:
        taken = call(f"{chosen}.rows", writer.read(refs[source.name]))
        variable = writer.names.local(f"{source.name}_rows")
        writer.state.lines.append(Line(f"{variable} = ", taken, rows.note(source.type)))
        rows.state.values[source.name, ""] = atom(variable)
    rows.write()
    out = rows.read(Ref(*_only(mixture.body)))
    writer.state.lines += rows.state.lines
    writer.state.taken = writer.names.taken
    variable = writer.names.local(node.name)
    writer.state.lines.append(Line(f"{variable} = ", call(f"{chosen}.sum", out), writer.note(node.type)))
    writer.bind(node, node.outputs[0].name, atom(variable))


def _only(body: Body) -> tuple[str, str]:
    ((_, ref),) = body.outputs
    return ref.name, ref.output
