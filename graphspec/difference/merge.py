"""Two bodies as one to draw: the later one, with what is no more of the earlier one where it stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Protocol

from graphspec.difference.alignment import translated
from graphspec.difference.bodies import BodyDifference, Pair
from graphspec.difference.shown import drawn, live
from graphspec.difference.symbols import Names
from graphspec.difference.units import Unit, base
from graphspec.graph import Body, Input, Node, Ref
from graphspec.operators import Operator
from graphspec.ordering import order
from graphspec.render.compared import Change, Compared
from graphspec.render.names import LONGEST

Reads = dict[str, set[str]]
"""For each unit of the union, the units and inputs that it reads."""


class Insides(Protocol):
    """Nodes with what is within them merged."""

    def of_pair(self, pair: Pair, fed: frozenset[str] = frozenset()) -> Node:
        """A later node with the bodies within it merged with the earlier ones."""
        ...

    def alone(self, node: Node, change: Change) -> Compared:
        """A node that came or went, with all that is in it."""
        ...


def compared(node: Node, change: Change, within: bool = False) -> Compared:
    """A node as one of a union."""
    own = {field.name: getattr(node, field.name) for field in dataclass_fields(Node)}
    return Compared(**own, change=change, within=within)


class Merge:
    """Merges one pair of bodies; `fed` are the inputs that are no more and that what is around it still feeds.

    What is removed stands between what it stood between. A node that was moved, so that where it stood would be a
    circle now, stands at both places: it is removed from one and changed at the other.
    """

    def __init__(self, insides: Insides, difference: BodyDifference, fed: frozenset[str]) -> None:
        self.insides, self.difference, self.fed = insides, difference, fed
        self.nodes: dict[str, Compared] = {}
        self.reads: Reads = {}
        self.ghosts: dict[str, str] = {}
        self.inputs = {source.name for source in difference.after.inputs}
        self.live = live(difference.before)
        self.drawn = drawn(difference.before), drawn(difference.after)

    def body(self) -> Body:
        self._later()
        self._removed()
        self._new_wires()
        self._lost_wires()
        after = self.difference.after
        names, circle = order(self.nodes, {name: [ref.name for _, ref in n.inputs] for name, n in self.nodes.items()})
        assert not circle, f"a circle through {circle}"
        lost = [(name, self._now(ref)) for name, ref in self.difference.before.outputs if self._is_lost(name, ref)]
        nodes = tuple(self.nodes[name] for name in names)
        return replace(
            after, inputs=(*after.inputs, *self._lost_inputs()), nodes=nodes, outputs=(*after.outputs, *lost)
        )

    # -- the later one ------------------------------------------------------------------------------------------------

    def _later(self) -> None:
        for pair in self.difference.pairs:
            change: Change = "added" if self._appears(pair) else "changed" if _is_other(pair) else ""
            whole = replace(self.insides.of_pair(pair), label=self._title(pair))
            for node in (*pair.after.parts, whole):
                self._take(pair.after.name, compared(node, change, pair.differs and bool(pair.inside)))
        for unit in self.difference.added:
            for node in (*unit.parts, unit.node):
                self._take(unit.name, self.insides.alone(node, "added"))

    def _new_wires(self) -> None:
        """What nodes read that they did not read before, or not from where it is now."""
        for pair in self.difference.pairs:
            stayed = (name for name in pair.before.reads if name not in self.ghosts)
            old = {self.difference.names.get(name) for name in stayed}
            self._mark(pair.after, [name for name in pair.after.reads if name not in old])

    def _title(self, pair: Pair) -> str:
        """The title of a box before and after, where it is another one and there is room for both."""
        old, new = (drawn.get(unit.name, "") for drawn, unit in zip(self.drawn, (pair.before, pair.after), strict=True))
        both = f"{old} → {new}"
        return both if old and new and old != new and len(both) <= LONGEST else pair.after.node.label

    def _take(self, unit: str, node: Compared) -> None:
        self.nodes[node.name] = node
        self.reads.setdefault(unit, set()).update(base(ref.name) for _, ref in node.inputs if base(ref.name) != unit)

    def _mark(self, unit: Unit, new: Iterable[str]) -> None:
        """Inputs that the earlier node did not read."""
        fresh = set(new)
        for node in (*unit.parts, unit.node):
            inputs = frozenset((port, ref) for port, ref in node.inputs if base(ref.name) in fresh)
            if inputs:
                self.nodes[node.name] = replace(self.nodes[node.name], new=inputs)

    # -- what is no more ----------------------------------------------------------------------------------------------

    def _removed(self) -> None:
        gone = [unit for unit in self.difference.removed if unit.name in self.live]
        moved = list(self._moved())
        gone += [*moved, *self._vanished()]
        for unit in moved:
            name = self.difference.names[unit.name]
            self.nodes[name] = replace(self.nodes[name], change="changed")
        place = {node.name: at for at, node in enumerate(self.difference.before.nodes)}
        gone.sort(key=lambda unit: place[unit.name])
        for unit in gone:
            self.ghosts.setdefault(unit.name, self._free(unit.name))
        for unit in gone:
            self._ghost(unit)

    def _free(self, name: str) -> str:
        while name in self.reads or name in self.inputs:
            name += "′"
        return name

    def _ghost(self, unit: Unit) -> None:
        name = self.ghosts[unit.name]
        for node in (*unit.parts, unit.node):
            kept = [(port, ref) for port, ref in node.inputs if self._stands(ref)]
            inputs = tuple((port, self._now(ref)) for port, ref in kept)
            ghost = replace(self.insides.alone(node, "removed"), name=name + node.name[len(unit.name) :], inputs=inputs)
            self._take(name, ghost)

    def _moved(self) -> Iterator[Unit]:
        """Where one read another that comes after it now, the lighter of the two."""
        pairs = {pair.before.name: pair for pair in self.difference.pairs if pair.before.name in self.live}
        found: dict[str, Unit] = {}
        for pair in pairs.values():
            for name in self._sources(pair.before):
                source = pairs.get(name)
                read = source and source.after.name in pair.after.reads
                if source and not read and self._depends(source.after.name, pair.after.name):
                    lighter = min(pair.before, source.before, key=_weight)
                    found.setdefault(lighter.name, lighter)
        return iter(found.values())

    def _vanished(self) -> Iterator[Unit]:
        """What nobody would draw as it is now, such as a norm that passes on what it reads."""
        before, after = self.drawn
        pairs = (pair for pair in self.difference.pairs if pair.before.name in self.live)
        return (pair.before for pair in pairs if pair.before.name in before and pair.after.name not in after)

    def _appears(self, pair: Pair) -> bool:
        """The other way round."""
        before, after = self.drawn
        return pair.after.name in after and pair.before.name not in before and pair.before.name in self.live

    def _sources(self, unit: Unit) -> Iterator[str]:
        """What a unit read that is still there, through what is no more."""
        gone = {other.name: other for other in self.difference.removed}
        waiting, seen = list(unit.reads), set[str]()
        while waiting:
            name = waiting.pop()
            if name in gone and name not in seen:
                waiting += gone[name].reads
            elif name not in gone:
                yield name
            seen.add(name)

    def _lost_wires(self) -> None:
        """What nodes read before that are still there."""
        for pair in self.difference.pairs:
            if pair.before.name not in self.ghosts:
                lost = [wire for wire in self._before(pair) if self._lost_wire(pair, *wire)]
                self._feed(pair, frozenset(port for port, _ in lost))

    def _before(self, pair: Pair) -> Iterator[tuple[str, Ref]]:
        """What a node read before, at the ports and under the names of the union."""
        ports: Names = pair.inside[0].difference.names if pair.inside else {}
        for node in (*pair.before.parts, pair.before.node):
            for port, ref in node.inputs:
                if base(ref.name) != pair.before.name and self._stands(ref):
                    yield ports.get(port, port), self._now(ref)

    def _lost_wire(self, pair: Pair, port: str, ref: Ref) -> bool:
        """Whether there is a wire to draw where there is none now."""
        source, head = base(ref.name), pair.after.name
        if source in self.reads[head] or self._depends(source, head) or self._is_interrupted(source, head):
            return False
        node = self.nodes[pair.after.node.name]
        self._take(head, replace(node, inputs=(*node.inputs, (port, ref)), gone=node.gone | {(port, ref)}))
        return True

    def _feed(self, pair: Pair, ports: frozenset[str]) -> None:
        """A block with the inputs that it has no more, as far as a wire leads there."""
        known = {source.name for inside in pair.inside for source in inside.difference.after.inputs}
        if pair.inside and ports - known:
            node = self.nodes[pair.after.node.name]
            self._take(pair.after.name, replace(node, does=self.insides.of_pair(pair, ports - known).does))

    def _is_interrupted(self, source: str, head: str) -> bool:
        """Whether what was read directly is read through something that is new there, or that was moved there."""
        moved = {pair.after.name for pair in self.difference.pairs if pair.before.name in self.ghosts}
        new = {unit.name for unit in self.difference.added} | moved
        waiting, seen = [name for name in self.reads[head] if name in new], set[str]()
        while waiting:
            name = waiting.pop()
            if source in self.reads[name]:
                return True
            if name not in seen:
                seen.add(name)
                waiting += [read for read in self.reads[name] if read in new]
        return False

    def _depends(self, name: str, on: str) -> bool:
        """Whether a unit reads another one, directly or not; each reads itself."""
        waiting, seen = [name], set[str]()
        while waiting:
            at = waiting.pop()
            if at == on:
                return True
            if at not in seen:
                seen.add(at)
                waiting += self.reads.get(at, ())
        return False

    # -- names --------------------------------------------------------------------------------------------------------

    def _stands(self, ref: Ref) -> bool:
        """Whether what is read is in the union, with the output that is read."""
        name = base(ref.name)
        return name in self.ghosts or name in self.difference.names or self._is_lost_input(name)

    def _now(self, ref: Ref) -> Ref:
        name = base(ref.name)
        if name in self.ghosts:
            return replace(ref, name=self.ghosts[name] + ref.name[len(name) :])
        found = translated(ref, self.difference.names)
        if found.name in self.nodes and ref.output not in {value.name for value in self.nodes[found.name].outputs}:
            return Ref(found.name, "")
        return found if found.name in self.nodes or base(found.name) == found.name else Ref(base(found.name), "")

    def _lost_inputs(self) -> Iterator[Input]:
        return (source for source in self.difference.before.inputs if self._is_lost_input(source.name))

    def _is_lost_input(self, name: str) -> bool:
        """Whether it is an input that is no more, and there is a place for it."""
        free = name not in self.reads and name not in self.inputs
        return name in self.fed and name not in self.difference.names and free

    def _is_lost(self, name: str, ref: Ref) -> bool:
        return name not in dict(self.difference.after.outputs) and self._stands(ref)


def _is_other(pair: Pair) -> bool:
    """Whether a node says something else than from where it reads: that is seen at its lines."""
    return any(not field.wiring for field in pair.fields)


def _weight(unit: Unit) -> int:
    """What a reader takes for moved where two have changed places: rather a norm than a block."""
    if isinstance(unit.node.does, Operator):
        return 0 if unit.node.does.family == "norm" else 3 if unit.node.parameters else 2 if unit.parts else 1
    return 4
