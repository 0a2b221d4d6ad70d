"""One class in the making: what `__init__` holds, what `forward` says, and what each value is called there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from keyword import iskeyword

from compiler.lower.code import Code, atom, infix
from compiler.lower.code import number as literal
from compiler.lower.custom import FOREIGN
from compiler.lower.foreign import foreign
from compiler.lower.lines import Line
from compiler.lower.names import MODULE_ATTRIBUTES, Namer
from compiler.lower.scalars import scalar
from compiler.lower.site import Lowering, Site
from compiler.lower.unit import Kernel, Unit
from compiler.passes.internal import BoundsType
from graphspec.axes import Dim, Number, TensorType, dim
from graphspec.diagnostics import Diagnostic, SpecError
from graphspec.graph import Body, Input, Node, Ref
from graphspec.operators import Operator

BODY = 2
"""How deep the statements of a method stand in their file."""


@dataclass
class State:
    """All that changes while a class is written, so that an attempt can be taken back."""

    values: dict[tuple[str, str], Code] = field(default_factory=dict)
    deferred: dict[str, Node] = field(default_factory=dict)
    members: list[Line] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    shapes: dict[str, tuple[str, int]] = field(default_factory=dict)
    sizes: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def copied(self) -> State:
        return State(*(copy(getattr(self, part.name)) for part in fields(self)))


def input_variables(unit: Unit, body: Body) -> dict[str, str]:
    """What the inputs of a body are called in its `forward`, for itself and for who calls it."""
    names = Namer(unit.reserved)
    return {source.name: names.take(source.name, f"{source.name}_") for source in body.inputs}


class Scope:
    """Writes the nodes of one body, in order; parts of an expression that are read once stay within it."""

    def __init__(self, unit: Unit, body: Body, lowerings: Mapping[str, Lowering]) -> None:
        self.unit, self.body, self.lowerings = unit, body, lowerings
        self.names = Namer(unit.reserved)
        self.state = State(taken=self.names.taken)
        self.spoken = {node.name for node in body.nodes if not node.anonymous}
        self.readings = Counter(ref.name for node in body.nodes for _, ref in node.inputs)
        self.readings.update(ref.name for _, ref in body.outputs)
        self.refs = {ref for node in body.nodes for _, ref in node.inputs} | {ref for _, ref in body.outputs}
        self.inputs = input_variables(unit, body)
        self.names.taken |= set(self.inputs.values())
        for source, variable in self.inputs.items():
            self.state.values[source, ""] = atom(variable)

    # -- nodes --------------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write every node; of one that no output depends on, only what it holds."""
        live = self._live()
        for node in self.body.nodes:
            if node.name not in live:
                self._only_hold(node)
            elif node.anonymous and self.readings[node.name] == 1 and not self._is_output(node):
                self.state.deferred[node.name] = node
            else:
                self.place(node)

    def _live(self) -> set[str]:
        """The nodes that an output depends on."""
        live = {ref.name for _, ref in self.body.outputs}
        for node in reversed(self.body.nodes):
            if node.name in live:
                live |= {ref.name for _, ref in node.inputs}
        return live

    def _only_hold(self, node: Node) -> None:
        before = self.state.copied()
        self.place(node)
        after, self.state = self.state, before
        self.state.members, self.state.values = after.members, after.values
        self.names.taken = before.taken

    def _is_output(self, node: Node) -> bool:
        return any(ref.name == node.name for _, ref in self.body.outputs)

    def place(self, node: Node) -> None:
        """Write a node as a line of its own."""
        before = self.state.copied()
        inlines = any(ref.name in self.state.deferred for _, ref in node.inputs)
        lines = self._attempt(node)
        if inlines and not all(line.breaks_well(BODY) for line in lines):
            self._take_back(before)
            for _, ref in node.inputs:
                if ref.name in self.state.deferred:
                    self.place(self.state.deferred.pop(ref.name))
            lines = self._attempt(node)
        self.state.lines += lines

    def _attempt(self, node: Node) -> list[Line]:
        """Lower a node and name its outputs; what is a name already needs no variable."""
        lines: list[Line] = []
        for value, code in zip(node.outputs, self.lower(node), strict=False):
            if not code.is_path and self.is_read(node, value.name):
                wish = self.output_name(node, value.name)
                variable = self.scratch(wish) if node.anonymous else self.names.local(wish)
                lines.append(Line(f"{variable} = ", code, self.note(value.type)))
                code = atom(variable)
            self.bind(node, value.name, code)
        return lines

    def is_read(self, node: Node, output: str) -> bool:
        """Whether anything reads this output."""
        first = output == node.outputs[0].name
        return Ref(node.name, output) in self.refs or (first and Ref(node.name, "") in self.refs)

    @staticmethod
    def output_name(node: Node, output: str) -> str:
        """What a spec would call an output: its node for the first, then `node_output`."""
        return node.name if output == node.outputs[0].name else f"{node.name}_{output}"

    def bind(self, node: Node, output: str, code: Code) -> None:
        """Say how an output of a node is written where it is read."""
        self.state.values[node.name, output] = code
        if output == node.outputs[0].name:
            self.state.values[node.name, ""] = code

    def _take_back(self, state: State) -> None:
        self.state = state
        self.names.taken = state.taken

    def lower(self, node: Node) -> tuple[Code, ...]:
        """The outputs of a node as expressions."""
        assert isinstance(node.does, Operator)
        lowering = foreign if node.does.op in FOREIGN else self.lowerings.get(node.does.op)
        if lowering is None:
            message = f"the operator `{node.does.op}` cannot be compiled to PyTorch"
            help = "register what computes it: `compiler.register(operator, function)`"
            raise SpecError([Diagnostic("no-lowering", message, node.span, help=help)])
        codes = lowering(Site(self, node))
        return (codes,) if isinstance(codes, Code) else codes

    def say(self, variable: str, code: Code, comment: str = "") -> Code:
        """A line that names an intermediate value."""
        name = self.scratch(variable)
        self.state.lines.append(Line(f"{name} = ", code, comment))
        return atom(name)

    def scratch(self, wish: str) -> str:
        """A name for a value that has none in the spec: never one that the spec gives to another."""
        wish = wish.rstrip("~")
        return self.names.local(f"{wish}_" if wish in self.spoken else wish)

    def say_again(self, variable: Code, code: Code) -> None:
        """A line that gives a variable a new value."""
        self.state.lines.append(Line(f"{variable} = ", code))

    def note(self, kind: TensorType) -> str:
        """A type as a comment, with derived sizes by their names."""
        if isinstance(kind, BoundsType):
            return str(kind)
        words = [kind.dtype] if kind.dtype != "float" or not kind.axes else []
        for axis in kind.axes:
            name = self.unit.derived.get(axis.size)
            words.append(name + "'" * axis.primed if name else str(axis))
        return " ".join(words)

    def remark(self, text: str) -> None:
        """A comment on a line of its own."""
        self.state.lines.append(Line("", comment=text))

    def chose(self, node: Node, task: str, kernel: str, why: str) -> None:
        """Record what computes a node, and say so in a comment."""
        kept = Kernel(self.unit.classes[self.body], node.name, task, kernel, why)
        self.unit.kernels.append((self.body, kept))
        self.remark(f"{kernel}: {why}")

    # -- values -------------------------------------------------------------------------------------------------------

    def read(self, ref: Ref) -> Code:
        """A value as it is written where it is read: a name, or the expression itself if this is its only reader."""
        if ref.name in self.state.deferred:
            return self.lower(self.state.deferred.pop(ref.name))[0]
        return self.state.values[ref.name, ref.output]

    def variable(self, ref: Ref) -> Code:
        """A value as a name, for where it is read more than once."""
        if ref.name in self.state.deferred:
            self.place(self.state.deferred.pop(ref.name))
        return self.state.values[ref.name, ref.output]

    # -- sizes --------------------------------------------------------------------------------------------------------

    def size(self, size: Dim) -> Code:
        """A size as Python: on the file's constants, and on the shapes of the inputs for what is known at run time."""
        name = self.unit.derived.get(size)
        if name is not None:
            return self.symbol(name)
        return scalar(str(size), self.symbol, whole=True)

    def number(self, number: Number) -> Code:
        """A number as the spec has it, or its value where the spec says it with what the code does not know."""
        if number.value is not None and not self.unit.can_say(number.text, number.sizes):
            return literal(number.value)
        return scalar(number.text, self.symbol)

    def symbol(self, name: str) -> Code:
        constant = self.unit.constant(name)
        if constant is not None:
            return constant
        if name not in self.state.sizes:
            self.state.sizes[name] = self._measure(name) or self._solve(name)
        return atom(self.state.sizes[name])

    def _measure(self, axis: str) -> str | None:
        """A variable for the size of a run-time axis, read from the shape of an input that has it.

        A derived axis is computed rather than read from an input that may be left out.
        """
        derived = self.unit.sizes.derived.get(axis)
        for source in self._sources():
            if derived is not None and source.default is not None:
                break
            for place, found in enumerate(source.type.axes):
                if found.size == Dim.symbol(axis) and not found.primed:
                    variable = self.names.local(axis)
                    self.state.shapes[variable] = (self.inputs[source.name], place)
                    return variable
        return None if derived is None else str(self.say(axis, self.size(derived)))

    def _solve(self, axis: str) -> str:
        """A variable for a size that no input has by itself, from an axis that is a multiple of it and something."""
        symbol = Dim.symbol(axis)
        for source in self._sources():
            for place, size in enumerate(map(self.unit.sizes.expand, source.type.sizes)):
                rest = size.substitute({axis: dim(0)})
                factor = (size - rest) // symbol
                if size != rest and factor * symbol == size - rest and axis not in factor.symbols:
                    measured = atom(f"{self.inputs[source.name]}.shape[{place}]")
                    measured = infix("-", measured, self.size(rest)) if rest != dim(0) else measured
                    measured = infix("//", measured, self.size(factor)) if factor != dim(1) else measured
                    return str(self.say(axis, measured))
        raise AssertionError(f"no input of {self.body.block} has the axis {axis}")

    def _sources(self) -> list[Input]:
        """The inputs, those that are always given first."""
        return sorted(self.body.inputs, key=lambda source: source.default is not None)

    def device(self) -> Code:
        """The device on which the model runs: that of its first input."""
        sources = self._sources()
        return atom(f"{self.inputs[sources[0].name]}.device") if sources else atom("None")

    # -- members ------------------------------------------------------------------------------------------------------

    def member(self, name: str, kind: str = "_modules") -> str:
        """Where `self` keeps a submodule or parameter: under its name, even if a module has such an attribute."""
        plain = name.isidentifier() and not iskeyword(name) and not name.startswith("_")
        return f"self.{name}" if plain and name not in MODULE_ATTRIBUTES else f'self.{kind}["{name}"]'

    def hold(self, node: Node, code: Code, kind: str = "_modules") -> Code:
        """Make something in `__init__` under the node's name. Raises `SpecError` for the one name that torch needs."""
        if node.name == "training":
            message = "`training` is what PyTorch calls a module's mode; nothing that learns can bear that name"
            raise SpecError([Diagnostic("reserved-name", message, node.span, help="choose another name")])
        path = self.member(node.name, kind)
        self.state.members.append(Line(f"{path} = ", code))
        return atom(path)

    def input(self, name: str) -> Input:
        return next(source for source in self.body.inputs if source.name == name)
