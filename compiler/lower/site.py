"""One node where it stands: all that the writer of an operator may ask and do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compiler.lower.code import Code, atom, call, method, tuple_of
from compiler.lower.lines import Line
from compiler.target import Target
from graphspec.axes import Dim, Number, TensorType
from graphspec.graph import Node, Parameter, Ref

if TYPE_CHECKING:
    from compiler.lower.scope import Scope


@dataclass(frozen=True, slots=True)
class Site:
    """One node where it stands: all that the writer of an operator may ask and do."""

    scope: Scope
    node: Node

    @property
    def does(self) -> object:
        return self.node.does

    def read(self, port: str) -> Code:
        return self.scope.read(self._ref(port))

    def variable(self, port: str) -> Code:
        """The value at a port as a name, for where it is read more than once."""
        return self.scope.variable(self._ref(port))

    def has(self, port: str) -> bool:
        return self.node.input(port) is not None

    def type(self, port: str) -> TensorType:
        return self.scope.body.type_of(self._ref(port))

    def _ref(self, port: str) -> Ref:
        ref = self.node.input(port)
        assert ref is not None, f"{self.node.name} has nothing at {port}"
        return ref

    def gives(self, output: str) -> bool:
        """Whether anybody reads this output."""
        return any(value.name == output for value in self.node.outputs)

    def size(self, size: Dim) -> Code:
        return self.scope.size(size)

    def number(self, number: Number) -> Code:
        return self.scope.number(number)

    def runtime(self, function: str, *arguments: Code | str, **named: Code | str | None) -> Code:
        """A call of a function of the runtime."""
        return call(self.scope.unit.use(function), *arguments, **named)

    @property
    def target(self) -> Target:
        return self.scope.unit.target

    def same(self, left: Dim, right: Dim) -> bool:
        return self.scope.unit.sizes.same(left, right)

    def value(self, size: Dim) -> int | None:
        """The number that a size stands for, unless it is known only at run time."""
        return self.scope.unit.sizes.value(size)

    # -- learned tensors ----------------------------------------------------------------------------------------------

    def owns(self, name: str) -> bool:
        """Whether the node has this learned tensor, and not another node's."""
        return any(p.name == name and not p.tied for p in self.node.parameters)

    def learned(self, name: str) -> Parameter | None:
        return next((p for p in self.node.parameters if p.name == name), None)

    def owner(self, name: str) -> Node | None:
        """The node of the same body whose tensor this one is tied to."""
        found = self.learned(name)
        if found is None or len(found.tied) != 2 or not self.scope.body.has_node(found.tied[0]):
            return None
        node = self.scope.body.node(found.tied[0])
        return node if any(p.name == found.tied[1] and not p.tied for p in node.parameters) else None

    def module(self, constructor: str, *arguments: Code | str, **named: Code | str | None) -> Code:
        """A submodule that holds all of the node's learned tensors."""
        made = call(constructor, *arguments, **named)
        frozen = [p for p in self.node.parameters if not p.trainable]
        if frozen and len(frozen) == len(self.node.parameters):
            made = method(made, "requires_grad_", "False")
        path = self.scope.hold(self.node, made)
        if len(frozen) < len(self.node.parameters):
            for parameter in frozen:
                self.scope.state.members.append(Line(f"{path}.{parameter.name}.requires_grad_(False)"))
        return path

    def set_up(self, statement: str) -> None:
        """A statement more in `__init__`."""
        self.scope.state.members.append(Line(statement))

    def tensors(self) -> dict[str, Code]:
        """The node's learned tensors one by one: another node's where they are tied, else held for this node."""
        own = [p for p in self.node.parameters if not p.tied]
        if own and not own[0].name:
            return {"": self._free(own[0])}
        found = {p.name: self.tied(p) for p in self.node.parameters if p.tied}
        if own:
            shapes = {p.name: tuple_of(*map(self.size, p.shape)) for p in own}
            holder = self.module(self.scope.unit.use("Parameters"), **shapes)
            found |= {p.name: atom(f"{holder}.{p.name}") for p in own}
        return found

    def _free(self, parameter: Parameter) -> Code:
        sizes = [self.size(size) for size in parameter.shape] or [Code("()")]
        zeros = call("torch.zeros", *sizes)
        frozen = {} if parameter.trainable else {"requires_grad": "False"}
        return self.scope.hold(self.node, call("nn.Parameter", zeros, **frozen), "_parameters")

    def tied(self, parameter: Parameter) -> Code:
        """The other node's tensor that this one is tied to."""
        first, *rest = parameter.tied
        path = self.scope.member(first)
        for part in rest:
            path += f"[{part}]" if part.isdigit() else f".{part}"
        return atom(path)

    # -- what is told -------------------------------------------------------------------------------------------------

    def chose(self, task: str, kernel: str, why: str) -> None:
        """Record what computes this node, and say so in the source."""
        self.scope.chose(self.node, task, kernel, why)


Lowering = Callable[[Site], Code | tuple[Code, ...]]
"""Writes one operator: its outputs, in Python."""
