"""What is common to all classes of one generated file: constants, imports, names of classes, kernels chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from compiler.lower.code import Code, number
from compiler.lower.custom import FOREIGN
from compiler.lower.names import Namer, upper_case
from compiler.lower.scalars import as_size, scalar
from compiler.target import Target
from graphspec import expressions as syntax
from graphspec.axes import Dim, dim
from graphspec.graph import Body, Graph, Setting
from graphspec.operators import Operator

RUNTIME = (
    "Chosen",
    "DynamicScaling",
    "LinearScaling",
    "Llama3Scaling",
    "LongRoPEScaling",
    "Model",
    "NTKScaling",
    "Parameters",
    "YarnScaling",
    "alibi",
    "alibi_slopes",
    "biased_attention",
    "block_mask",
    "bounds_of_documents",
    "checkpoint",
    "ctc_loss",
    "flexible_attention",
    "gelu_by_sigmoid",
    "linear_cross_entropy",
    "linear_scan",
    "masked_attention",
    "masked_softmax",
    "merged_linear",
    "packed_attention",
    "relative_bias",
    "relu_by_sign",
    "rotary_table",
    "rotate_halves",
    "rotate_pairs",
    "sinusoidal_position",
)
"""What `compiler.runtime` offers to generated code."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What computes one attention (or a mixture, or the loss), and why.

    `where` is its class, `node` its name there, `task` what it is to compute: for an attention its mask. `places` are
    the paths of all that share the class, and `count` how many they are.
    """

    where: str
    node: str
    task: str
    kernel: str
    why: str
    places: tuple[str, ...] = ()
    count: int = 1


@dataclass
class Unit:
    """One generated file in the making."""

    graph: Graph
    target: Target
    classes: Mapping[Body, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sizes = self.graph.known_sizes
        self.kernels: list[tuple[Body, Kernel]] = []
        names = Namer((*RUNTIME, *self.classes.values()))
        numbers = [s for s in self.graph.settings if not isinstance(s.value, bool | str)]
        self.settings: dict[str, Setting] = {setting.name: setting for setting in numbers}
        fixed = [axis for axis in self.graph.axes if axis.size is not None and self.sizes.value(axis.size) is not None]
        self.axes: dict[str, Dim] = {axis.name: axis.size for axis in fixed if axis.size is not None}
        wishes = {name: upper_case(name) for name in (*self.settings, *self.axes)}
        self.constants = {name: names.take(wish, f"{wish}_VALUE") for name, wish in wishes.items()}
        called = {op: FOREIGN[op] for op in _operators(self.graph) if op in FOREIGN}
        imported = {found: names.take(found.name) for found in dict.fromkeys(called.values())}
        self.foreign = {op: imported[found] for op, found in called.items()}
        self.reserved = frozenset(names.taken)
        self.derived = self._derived()
        self.used: dict[str, None] = {}

    def _derived(self) -> dict[Dim, str]:
        """The derived sizes: in the graph they stand as what they are derived from."""
        known: dict[str, Dim] = {name: dim(name) for name in (*self.settings, *self.axes)}
        found: dict[Dim, str] = {}
        for setting in self.settings.values():
            if setting.derived and isinstance(setting.value, int):
                size = as_size(setting.text, known, self.sizes)
                if size is not None and not size.is_atomic:
                    known[setting.name] = size
                    found.setdefault(size, setting.name)
        return found

    def constant(self, name: str) -> Code | None:
        """The constant that a parameter or an axis of known size became."""
        if name not in self.constants:
            return None
        self.used[name] = None
        return Code(self.constants[name])

    def definition(self, name: str) -> Code:
        """What the constant is set to, as written in the spec."""
        if name in self.axes:
            return scalar(str(self.axes[name]), self._named, whole=True)
        setting = self.settings[name]
        if setting.derived and self.can_say(setting.text):
            return scalar(setting.text, self._named, whole=isinstance(setting.value, int))
        assert not isinstance(setting.value, str)
        return number(setting.value)

    def can_say(self, text: str, more: Iterable[str] = ()) -> bool:
        """Whether everything that an expression names is a constant, or among `more`."""
        known = {*self.constants, *more}
        return all(name.text in known for name in syntax.names(syntax.parse(text)))

    def _named(self, name: str) -> Code:
        found = self.constant(name)
        assert found is not None, f"the constant {name} is not known"
        return found

    def use(self, function: str) -> str:
        """A function of the runtime, by the name under which it is imported."""
        assert function in RUNTIME, function
        return function


def _operators(graph: Graph) -> list[str]:
    """The names of the operators in a graph, each once."""
    nodes = (node for body in graph.bodies() for node in body.nodes)
    return sorted({node.does.op for node in nodes if isinstance(node.does, Operator)})
