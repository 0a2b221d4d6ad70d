"""What edge expressions are made of: functions of single elements, broadcast by axis name; and dropout."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphspec.axes import Axis, Dim, DType, Number, Sizes, TensorType
from graphspec.operators.declare import Operator, Saved, Use, operator
from graphspec.operators.flow_mixing import Identity
from graphspec.operators.flow_pointwise import Elementwise
from graphspec.operators.signature import Mismatch, Signature

ARITHMETIC = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "%": "remainder",
    "**": "power",
}
COMPARISONS = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal", "==": "equal", "!=": "not_equal"}
LOGIC = {"and": "and", "or": "or", "&": "and", "|": "or", "not": "not", "~": "not"}
FUNCTIONS = [
    "exp",
    "log",
    "sqrt",
    "sin",
    "cos",
    "abs",
    "floor",
    "ceil",
    "sigmoid",
    "tanh",
    "relu",
    "relu2",
    "gelu",
    "gelu_tanh",
    "quick_gelu",
    "silu",
    "softplus",
    "identity",
]
"""Functions of one argument by name; `relu2` is `relu(x)**2`, `quick_gelu` is `x * sigmoid(1.702 x)`."""


KEEP_NOTHING = ("add", "subtract", "negative", "identity", *COMPARISONS.values(), *LOGIC.values())
KEEP_RESULT = ("exp", "sqrt", "sigmoid", "tanh", "relu")
"""Functions whose derivative is written with nothing, or with the result alone."""


@dataclass(frozen=True, kw_only=True)
class Pointwise(Operator):
    """One function of one to three tensors or numbers, element by element, broadcast by axis name.

    `arguments` are in order: the name of a port, or a number or size.
    """

    function: str
    arguments: tuple[str | Number | Dim | bool, ...]

    op = "pointwise"
    family = "pointwise"
    attributes = ()
    signature = Signature("a?: any ..., b?: any ..., c?: any ... -> y: any ...")
    flow = Elementwise()

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        types = [inputs[argument] if isinstance(argument, str) else _type_of(argument) for argument in self.arguments]
        axes = broadcast(types, sizes)
        return (("y", TensorType(_result(self.function, types), axes)),)

    @property
    def passes(self) -> bool:
        """Whether the gradient of the result is that of each operand, where the axes are the same."""
        return self.function in ("add", "identity")

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """Operands or result, as the derivative is written; of a product the other factor, if it is a tensor."""
        if self.function in KEEP_NOTHING or (self.function in ("multiply", "divide") and len(inputs) < 2):
            return Saved()
        if self.function == "where":
            return Saved(("a",))
        return Saved(("y",)) if self.function in KEEP_RESULT else Saved(tuple(inputs))


class FeatureClash(Mismatch):
    """Two operands that each have a feature axis which the other lacks."""

    def __init__(self, left: str, right: str) -> None:
        help = "elementwise operands need equal features"
        if "`1`" in (left, right):
            help += "; `{op: select, in: …, axis: 1}` takes an axis of one place away"
        super().__init__(f"one operand has {left} features, the other {right}", help=help)
        self.left, self.right = left, right


def _type_of(value: Number | Dim | bool) -> TensorType:
    if isinstance(value, bool):
        return TensorType("bool", ())
    return TensorType("int" if isinstance(value, Dim) or isinstance(value.value, int) else "float", ())


def _result(function: str, types: Sequence[TensorType]) -> DType:
    kinds = {given.dtype for given in types}
    if function in COMPARISONS.values():
        return "bool"
    if function in LOGIC.values():
        if kinds != {"bool"}:
            raise Mismatch(f"`{function}` joins truth values, but gets {' and '.join(sorted(map(str, types)))}")
        return "bool"
    if function == "where":
        kinds = {given.dtype for given in types[1:]}
        if types[0].dtype != "bool":
            raise Mismatch(f"the first argument of `where` must hold truth values, but is `{types[0]}`")
    if function in FUNCTIONS and function not in ("abs", "identity", "relu", "relu2") and "float" not in kinds:
        raise Mismatch(f"`{function}` needs floating-point numbers, but gets `{types[0]}`", help="use `cast` first")
    if function == "divide":
        return "float"
    return "float" if "float" in kinds else "int" if "int" in kinds or function in ARITHMETIC.values() else "bool"


def broadcast(types: Iterable[TensorType], sizes: Sizes) -> tuple[Axis, ...]:
    """The axes of an elementwise result: matched by name, the first operand's order first. Raises `Mismatch`."""
    axes: tuple[Axis, ...] = ()
    for given in types:
        axes = _join(axes, given.axes, sizes)
    return axes


def aligned(given: Sequence[Axis], result: Sequence[Axis], sizes: Sizes) -> tuple[int | None, ...]:
    """For each axis of a broadcast result, the place of the operand's axis, None where it lacks it.

    Identical axes are matched before equal ones, so that a name decides where sizes are equal by accident.
    """
    places: list[int | None] = [None] * len(result)
    left = dict(enumerate(given))
    for same in (_identical, _equal):
        for at, axis in enumerate(result):
            found = next((place for place, own in left.items() if same(own, axis, sizes)), None)
            if places[at] is None and found is not None:
                places[at] = found
                del left[found]
    return tuple(places)


def _identical(left: Axis, right: Axis, sizes: Sizes) -> bool:
    return left == right


def _equal(left: Axis, right: Axis, sizes: Sizes) -> bool:
    return left.primed == right.primed and sizes.same(left.size, right.size)


def _join(left: tuple[Axis, ...], right: tuple[Axis, ...], sizes: Sizes) -> tuple[Axis, ...]:
    places = aligned(right, left, sizes)
    own = [left[at] for at, place in enumerate(places) if place is None]
    other = [axis for place, axis in enumerate(right) if place not in places]
    clash = [axis for axis in own if _is_feature(axis, sizes)], [axis for axis in other if _is_feature(axis, sizes)]
    if clash[0] and clash[1]:
        raise FeatureClash(sizes.describe(clash[0][-1].size), sizes.describe(clash[1][-1].size))
    if not left or not other:
        return left or right
    return _merge_order(left, right, places)


def _is_feature(axis: Axis, sizes: Sizes) -> bool:
    """A size that is a number: not an axis whose size is known only at run time, nor the second of two that are meant
    to meet."""
    return not axis.primed and sizes.value(axis.size) is not None


def _merge_order(left: tuple[Axis, ...], right: tuple[Axis, ...], places: tuple[int | None, ...]) -> tuple[Axis, ...]:
    """The first operand's order; an axis that it lacks stands before what follows it in the other operand."""
    result = list(left)
    at_left = {place: at for at, place in enumerate(places) if place is not None}
    for place in range(len(right) - 1, -1, -1):
        if place in at_left:
            continue
        following = [result.index(left[at_left[later]]) for later in range(place + 1, len(right)) if later in at_left]
        inserted = [result.index(right[later]) for later in range(place + 1, len(right)) if later not in at_left]
        result.insert(min(following + inserted, default=len(result)), right[place])
    return tuple(result)


@operator("dropout", family="pointwise")
class Dropout(Operator):
    """In training, set elements to zero with probability `p` and divide the others by `1 - p`.

    Source: Srivastava et al. 2014.
    """

    p: Number

    signature = Signature("x: ... -> y: ...")
    flow = Identity("zeros")

    def infer(self, inputs: Mapping[str, TensorType], sizes: Sizes) -> tuple[tuple[str, TensorType], ...]:
        if self.p.value is None or not 0 <= self.p.value < 1:
            raise Mismatch(f"`p` is a probability, at least 0 and less than 1, but is {self.p.value}", "p")
        return super().infer(inputs, sizes)

    def saved(self, inputs: Mapping[str, TensorType], outputs: Sequence[TensorType], use: Use) -> Saved:
        """What was drawn: a factor for each element on the CPU, a truth value on CUDA."""
        if not self.p.value:
            return Saved()
        drawn = outputs[0].elements()
        return Saved(elements=drawn) if use.device == "cpu" else Saved(truths=drawn)


OPERATORS = (Dropout,)
