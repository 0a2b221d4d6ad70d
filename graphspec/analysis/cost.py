"""What a model costs: learned numbers and floating-point operations, per node and in all.

Computed once per distinct body and multiplied by its turns, so that depth costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from graphspec.analysis.experts import chosen
from graphspec.axes import Dim, Monomial, dim, product
from graphspec.graph import Body, Call, Graph, Mixture, Node, Repeat

LONG = 1000
"""A length at which only what each position costs counts."""


@dataclass
class Costs:
    """Costs of the parts of one graph. Counts are exact; operations are symbolic in the run-time axes."""

    graph: Graph
    _parameters: dict[Body, Dim] = field(default_factory=dict[Body, Dim])
    _flops: dict[Body, Dim] = field(default_factory=dict[Body, Dim])

    def parameters(self, body: Body | None = None) -> Dim:
        """How many numbers a body learns; tied tensors count once, at their owner."""
        body = body or self.graph.body
        if body not in self._parameters:
            self._parameters[body] = _sum(self.node_parameters(node, body) for node in body.nodes)
        return self._parameters[body]

    def node_parameters(self, node: Node, body: Body) -> Dim:
        match node.does:
            case Mixture(inner) as mixture:
                return self.parameters(inner) * mixture.experts
            case Call(inner):
                return self.parameters(inner)
            case Repeat(shared=True) as repeat:
                return self.parameters(repeat.bodies[0]) if repeat.runs else dim(0)
            case Repeat() as repeat:
                return _sum(self.parameters(inner) * run.count for run in repeat.runs for inner in run.bodies)
            case _:
                return _sum(product(p.shape) for p in node.parameters if not p.tied)

    def flops(self, body: Body | None = None) -> Dim:
        """Floating-point operations of one forward pass; a multiply-add counts two."""
        body = body or self.graph.body
        if body not in self._flops:
            self._flops[body] = _sum(self.node_flops(node, body) for node in body.nodes)
        return self._flops[body]

    def node_flops(self, node: Node, body: Body) -> Dim:
        match node.does:
            case Mixture(inner) as mixture:
                return (self.flops(inner) + node.type.elements() * 2) * chosen(node, mixture, body)
            case Call(inner):
                return self.flops(inner)
            case Repeat() as repeat:
                return _sum(self.flops(inner) * run.count for run in repeat.runs for inner in run.bodies)
            case operator:
                inputs = {port: body.type_of(ref) for port, ref in node.inputs}
                return operator.flops(inputs, [value.type for value in node.outputs])

    def number(self, size: Dim) -> int:
        """The value of a size that depends on parameters alone."""
        value = self.known(size).constant
        assert value is not None, f"{size} is known only at run time"
        return value

    def known(self, size: Dim) -> Dim:
        """A size with all parameters put in, so that only run-time axes are left."""
        values = {name: dim(value) for name, value in self.graph.sizes.items()}
        return size.substitute(self.graph.derived).substitute(values)

    def named(self, size: Dim) -> Dim:
        """The same, but an axis that is derived from run-time axes keeps its name."""
        derived = {name: self.known(size) for name, size in self.graph.derived.items()}
        fixed = {name: size for name, size in derived.items() if size.constant is not None}
        return size.substitute(fixed).substitute({name: dim(value) for name, value in self.graph.sizes.items()})

    def at(self, size: Dim, sizes: Mapping[str, int]) -> int | None:
        """The value at the given run-time sizes; None if one is missing."""
        exact = self.known(size).rational(sizes)
        return None if exact is None else int(exact)

    def flops_per_token(self) -> tuple[int, int] | None:
        """`a + b·n` operations for each position of the first output, all sequences of length `n`: `(a, b)`.

        None if the operations grow otherwise, or the output lies along several axes known only at run time.
        """
        per_token: dict[int, int] = {}
        total = self.known(self.flops())
        output = self.graph.body.type_of(self.graph.body.outputs[0][1]) if self.graph.body.outputs else None
        if output is None:
            return None
        positions = [axis for axis in output.axes if self.graph.role(axis.size) == "position"]
        if len({name for axis in positions for name in self.known(axis.size).symbols}) > 1:
            return None
        for length in (LONG, 2 * LONG, 3 * LONG):  # what does not grow with the length has no share in a position
            sizes = {a.name: length if a.role == "position" else 1 for a in self.graph.axes if a.size is None}
            value = total.rational(sizes)
            tokens = length if positions or any(a.role == "position" for a in self.graph.axes) else 1
            if value is None:
                return None
            per_token[length] = round(value / tokens)
        rise, before = (per_token[at * LONG] - per_token[at * LONG - LONG] for at in (3, 2))
        if abs(rise - before) > max(2, rise * 0.01):
            return None
        return per_token[2 * LONG] - 2 * rise, round(rise / LONG)


def _sum(sizes: Iterable[Dim]) -> Dim:
    return sum(sizes, start=dim(0))


def amount(size: Dim, terms: int = 3) -> str:
    """`2097152 * B * T**2` as `2.1 M · B · T²`; of a sum the largest terms, so many of them."""
    ordered = sorted(size.terms, key=lambda term: -abs(term[1]))
    text = "".join(f" {'−' if factor < 0 else '+'} {_product(names, abs(factor))}" for names, factor in ordered[:terms])
    first = text.removeprefix(" + ").replace(" − ", "−", text.startswith(" − "))
    return (first or "0") + (" + …" if len(ordered) > terms else "")


def _product(names: Monomial, factor: Fraction) -> str:
    words = [] if factor == 1 and names else [human(factor)]
    for atom, power in names:
        word = str(Dim.of_atom(atom))
        word = word if word.isidentifier() else f"({word})"
        words.append(word if power == 1 else word + str(power).translate(_RAISED))
    return " · ".join(words)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def human(number: int | Fraction) -> str:
    """`8030261248` as `8.03 G`."""
    size = float(number)
    for unit in ("", " k", " M", " G", " T", " P", " E"):
        if abs(size) < 999.5 or unit == " E":
            return f"{size:.3g}{unit}"
        size /= 1000
    raise AssertionError
