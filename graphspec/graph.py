"""The hierarchical graph: a whole model as immutable values.

A `Body` is the inside of a block (or of the model): inputs, nodes in an order that can be computed, outputs. A node
applies an operator, calls a body, or repeats one. A block that stands in many places or turns is one shared `Body`.
All sizes are in the model's own names: its parameters and its axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from graphspec.axes import Dim, Role, Sizes, TensorType
from graphspec.diagnostics import File, Span
from graphspec.masks import Mask
from graphspec.operators import Initialiser, Operator

NOWHERE = Span(File("", ""), 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Ref:
    """A value within one body: an input or a node by name, and which of the node's outputs."""

    name: str
    output: str

    def __str__(self) -> str:
        return f"{self.name}.{self.output}" if self.output else self.name


@dataclass(frozen=True, slots=True)
class Value:
    """One output of a node."""

    name: str
    type: TensorType


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tensor that a node learns.

    `tied` is the path of the owner's tensor within the same body. `given` says that the spec states `init` at the node
    itself, so that rules by name do not apply.
    """

    name: str
    shape: tuple[Dim, ...]
    init: Initialiser
    trainable: bool = True
    tied: tuple[str, ...] = ()
    given: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """The inside of a block, once."""

    body: Body


@dataclass(frozen=True, slots=True)
class Mixture(Call):
    """The inside of a block as `count` experts with tensors of their own: the sum of what they give, weighted.

    The port `WEIGHT` holds the weights; its last axis, of the size `experts`, numbers the experts.
    """

    experts: Dim
    count: int


WEIGHT = "weight"
"""The port of a mixture that its experts do not see."""


@dataclass(frozen=True, slots=True)
class Run:
    """A pattern of bodies, gone through `count` times."""

    bodies: tuple[Body, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """The inside of a block `times` times: the first output of a turn is the first input of the next.

    Other inputs are the same in every turn; other outputs are stacked along a new first axis. Of the first `recomputed`
    turns training keeps the inputs alone, and computes the rest again when it goes back.
    """

    times: Dim
    runs: tuple[Run, ...]
    shared: bool = False
    recomputed: int = 0

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The distinct bodies in order of appearance."""
        return tuple(dict.fromkeys(body for run in self.runs for body in run.bodies))

    def turns(self) -> Iterator[Body]:
        """The body of each turn."""
        for run in self.runs:
            for _ in range(run.count):
                yield from run.bodies

    @property
    def count(self) -> int:
        return sum(run.count * len(run.bodies) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Node:
    """One step: what it does, what it reads through which port, what it gives.

    `buffers` are tensors that training keeps count of and nothing learns, such as running statistics. `laid`: what
    of it is not written where it is, but in a variant, by key.

    A part of a longer expression is a node of its own, named after it: `mid~1` is the first part of `mid`.
    """

    name: str
    does: Operator | Call | Repeat
    inputs: tuple[tuple[str, Ref], ...]
    outputs: tuple[Value, ...]
    parameters: tuple[Parameter, ...] = ()
    label: str = field(default="", compare=False)
    span: Span = field(default=NOWHERE, compare=False, repr=False)
    buffers: tuple[Parameter, ...] = ()
    laid: tuple[tuple[str, Span], ...] = field(default=(), compare=False, repr=False)

    @property
    def tensors(self) -> tuple[Parameter, ...]:
        """What a checkpoint holds of this node: what it learns itself, and its buffers."""
        return (*(p for p in self.parameters if not p.tied), *self.buffers)

    @property
    def type(self) -> TensorType:
        """The type of the first output."""
        return self.outputs[0].type

    @property
    def anonymous(self) -> bool:
        return "~" in self.name

    def input(self, port: str) -> Ref | None:
        return next((ref for name, ref in self.inputs if name == port), None)

    def output_type(self, name: str) -> TensorType:
        return next(value.type for value in self.outputs if value.name == name)


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a body. `default`: a number or truth value, or the name of another input."""

    name: str
    type: TensorType
    default: bool | int | float | str | None = None
    below: Dim | None = None
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Body:
    """The inside of a block or of the model; `nodes` stand in an order in which they can be computed."""

    block: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[tuple[str, Ref], ...]
    signature: str = field(default="", compare=False)
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    def __hash__(self) -> int:
        cached = self.__dict__.get("_hash")
        if cached is None:
            cached = hash((self.block, self.inputs, self.nodes, self.outputs))
            object.__setattr__(self, "_hash", cached)
        return cached

    def node(self, name: str) -> Node:
        return self._by_name()[name]

    def has_node(self, name: str) -> bool:
        return name in self._by_name()

    def _by_name(self) -> Mapping[str, Node]:
        table = self.__dict__.get("_table")
        if table is None:
            table = {node.name: node for node in self.nodes}
            object.__setattr__(self, "_table", table)
        return table

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_hash", "_table")}

    def type_of(self, ref: Ref) -> TensorType:
        """The type of a value of this body."""
        for source in self.inputs:
            if source.name == ref.name:
                return source.type
        node = self.node(ref.name)
        return node.output_type(ref.output) if ref.output else node.type

    def readers(self) -> dict[str, list[Node]]:
        """For each input and node, the nodes that read it."""
        found: dict[str, list[Node]] = {source.name: [] for source in self.inputs}
        found |= {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for name in dict.fromkeys(ref.name for _, ref in node.inputs):
                found[name].append(node)
        return found


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter of the spec: its value, and for whole numbers the size it stands for."""

    name: str
    value: int | float | bool | str
    text: str
    derived: bool = False
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AxisInfo:
    """A declared axis; `size` is None if it is known only at run time."""

    name: str
    role: Role
    size: Dim | None = None
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Contract:
    """A property to be proved: its kind and its arguments as written."""

    kind: str
    arguments: tuple[tuple[str, str | int | bool], ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)
    spans: tuple[tuple[str, Span], ...] = field(default=(), compare=False, repr=False)

    def get(self, name: str) -> str | int | bool | None:
        return dict(self.arguments).get(name)

    def place(self, name: str) -> Span:
        """Where an argument stands."""
        return dict(self.spans).get(name, self.span)


@dataclass(frozen=True, slots=True)
class InitRule:
    """How the tensors whose names fit a pattern start, unless their node says so itself; later rules win.

    The pattern (shell style: `*.o`, `layers.*.ffn.down`) is held against the node's path and then applies to its
    tensors of two or more axes; against the full name (`*.o.bias`) it applies to just that tensor.
    """

    pattern: str
    init: Initialiser
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    def fits(self, name: str, parameter: Parameter) -> bool:
        """Whether it applies to a tensor of this full name."""
        node = name.removesuffix(f".{parameter.name}")
        if node != name and fnmatchcase(node, self.pattern):
            return len(parameter.shape) > 1
        return fnmatchcase(name, self.pattern)


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole model, checked for form: every name resolved, every size in the model's own names.

    `masks` are those that the spec names, for whoever asks for one; what is computed is in the body.
    """

    name: str
    title: str
    settings: tuple[Setting, ...]
    axes: tuple[AxisInfo, ...]
    body: Body
    contracts: tuple[Contract, ...] = ()
    init: tuple[InitRule, ...] = ()
    masks: tuple[tuple[str, Mask], ...] = field(default=(), compare=False)

    @property
    def sizes(self) -> dict[str, int]:
        """The whole-number parameters."""
        return {s.name: s.value for s in self.settings if isinstance(s.value, int) and not isinstance(s.value, bool)}

    @property
    def derived(self) -> dict[str, Dim]:
        """The sizes of the axes that follow from other sizes."""
        return {axis.name: axis.size for axis in self.axes if axis.size is not None}

    @property
    def known_sizes(self) -> Sizes:
        """What is known about sizes: the values of parameters, and what axes follow from."""
        return Sizes(self.sizes, self.derived)

    def axis(self, name: str) -> AxisInfo | None:
        return next((axis for axis in self.axes if axis.name == name), None)

    def role(self, size: Dim) -> Role:
        """The role of an axis by its size: composed sizes have the role of the axes they are made of."""
        roles = {axis.role for axis in self.axes if axis.name in size.symbols}
        return "position" if "position" in roles else "batch" if "batch" in roles else "feature"

    def bodies(self) -> tuple[Body, ...]:
        """Every distinct body, inner ones first, the model's own last."""
        found: dict[Body, None] = {}
        _collect(self.body, found)
        return tuple(found)


def inner_bodies(node: Node) -> tuple[Body, ...]:
    """The distinct bodies within a node."""
    match node.does:
        case Call(body):
            return (body,)
        case Repeat() as repeat:
            return repeat.bodies
        case _:
            return ()


def _collect(body: Body, found: dict[Body, None]) -> None:
    for node in body.nodes:
        for inner in inner_bodies(node):
            if inner not in found:
                _collect(inner, found)
    found.setdefault(body)


def parameter_paths(body: Body) -> Iterator[tuple[str, Parameter]]:
    """Every learned tensor of a body with its name in the checkpoint; tied ones are left out.

    Goes through every turn of every repeat: for counting use `analysis.cost`.
    """
    for path, node in operator_paths(body):
        yield from ((_tensor_path(path, p), p) for p in node.parameters if not p.tied)


def buffer_paths(body: Body) -> Iterator[tuple[str, Parameter]]:
    """Every buffer of a body with its name in the checkpoint."""
    for path, node in operator_paths(body):
        yield from ((_tensor_path(path, p), p) for p in node.buffers)


def _tensor_path(path: str, tensor: Parameter) -> str:
    return f"{path}.{tensor.name}" if tensor.name else path


def operator_paths(body: Body, prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Every node that is no block, with its path, in every turn of every repeat."""
    for node in body.nodes:
        path = f"{prefix}{node.name}"
        match node.does:
            case Mixture(inner) as mixture:
                for index in range(mixture.count):
                    yield from operator_paths(inner, f"{path}.{index}.")
            case Call(inner):
                yield from operator_paths(inner, f"{path}.")
            case Repeat(shared=True) as repeat:
                yield from operator_paths(repeat.bodies[0], f"{path}.")
            case Repeat() as repeat:
                for index, inner in enumerate(repeat.turns()):
                    yield from operator_paths(inner, f"{path}.{index}.")
            case _:
                yield path, node
