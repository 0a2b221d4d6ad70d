"""What the nodes of two bodies say, the earlier ones in the names of the later ones, so that only meanings differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from graphspec.analysis.cost import Costs
from graphspec.axes import Dim, Number
from graphspec.diagnostics import Span
from graphspec.difference.alignment import aligned, named, translated
from graphspec.difference.matching import Matcher
from graphspec.difference.symbols import Names, Renamer
from graphspec.difference.units import Unit
from graphspec.graph import WEIGHT, Body, Graph, Mixture, Node, Repeat, inner_bodies
from graphspec.operators import Operator
from graphspec.render.canonical import input_text, is_expression, meaning, node_text
from graphspec.render.disjoint import Seen, seen_inputs


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a node says, before and after; `""` is an expression.

    `both`: what the two come to, if it is the same. `wiring`: it says only from where the node reads. `before_at` and
    `after_at`: where it is written, if that is in a variant and so not where the node is.
    """

    name: str
    before: str
    after: str
    both: str = ""
    wiring: bool = False
    before_at: Span | None = field(default=None, compare=False)
    after_at: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Sides:
    """What must be known of both graphs to tell what their nodes say; earlier ones first."""

    whole: Body
    """The later model's own body."""
    seen: tuple[Seen, Seen]
    costs: tuple[Costs, Costs]
    rename: Renamer
    matcher: Matcher

    @staticmethod
    def of(before: Graph, after: Graph, symbols: Names, matcher: Matcher) -> Sides:
        seen, costs = (seen_inputs(before), seen_inputs(after)), (Costs(before), Costs(after))
        return Sides(after.body, seen, costs, Renamer(symbols), matcher)

    def both(self, before: object, after: object) -> str:
        """The number that two sizes both come to; nothing if they do not."""
        old, new = (_value(value, costs) for value, costs in zip((before, after), self.costs, strict=True))
        return f"{old:,}" if old is not None and old == new else ""


def _value(value: object, costs: Costs) -> int | float | None:
    if isinstance(value, Dim):
        return costs.known(value).constant
    return value.value if isinstance(value, Number) else None


class Said:
    """What the nodes of two bodies say, before and after."""

    def __init__(self, sides: Sides, before: Body, after: Body) -> None:
        self.sides, self.own, self.after = sides, before, after
        self.names = sides.matcher.names(before, after)
        self.before = self._translated()

    # -- in the later names -------------------------------------------------------------------------------------------

    def _translated(self) -> Body:
        """The earlier body under the later names: of what is matched in it, of parameters, of axes."""
        own, taken = self.sides.matcher.units(self.own).by_name, self.sides.matcher.units(self.after).by_name
        names = {**{name: f"{name}′" for name in own if name in taken}, **self.names}
        return replace(self.own, nodes=tuple(self._node(node, names) for node in self.own.nodes))

    def _node(self, node: Node, names: Names) -> Node:
        inputs = tuple((port, translated(ref, names)) for port, ref in node.inputs)
        does = self.sides.rename(node.does) if isinstance(node.does, Operator) else node.does
        tied = tuple(replace(p, tied=(named(p.tied[0], names), *p.tied[1:]) if p.tied else ()) for p in node.parameters)
        return replace(node, name=named(node.name, names), does=does, inputs=inputs, parameters=tied)

    # -- nodes --------------------------------------------------------------------------------------------------------

    def fields(self, old: Unit, new: Unit) -> Iterator[Field]:
        """What a node says otherwise."""
        node = self.before.node(new.name)
        if _is_word(node) or _is_word(new.node):
            before, after = self.sides.seen
            left, right = written(node, self.before, before), written(new.node, self.after, after)
            if left != right:
                yield Field("", left, right, wiring=_same_form(node, old, new))
        else:
            yield from self._by_name(old.node, node, new.node)

    def _by_name(self, own: Node, old: Node, new: Node) -> Iterator[Field]:
        ports: Names = {}
        for a, b, *_ in list(aligned(own, new))[:1]:
            ports = self.sides.matcher.names(a, b)
        before, after = self._says(old, 0, ports), self._says(new, 1, {})
        other = before.get("op") != after.get("op")  # then what only one of them has is no news
        for name in dict.fromkeys([*before, *after]):
            left, right = before.get(name, ""), after.get(name, "")
            if left != right and not (other and name not in before.keys() & after.keys()):
                values = [getattr(node.does, "times" if name == "repeat" else name, None) for node in (old, new)]
                yield Field(name, left, right, self.sides.both(*values), name in dict(old.inputs) | dict(new.inputs))

    def _says(self, node: Node, side: int, ports: Names) -> dict[str, str]:
        """What a node says; `ports` are later names of a block's ports."""
        body = self.after if side else self.before
        if isinstance(node.does, Operator):
            return meaning(node, body)
        inner = inner_bodies(node)
        unsaid = frozenset[str]().union(*(self.sides.seen[side][each] for each in inner)) - {WEIGHT}
        blocks = ", ".join(dict.fromkeys(each.block for each in inner))
        reads = {ports.get(port, port): input_text(body, ref) for port, ref in node.inputs if port not in unsaid}
        return {"block": blocks, **self._times(node, side), **reads}

    def _times(self, node: Node, side: int) -> dict[str, str]:
        """How often a block stands there."""
        rename = Renamer({}) if side else self.sides.rename
        match node.does:
            case Mixture(experts=experts):
                return {"experts": str(rename(experts))}
            case Repeat() as repeat:
                shared = {"share": "true"} if repeat.shared else {}
                pattern = _pattern(repeat)
                return {"repeat": str(rename(repeat.times)), **shared, **({"each": pattern} if pattern else {})}
            case _:
                return {}

    # -- outputs ------------------------------------------------------------------------------------------------------

    def outputs(self, added: tuple[Unit, ...]) -> Iterator[Field]:
        """Where the outputs come from, unless they come from a new node that is called after them.

        Those of the model are facts of their own: here stand only those that are in both.
        """
        before = {name: input_text(self.before, translated(ref, self.names)) for name, ref in self.own.outputs}
        after = {name: input_text(self.after, ref) for name, ref in self.after.outputs}
        new = {unit.name for unit in added}
        for old, now in _matched_outputs(before, after):
            left, right = before.get(old, ""), after.get(now, "")
            stated = self.after is self.sides.whole and not (old and now)
            if left != right and not stated and not (right == now and now in new):
                yield Field(now or old, left, right)


def _matched_outputs(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Outputs by name; the first ones are for each other in any case, since a repeat hands them on."""
    left, right = list(before), list(after)
    if left and right and left[0] not in after and right[0] not in before:
        yield left.pop(0), right.pop(0)
    yield from ((name if name in before else "", name) for name in right)
    yield from ((name, "") for name in left if name not in after)


# -- words ------------------------------------------------------------------------------------------------------------


def written(node: Node, body: Body, seen: Seen) -> str:
    """A node as one would write it."""
    return meaning(node, body)[""] if _is_word(node) else node_text(node, body, seen)


def _is_word(node: Node) -> bool:
    return isinstance(node.does, Operator) and is_expression(node.does)


def _same_form(node: Node, old: Unit, new: Unit) -> bool:
    """Whether two expressions are the same operators on other values; `node` is the earlier one in the later names."""
    left, right = (*old.parts, node), (*new.parts, new.node)
    return all(map(_is_word, (*left, *right))) and [part.does for part in left] == [part.does for part in right]


def _pattern(repeat: Repeat) -> str:
    """Which blocks take turns, where there are several: `local, global` × 16, or runs of them."""
    if len({body.block for body in repeat.bodies}) < 2:
        return ""
    parts: list[str] = []
    for run in repeat.runs:
        names = ", ".join(body.block for body in run.bodies)
        parts.append(f"({names}) × {run.count}" if len(run.bodies) > 1 else f"{names} × {run.count}")
    return " + ".join(parts[:4]) + (" + …" if len(parts) > 4 else "")
