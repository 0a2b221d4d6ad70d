"""What training minimises. The compiler adds it for an objective; a spec does not name it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphspec.axes import Dim, Sizes, TensorType
from graphspec.operators.declare import Operator, Saved, Use
from graphspec.operators.flow_mixing import ReducesAll
from graphspec.operators.signature import Signature


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Operator):
    """Mean negative logarithm of the probability that a softmax over the last axis gives to the labels.

    Labels equal to `ignore` count for nothing. `smoothing` (no unit) is the weight of a uniform target.

    Source: label smoothing: Szegedy et al. 2016, section 7.
    """

    ignore: int = -100
    smoothing: float = 0.0

    op = "cross_entropy"
    family = "loss"
    attributes = ()
    signature = Signature("logits: ... classes, labels: int ... -> loss:")
    flow = ReducesAll()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        super().infer(inputs, sizes)
        return (("loss", TensorType("float", ())),)

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """The logarithms of all probabilities; backwards, as many numbers again for a moment."""
        return Saved(numbers=inputs["logits"].elements(), moment=inputs["logits"].elements())

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return inputs["logits"].elements() * 4


@dataclass(frozen=True, kw_only=True)
class CTC(Operator):
    """Negative logarithm of the probability that the frames of a row spell its labels, by any way of spelling them.

    A label may last several frames; `blank` stands between any two. Each row counts by the length of its labels, of
    which those equal to `ignore` are none. `lengths` says how many frames of each row there are: all, unless given.

    Source: Graves et al. 2006, section 3.
    """

    blank: int = 0
    ignore: int = -100

    op = "ctc"
    family = "loss"
    attributes = ()
    signature = Signature("logits: B T classes, labels: int B L, lengths?: int B -> loss:")
    flow = ReducesAll()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        super().infer(inputs, sizes)
        return (("loss", TensorType("float", ())),)

    def flops(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> Dim:
        return inputs["logits"].elements() * 4
