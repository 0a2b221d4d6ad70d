"""Operators that only the backend knows: what the passes put in the place of a spec's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from compiler.passes.kernels import Choice
from compiler.target import PIECE
from graphspec.axes import Axis, Dim, Number, Sizes, TensorType, dim
from graphspec.graph import Ref
from graphspec.masks import Adjacency, Causal, Documents, Keys, Mask, Prefix, atoms
from graphspec.operators import Operator, Signature
from graphspec.operators.declare import Saved, Use
from graphspec.operators.scaling import Scaling


class _Internal(Operator):
    """An operator whose cost is counted where the spec's own operator stands."""

    attributes = ()

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return dim(0)


MaskForm = Literal["tensor", "blocks", "bounds"]


@dataclass(frozen=True)
class BlockMaskType(TensorType):
    """FlexAttention's block mask, which stands for a boolean tensor of this type."""


@dataclass(frozen=True)
class BoundsType(TensorType):
    """Where documents begin among all tokens, and where the last one ends; this type has room for one a token."""

    def __str__(self) -> str:
        return "int documents + 1"


@dataclass(frozen=True, kw_only=True)
class Attention(_Internal):
    """`attend` with its mask made ready: a tensor at the port `mask`, or none; causality by itself, or not.

    `mask` is the mask as the spec has it. Where there is a tensor, it holds all of the mask. Where it may be None at
    run time, that stands for `causal`, or for every key. `choice` says what computes it. FlexAttention may be given the
    `slopes` of ALiBi in the place of a bias.
    """

    mask: Mask
    choice: Choice
    causal: bool
    scale: Number | None
    softcap: Number | None
    dropout: Number

    op = "attention"
    family = "attention"
    signature = Signature(
        "query: ... T h c, key: ... K g c, value: ... K g e, mask?: bool ..., bias?: ..., slopes?: h, sink?: h"
        " -> out: ..., weights: ..."
    )


@dataclass(frozen=True, kw_only=True)
class MaskTensor(_Internal):
    """The boolean tensor of a mask along `along`: leading axes, heads, queries, keys; of size 1 where they lack.

    `query` and `key` are the sizes of the position axes; their indices come through the ports `i` and `j`. The tensor
    at the port `optional` may be None at run time, which stands for all true; the mask is then `without` it, which is
    None if that needs no tensor. In the form of `blocks` it is no tensor but FlexAttention's block mask, which asks for
    every pair by itself and needs no indices; in that of `bounds` it is where documents begin.
    """

    mask: Mask
    along: tuple[Axis, ...]
    query: Dim
    key: Dim
    optional: str = ""
    without: Mask | None = None
    form: MaskForm = "tensor"

    op = "mask"
    family = "attention"
    signature = Signature("-> y: bool ...")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        match self.form:
            case "tensor":
                made = TensorType("bool", self.along)
            case "blocks":
                made = BlockMaskType("bool", self.along)
            case "bounds":
                made = BoundsType("int", (self.along[0], self.along[-2]))
        return (("y", made),)

    @property
    def may_be_none(self) -> bool:
        return bool(self.optional) and self.without is None

    def wish(self, read: Mapping[str, Ref]) -> str:
        """What to call it: by the tensors that it reads, and by its kinds of mask other than `causal`."""
        words = dict.fromkeys(_word(atom, read) for atom in atoms(self.mask) if not isinstance(atom, Causal))
        kind = "bounds" if self.form == "bounds" else "mask"
        return f"{'_'.join(words or ['causal'])}_{kind}" if len(words) <= 2 else kind


def _word(atom: Mask, read: Mapping[str, Ref]) -> str:
    match atom:
        case Keys(port) | Documents(port) | Adjacency(port) | Prefix(str(port)):
            return str(read[port]).replace("~", "_").replace(".", "_").removesuffix("_mask")
        case _:
            return type(atom).__name__.lower()


@dataclass(frozen=True, kw_only=True)
class Given(_Internal):
    """An optional input of the model, or its default where none is given: a number, or the tensor at `other`."""

    default: bool | int | float | None = None

    op = "given"
    family = "pointwise"
    signature = Signature("x: any ..., other?: any ... -> y: any ...")


@dataclass(frozen=True, kw_only=True)
class RotaryTable(_Internal):
    """Cosines and sines of the angles by which `rotary` turns: a row of `dims / 2` for each position.

    Positions count along `over`, or stand at the port `at`.
    """

    over: Dim
    dims: Dim
    theta: Number
    scaling: Scaling | None = None

    op = "rotary_table"
    family = "position"
    signature = Signature("at?: int ... -> y: 2 ... half")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        half = sizes.quotient(self.dims, dim(2)) or self.dims // 2
        places = inputs["at"].axes if "at" in inputs else (Axis(self.over),)
        return (("y", TensorType("float", (Axis(dim(2)), *places, Axis(half)))),)


@dataclass(frozen=True, kw_only=True)
class Rotate(_Internal):
    """`rotary` with its angles from a table."""

    layout: Literal["halves", "interleaved"]

    op = "rotate"
    family = "position"
    signature = Signature("x: ... T h c, table: ... half -> y: ... T h c")


@dataclass(frozen=True, kw_only=True)
class AlibiSlopes(_Internal):
    """What the scores of `alibi` fall with each position of distance, for each head."""

    heads: Dim

    op = "alibi_slopes"
    family = "position"
    signature = Signature("-> y: heads")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        return (("y", TensorType("float", (Axis(self.heads),))),)


@dataclass(frozen=True, kw_only=True)
class MergedLinear(_Internal):
    """The linears `parts` of the same body, computed as one product; an output for each, of its name."""

    parts: tuple[str, ...]

    op = "merged_linear"
    family = "linear"
    signature = Signature("x: ... n -> y: ...")


@dataclass(frozen=True, kw_only=True)
class LinearCrossEntropy(_Internal):
    """`cross_entropy` of the logits that a linear makes of `x`; its weight and bias are tied to the linear's."""

    classes: Dim
    ignore: int
    smoothing: float

    op = "linear_cross_entropy"
    family = "loss"
    signature = Signature("x: ... n, labels: int ... -> loss:")

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """The gradients, which are computed with the loss; the logits come and go in pieces."""
        x, labels = inputs["x"], inputs["labels"]
        logits = labels.elements() * self.classes
        return Saved(numbers=x.elements(), passing=logits, at_most=PIECE, at_once=True)


HOISTED = (MaskTensor, RotaryTable)
"""What is the same for all layers, and worth computing once."""
