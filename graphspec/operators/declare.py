"""What an operator declaration consists of: attributes, shapes, learned tensors, cost, look; and the decorator.

An operator is a frozen dataclass. The `operator` decorator reads its attributes; the shape rule is the signature, or
the method `infer` where a signature cannot say it.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, ClassVar, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from graphspec.axes import Dim, Number, Sizes, TensorType, dim
from graphspec.masks import Mask
from graphspec.operators.flow_rules import FlowRule, Unknown
from graphspec.operators.pattern import Pattern
from graphspec.operators.signature import Port, Signature, build_type, match

AttributeKind = Literal[
    "size", "number", "numbers", "flag", "word", "axes", "pairs", "parts", "pattern", "mask", "record"
]

Parts = tuple[tuple[str, Dim | None], ...]
"""Named sizes; without sizes, the names of equal parts."""


@dataclass(frozen=True, slots=True)
class Initialiser:
    """How a tensor starts: a distribution's name and its numbers (`normal(0.02)`)."""

    kind: str
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{number:g}' for number in self.numbers)})" if self.numbers else self.kind


INITIALISERS: Mapping[str, str] = {
    "normal": "normal(std): mean 0",
    "truncated_normal": "truncated_normal(std): mean 0, cut at two deviations",
    "uniform": "uniform(bound): between -bound and bound",
    "xavier_uniform": "xavier_uniform(gain = 1): bound gain * sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)",
    "xavier_normal": "xavier_normal(gain = 1): std gain * sqrt(2 / (fan_in + fan_out))",
    "kaiming_uniform": "kaiming_uniform(gain = 1): bound gain * sqrt(3 / fan_in) (He et al. 2015)",
    "kaiming_normal": "kaiming_normal(gain = 1): std gain / sqrt(fan_in)",
    "unit_rows": "normal with std 1 / sqrt(row length), so that rows have a length of about 1",
    "constant": "constant(value)",
    "zeros": "all 0",
    "ones": "all 1",
}


@dataclass(frozen=True, slots=True)
class Weight:
    """A learned tensor: its shape in words of the signature, its start, the flag attribute that it depends on."""

    name: str
    shape: str
    init: Initialiser
    when: str = ""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an operator: its kind, whether it may be left out, the words or records it may be."""

    name: str
    kind: AttributeKind
    required: bool
    default: Any
    words: tuple[str, ...] = ()
    optional: bool = False
    records: "tuple[type[Record], ...]" = ()


_NONE = dim(0)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a backward pass reads again of one use: values at `ports`, inputs or outputs, and tensors of its own.

    These have `elements` of the result's type, `numbers` in fp32 and `truths`. `moment`: further numbers in fp32 that
    the backward pass holds while it computes; `passing`: that the forward pass does, `at_most` so many where it
    computes in pieces. `at_once`: the gradients of what it learns are computed with it, and there from then on.
    """

    ports: tuple[str, ...] = ()
    elements: Dim = _NONE
    numbers: Dim = _NONE
    truths: Dim = _NONE
    moment: Dim = _NONE
    passing: Dim = _NONE
    at_most: int | None = None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """Where an operator runs in training: on which device, and at which of its ports gradients are wanted."""

    device: str = "cpu"
    learning: frozenset[str] = frozenset()


class Record:
    """Base of values with attributes of their own, told apart by their kind: `{kind: yarn, factor: 4}`."""

    kind: ClassVar[str]
    attributes: ClassVar[tuple[Attribute, ...]]


class Operator:
    """Base of all operators; see `operator`."""

    op: ClassVar[str]
    family: ClassVar[str]
    signature: ClassVar[Signature]
    weights: ClassVar[tuple[Weight, ...]] = ()
    buffers: ClassVar[tuple[Weight, ...]] = ()
    """What training keeps count of without a gradient: it is saved with the weights, but learns nothing."""
    saves: ClassVar[tuple[str, ...] | None] = None
    """The ports whose values a backward pass reads again; by default all inputs."""
    view: ClassVar[bool] = False
    """Whether the result takes no memory, being part of the first input or the same in another order."""
    flow: ClassVar[FlowRule] = Unknown()
    attributes: ClassVar[tuple[Attribute, ...]]
    source: ClassVar[str] = ""

    @classmethod
    def input_ports(cls) -> tuple[Port, ...]:
        """The ports that a spec can fill: those of the signature, and what a signature cannot say."""
        return cls.signature.inputs

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        """The types of the outputs. Raises `Mismatch`."""
        bound = match(self, inputs, sizes)
        return tuple((port.name, build_type(port, bound, inputs)) for port in self.signature.outputs)

    def shapes(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[Weight, tuple[Dim, ...]], ...]:
        """The learned tensors that are present, with their shapes."""
        present = [weight for weight in self.weights if not weight.when or getattr(self, weight.when)]
        if not present:
            return ()
        bound = match(self, inputs, sizes)
        return tuple((weight, bound.shape(weight.shape.split())) for weight in present)

    def kept(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[Weight, tuple[Dim, ...]], ...]:
        """The buffers, with their shapes."""
        if not self.buffers:
            return ()
        bound = match(self, inputs, sizes)
        return tuple((buffer, bound.shape(buffer.shape.split())) for buffer in self.buffers)

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        """Floating-point operations of one forward pass; a multiply-add counts two."""
        return outputs[0].elements()

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """What automatic differentiation keeps until the backward pass, of the emitted code."""
        return Saved(tuple(inputs) if self.saves is None else self.saves)

    @property
    def look(self) -> tuple[str, str]:
        """Kind (which decides the colour) and label in a diagram."""
        return self.family, self.op.replace("_", " ")


# -- the decorator ----------------------------------------------------------------------------------------------------

_Class = TypeVar("_Class", bound=type[Operator])


@dataclass_transform(frozen_default=True, kw_only_default=True)
def operator(op: str, *, family: str) -> Callable[[_Class], _Class]:
    """Declare an operator: the class becomes a frozen dataclass whose fields are its attributes in YAML.

    A field's annotation says its kind: `Dim` a size, `Number` a number, `bool` a flag, `Literal[…]` a word,
    `tuple[Dim, …]` named axes or sizes, `Pairs` pairs of sizes or a word, `Mask` a mask, a union of records a record;
    `| None` makes `none` a value.
    """

    def declare(cls: _Class) -> _Class:
        made = dataclass(frozen=True, kw_only=True)(cls)
        made.op, made.family = op, family
        hints = _hints(made)
        made.attributes = tuple(_attribute(f, hints.get(f.name, f.type)) for f in fields(made))  # pyright: ignore[reportArgumentType]
        return made

    return declare


_RecordClass = TypeVar("_RecordClass", bound=type[Record])


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(kind: str) -> Callable[[_RecordClass], _RecordClass]:
    """Declare a record: a frozen dataclass whose fields are its attributes in YAML, as those of an operator are."""

    def declare(cls: _RecordClass) -> _RecordClass:
        made = dataclass(frozen=True, kw_only=True)(cls)
        made.kind = kind
        made.attributes = tuple(_attribute(f, f.type) for f in fields(made))  # pyright: ignore[reportArgumentType]
        return made

    return declare


PAIRS = tuple[tuple[Dim, Dim], ...]


def _hints(cls: type) -> dict[str, Any]:
    """Annotations that are text, as they are in a module that postpones them, evaluated there."""
    postponed = any(isinstance(annotation, str) for annotation in vars(cls).get("__annotations__", {}).values())
    return get_type_hints(cls) if postponed else {}


def _attribute(f: "Field[Any]", kind: Any) -> Attribute:
    optional, words = False, ()
    if get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind):
        optional = True
        others = [part for part in get_args(kind) if part is not type(None)]
        records = tuple(part for part in others if isinstance(part, type) and issubclass(part, Record))
        if records:
            return Attribute(f.name, "record", f.default is MISSING, f.default, (), optional, records)
        kind = others[0] if len(others) == 1 else Mask
    if PAIRS in get_args(kind):
        (choice,) = (part for part in get_args(kind) if part != PAIRS)
        return Attribute(f.name, "pairs", f.default is MISSING, f.default, get_args(choice), optional)
    if get_origin(kind) is Literal:
        words = get_args(kind)
    return Attribute(f.name, _kind(kind), f.default is MISSING, f.default, words, optional)


def _kind(annotation: Any) -> AttributeKind:
    if get_origin(annotation) is Literal:
        return "word"
    if annotation == tuple[Dim, ...]:
        return "axes"
    if annotation == tuple[Number, ...]:
        return "numbers"
    if annotation == Parts:
        return "parts"
    if annotation is Mask or get_origin(annotation) in (Union, types.UnionType):
        return "mask"
    kinds: dict[Any, AttributeKind] = {Dim: "size", Number: "number", bool: "flag", Pattern: "pattern"}
    if annotation not in kinds:
        known = "`Dim`, `Number`, `bool`, `Literal[…]` or `tuple[Dim, …]`"
        raise TypeError(f"an attribute cannot be `{getattr(annotation, '__name__', annotation)}`: write {known}")
    return kinds[annotation]
