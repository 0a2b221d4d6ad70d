"""A body as the steps that a diagram shows: what readers would not draw is left out, what they draw as one is one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graphspec.axes import TensorType
from graphspec.graph import Body, Call, Mixture, Node, Ref, Repeat
from graphspec.masks import Everything, Mask
from graphspec.operators import Operator
from graphspec.operators.attention import Attend
from graphspec.operators.contract import Contract
from graphspec.operators.linear import FreeParameter
from graphspec.operators.pointwise import Dropout, Pointwise
from graphspec.operators.reduce import Reduce
from graphspec.operators.shape import Cast, Select, StopGradient
from graphspec.render.compared import Change, change_of_input, is_removed
from graphspec.render.names import attention_title, block_name, humanised, operator_title, plain, raised, size_text
from graphspec.render.view import Attention, attention_of, operators, view

Opens = Callable[[Node], bool]
"""Whether a block is drawn with its inside."""

CONTAINER, SUM = "container", "sum"
MARKS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷"}
EVERYTHING = Everything()
_SIGNS = {**MARKS, "divide": "/"}
_FUNCTIONS: Mapping[str, str] = {
    "sqrt": "Square root",
    "exp": "Exponential",
    "abs": "Absolute value",
    "log": "Logarithm",
}
_POWERS = {"2": "Square", "0.5": "Square root", "-1": "Reciprocal"}
_UNDRAWN = (Dropout, Cast, StopGradient)
_ENDS: Mapping[int | None, str] = {0: "First", -1: "Last"}
_SCALINGS, _SHIFTS = ("multiply", "divide"), ("add", "subtract")


@dataclass(frozen=True, slots=True)
class Read:
    """A value that a step reads, through which port, and whether as a memory (keys and values from elsewhere)."""

    ref: Ref
    port: str
    memory: bool = False
    change: Change = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One box, mark or container of a diagram. `names` are the nodes for which it stands, `node` the chief of them."""

    node: Node
    kind: str
    title: str
    reads: tuple[Read, ...]
    names: tuple[str, ...]
    mask: Mask = EVERYTHING
    mark: str = ""

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def type(self) -> TensorType:
        return self.node.type

    @property
    def is_mark(self) -> bool:
        """Whether it is drawn as a small sign instead of a box."""
        return bool(self.mark) and not self.title


@dataclass(frozen=True)
class Flow:
    """The steps of a body in an order in which they can be computed, and where its outputs come from."""

    body: Body
    steps: tuple[Step, ...]
    outputs: tuple[tuple[str, Ref], ...]

    def readers(self) -> Mapping[str, list[str]]:
        """For each input and step, the steps that read it, and `""` for each output."""
        found: dict[str, list[str]] = {name: [] for name in (*(i.name for i in self.body.inputs), *self.by_name())}
        for step in self.steps:
            for read in step.reads:
                found[read.ref.name].append(step.name)
        for _, ref in self.outputs:
            found[ref.name].append("")
        return found

    def by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}


def flow_of(body: Body, opens: Opens, sizes: Mapping[str, int], used: Collection[str] = ()) -> Flow:
    """The steps of a body, nothing merged yet; what no output needs is left out, nor outputs that are not `used`."""
    seen = view(body)
    alias: dict[str, Ref] = {}
    made: list[Step] = []
    for node in body.nodes:
        reads = tuple(
            Read(alias.get(ref.name, ref), port, (node.name, port) in seen.memories, change_of_input(node, port, ref))
            for port, ref in seen.reads[node.name]
        )
        passed = _passed_on(node, reads, body)
        if passed is None:
            made.append(_step(node, _own_memories(reads), body, opens, sizes))
        else:
            alias[node.name] = passed
            made = [_renamed(step, node, body) if step.name == passed.name else step for step in made]
    outputs = tuple((name, alias.get(ref.name, ref)) for name, ref in body.outputs if name in used or not used)
    return pruned(Flow(body, tuple(made), outputs))


def pruned(flow: Flow) -> Flow:
    """Without the steps that no output needs; what is drawn as removed was needed before."""
    needed = {ref.name for _, ref in flow.outputs} | set(_lost(flow))
    kept: list[Step] = []
    for step in reversed(flow.steps):
        if step.name in needed:
            kept.append(step)
            needed |= {read.ref.name for read in step.reads}
    return replace(flow, steps=tuple(reversed(kept)))


def _lost(flow: Flow) -> Iterator[str]:
    """The steps that are drawn as removed, but for those that another one stands for."""
    absorbed = {name for step in flow.steps for name in step.names if name != step.name}
    return (step.name for step in flow.steps if is_removed(step.node) and step.name not in absorbed)


def _passed_on(node: Node, reads: tuple[Read, ...], body: Body) -> Ref | None:
    """The one value that a node without a box passes on: dropout, scaling, conversion."""
    same = isinstance(node.does, Pointwise) and node.does.function == "identity"
    if reads and (same or isinstance(node.does, _UNDRAWN)):
        return reads[0].ref
    if not isinstance(node.does, Pointwise) or node.does.function not in _SCALINGS + _SHIFTS:
        return None
    scales = node.does.function in _SCALINGS
    varying = [read for read in reads if not (scales and _is_learned(read.ref, body))]
    if len(varying) != 1 or (not scales and len(node.inputs) > 1):
        return None
    turned = node.does.function in ("divide", "subtract") and node.does.arguments[0] != varying[0].port
    return None if turned else varying[0].ref


def _renamed(step: Step, node: Node, body: Body) -> Step:
    """A reduction that is then scaled by a tensor has the name of the whole: `sum(x * real, T) / sum(real, T)`."""
    scales = [ref for _, ref in node.inputs if ref.name != step.name and not _is_learned(ref, body)]
    whole = step.node.name.partition("~")[0] == node.name and scales
    if not whole or not isinstance(step.node.does, Reduce) or node.label:
        return step
    return replace(step, title=reduce_title(step.node.does, node.name))


def _is_learned(ref: Ref, body: Body) -> bool:
    """Whether a value is a learned tensor, or a function of nothing else."""
    if not body.has_node(ref.name):
        return False
    node = body.node(ref.name)
    if isinstance(node.does, Pointwise):
        return all(_is_learned(other, body) for _, other in node.inputs)
    return isinstance(node.does, FreeParameter)


def _own_memories(reads: tuple[Read, ...]) -> tuple[Read, ...]:
    """A memory that is also the step's plain input is none: attention to oneself."""
    own = {read.ref for read in reads if not read.memory}
    return tuple(replace(read, memory=read.memory and read.ref not in own) for read in reads)


# -- one step ---------------------------------------------------------------------------------------------------------


def _step(node: Node, reads: tuple[Read, ...], body: Body, opens: Opens, sizes: Mapping[str, int]) -> Step:
    label = plain(node.label)
    match node.does:
        case Call() | Repeat() if opens(node):
            return Step(node, CONTAINER, label or humanised(node.name), reads, (node.name,))
        case Mixture(inner) as mixture:
            title = label or f"{mixture.count} × {humanised(block_name(inner.block))}"
            return _plain(node, "experts", title, reads)
        case Call(inner):
            return _block(node, inner, reads, sizes)
        case Repeat() as repeat:
            kind = _kind(repeat.bodies[0]) if repeat.bodies else "shape"
            return _plain(node, kind, f"{humanised(node.name)} × {repeat.count}", reads)
        case Attend():
            return _attention(node, Attention(node.does.mask, node, body), label, reads, sizes)
        case Pointwise() as pointwise if pointwise.function in MARKS and len(reads) > 1:
            kind = SUM if pointwise.function == "add" else "mark"
            return Step(node, kind, label, reads, (node.name,), mark=MARKS[pointwise.function])
        case operator:
            return _plain(node, operator.look[0], _operator_title(node, operator), reads)


def _plain(node: Node, kind: str, title: str, reads: tuple[Read, ...]) -> Step:
    return Step(node, kind, plain(node.label) or title or humanised(node.name), reads, (node.name,))


def _operator_title(node: Node, operator: Operator) -> str:
    match operator:
        case FreeParameter():
            return humanised(node.name)
        case Pointwise(function="power", arguments=(str(), power)) if not isinstance(power, str):
            return _POWERS.get(str(power)) or (f"x{raised(str(power))}" if _is_whole(power) else f"x to the {power}")
        case Pointwise(function=function, arguments=arguments) if function in _SIGNS and _has_number(arguments):
            words = ("x" if isinstance(argument, str) else str(argument) for argument in arguments)
            return f" {_SIGNS[function]} ".join(words)
        case Pointwise(function=function):
            return _FUNCTIONS.get(function) or humanised(function)
        case Reduce():
            return reduce_title(operator)
        case Contract(over=()):
            return "Outer product"
        case Contract(over=over):
            return f"Dot product over {', '.join(size_text(axis, alone=True) for axis in over)}"
        case Select(axis=axis, at=at) if at.constant in _ENDS:
            return f"{_ENDS[at.constant]} of {size_text(axis, alone=True)}"
        case _:
            return operator_title(operator)


def _has_number(arguments: Sequence[object]) -> bool:
    return not all(isinstance(argument, str) for argument in arguments)


def reduce_title(reduce: Reduce, name: str = "") -> str:
    return f"{humanised(name or reduce.title)} over {size_text(reduce.over, alone=True)}"


def _is_whole(power: object) -> bool:
    return str(power).removeprefix("-").isdigit()


def _block(node: Node, body: Body, reads: tuple[Read, ...], sizes: Mapping[str, int]) -> Step:
    """A closed block: coloured by what is in it, and named after the block."""
    found = attention_of(body)
    name = block_name(body.block)
    if found is None:
        return _plain(node, _kind(body), humanised(name), reads)
    memory = any(read.memory for read in reads)
    title = plain(node.label) or ("" if name == "attention" or memory else humanised(name))
    return _attention(node, found, title, reads, sizes)


def _attention(node: Node, found: Attention, title: str, reads: tuple[Read, ...], sizes: Mapping[str, int]) -> Step:
    memory = any(read.memory for read in reads)
    heads, key_heads = (found.type_at(port).sizes[-2].value(sizes) for port in ("query", "key"))
    title = title or attention_title(found.mask, memory, heads, key_heads)
    return Step(node, "cross" if memory else "attention", title, reads, (node.name,), found.mask)


_KINDS = (
    ("stack", {"attend"}),
    ("experts", {"top", "mixture"}),
    ("scan", {"scan"}),
    ("convolution", {"convolution", "pool"}),
    ("ffn", {"linear"}),
    ("embedding", {"embedding"}),
    ("norm", {"layer_norm", "rms_norm", "batch_norm", "group_norm"}),
)


def _kind(body: Body) -> str:
    found = operators(body)
    return next((kind for kind, typical in _KINDS if found & typical), "shape")
