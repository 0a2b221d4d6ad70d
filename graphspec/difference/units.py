"""A body as what its writer named: nodes with the parts of their expressions, and what each reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from graphspec.graph import Body, Node, inner_bodies
from graphspec.operators import Operator
from graphspec.operators.pointwise import Pointwise
from graphspec.operators.reduce import Reduce

BLOCK = "block"


@dataclass(frozen=True)
class Unit:
    """A named node with the parts of its expressions; `reads` are inputs and other units, each once, in order."""

    node: Node
    parts: tuple[Node, ...]
    reads: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.node.name

    @cached_property
    def kind(self) -> str:
        """What it is in one word: `block`, the name of an operator, the function of an expression."""
        return kind_of(self.node)

    @property
    def family(self) -> str:
        """Nodes of one family stand in for each other: norms, for one, and expressions; changes of shape do not."""
        own = self.node.does.family if isinstance(self.node.does, Operator) else BLOCK
        return self.kind if own == "shape" else own


@dataclass(frozen=True)
class Units:
    """The units of one body by name, in order, and who reads what; an output `y` reads as `→y`."""

    body: Body
    by_name: dict[str, Unit]
    readers: dict[str, list[str]]
    outputs: dict[str, str]


def kind_of(node: Node) -> str:
    match node.does:
        case Pointwise(function=function):
            return function
        case Reduce(title=title):
            return title
        case Operator() as operator:
            return operator.op
        case _:
            return BLOCK


def base(name: str) -> str:
    """The name of the unit that a node is a part of: `mid~1` is a part of `mid`."""
    return name.partition("~")[0]


def units_of(body: Body) -> Units:
    """The units of a body."""
    groups: dict[str, list[Node]] = {}
    for node in body.nodes:
        groups.setdefault(base(node.name), []).append(node)
    made: dict[str, Unit] = {}
    readers: dict[str, list[str]] = {source.name: [] for source in body.inputs} | {name: [] for name in groups}
    for name, nodes in groups.items():
        whole = next((node for node in nodes if node.name == name), nodes[-1])
        reads = dict.fromkeys(base(ref.name) for node in nodes for _, ref in node.inputs if base(ref.name) != name)
        made[name] = Unit(whole, tuple(node for node in nodes if node is not whole), tuple(reads))
        for read in reads:
            readers[read].append(name)
    outputs = {f"→{name}": base(ref.name) for name, ref in body.outputs}
    for name, read in outputs.items():
        readers[read].append(name)
    return Units(body, made, readers, outputs)


class Likeness:
    """How alike bodies are, by the names and kinds of what is in them; counted once for each body."""

    def __init__(self) -> None:
        self._counts: dict[Body, Counter[tuple[str, str]]] = {}

    def of(self, left: Body, right: Body) -> float:
        """From 0, nothing in common, to 1."""
        if left == right:
            return 1.0
        own = 1.0 if left.block == right.block else 0.0
        return 0.2 * own + 0.8 * _both(self._count(left), self._count(right))

    def outside(self, left: Body, right: Body) -> float:
        """The same for what stands in the bodies themselves, whatever is within their blocks."""
        return _both(_own_count(left), _own_count(right))

    def _count(self, body: Body) -> Counter[tuple[str, str]]:
        if body not in self._counts:
            found = Counter[tuple[str, str]]()
            for node in body.nodes:
                found[base(node.name), kind_of(node)] += 1
                for inner in inner_bodies(node):
                    found += self._count(inner)
            self._counts[body] = found
        return self._counts[body]


def _own_count(body: Body) -> Counter[tuple[str, str]]:
    return Counter((base(node.name), kind_of(node)) for node in body.nodes)


def _both(left: Counter[tuple[str, str]], right: Counter[tuple[str, str]]) -> float:
    """By names and kinds, and by kinds alone, half and half."""
    return 0.5 * _shared(left, right) + 0.5 * _shared(_kinds(left), _kinds(right))


def _kinds(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found = Counter[str]()
    for (_, kind), count in counts.items():
        found[kind] += count
    return found


def _shared(left: Counter[str] | Counter[tuple[str, str]], right: Counter[str] | Counter[tuple[str, str]]) -> float:
    a: Counter[object] = Counter(left)
    b: Counter[object] = Counter(right)
    union = (a | b).total()
    return (a & b).total() / union if union else 1.0
