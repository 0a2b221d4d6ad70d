"""Blocks in turns: how many, what each turn is given, and equal turns folded into runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphspec.axes import Axis, Dim, TensorType, dim
from graphspec.diagnostics import counted
from graphspec.document import Keyed
from graphspec.elaborate.attributes import Written
from graphspec.elaborate.inside import elaborate_inside
from graphspec.elaborate.values import BlockValue, Fault, Scope, Tensor
from graphspec.graph import Body, Repeat, Run
from graphspec.graph import Value as Output
from graphspec.source import Map, Scalar
from graphspec.source import Sequence as ListValue

if TYPE_CHECKING:
    from graphspec.elaborate.blocks import BlockCall

MAX_TURNS = 100_000


@dataclass(frozen=True)
class Times:
    """How often a block is repeated, and the name of the turn's number."""

    size: Dim
    count: int
    index: str


class RepeatCall:
    """A block several times: the first output of a turn is the first input of the next."""

    def __init__(self, call: BlockCall, ports: Mapping[str, Tensor]) -> None:
        self.call, self.ports, self.entry, self.context = call, ports, call.entry, call.context
        self.times = self.read_times()
        self.each = {name: self.listed(item, self.times.count) for name, item in self.entry.each.items()}
        self.cycle = {name: self.listed(item, None) for name, item in self.entry.cycle.items()}
        self.carried = next(iter(call.block.entry.inputs), "")
        if self.carried not in ports:
            raise Fault("missing-input", "a repeated block needs its first input", self.entry.span, help="say `in: …`")
        self.brought: dict[str, Tensor] = {}

    def read_times(self) -> Times:
        written = self.entry.repeat
        index = "layer"
        if isinstance(written, Map):
            extra = [key for key, _ in written.entries if key.text not in ("times", "index")]
            if extra:
                raise Fault(
                    "unknown-key",
                    f"unknown key `{extra[0].text}`",
                    extra[0].span,
                    help="`repeat` has `times` and `index`",
                )
            name, written = written.get("index"), written.get("times")
            index = name.text if isinstance(name, Scalar) else index
        if not isinstance(written, Scalar):
            raise Fault("missing-value", "`repeat` needs a number of turns", self.entry.span, help="write `repeat: 6`")
        value = self.call.reader.evaluator(written, self.call.scope).value()
        size = self.call.reader.of_kind("repeat", "int", value, written)
        count = self.context.sizes.value(size)
        if count is None or not 0 <= count <= MAX_TURNS:
            why = "is known only at run time" if count is None else f"is not between 0 and {MAX_TURNS:,}"
            raise Fault("wrong-kind", f"the number of turns `{written.text}` {why}", written.span)
        return Times(size, count, index)

    def listed(self, item: Keyed, length: int | None) -> tuple[Written, ...]:
        if not isinstance(item.value, ListValue) or not item.value.items:
            raise Fault("wrong-form", f"`{item.key.text}` needs a list", item.value.span, help="write `[a, b]`")
        if length is not None and len(item.value.items) != length:
            message = f"`{item.key.text}` has {counted(len(item.value.items), 'value')} for {counted(length, 'turn')}"
            raise Fault(
                "each-length",
                message,
                item.value.span,
                help="`each` needs one for every turn; `cycle` repeats a pattern",
            )
        return tuple(Written(Keyed(item.key, value), self.call.scope) for value in item.value.items)

    # -- turns --------------------------------------------------------------------------------------------------------

    def build(self, label: str) -> Tensor:
        bodies, last = self.turns()
        repeat = Repeat(self.times.size, fold(bodies, self.times.count), self.shared())
        outputs = [Output(self.output_names()[0], last.type), *self.stacked(repeat)]
        inputs = {**self.ports, **self.brought}
        return self.call.nodes.builder.embed(self.call.name, repeat, inputs, outputs, self.entry.span, label)

    def output_names(self) -> list[str]:
        out = self.call.block.entry.out
        return [key.text for key, _ in out.entries] if isinstance(out, Map) else ["out"]

    def turns(self) -> tuple[list[Body], Tensor]:
        """One body per turn, as far as turns differ; equal turns are elaborated once."""
        carried = self.ports[self.carried]
        period = self.period()
        bodies: list[Body] = []
        seen: dict[tuple[int, TensorType], Body] = {}
        for turn in range(self.times.count):
            key = (turn if period is None else turn % period, carried.type)
            if key not in seen:
                seen[key] = self.turn(turn, carried)
            elif period == 1 and bodies[-1].type_of(bodies[-1].outputs[0][1]) == carried.type:
                break
            bodies.append(seen[key])
            carried = replace(carried, type=self.carried_out(bodies[-1]))
        return bodies, carried

    def period(self) -> int | None:
        """After how many turns everything starts again; None if every turn is its own."""
        if self.each or self.uses_index():
            return None
        length = 1
        for values in self.cycle.values():
            length = math.lcm(length, len(values))
        return length

    def uses_index(self) -> bool:
        from graphspec.elaborate.nodes import names_in, scalars_in

        written = [s for block in self.blocks() for s in scalars_in(block.entry.map)]
        written += [s for w in self.call.written.values() for s in scalars_in(w.entry.value)]
        written += [s for values in self.cycle.values() for w in values for s in scalars_in(w.entry.value)]
        return self.times.index in names_in(written)

    def blocks(self) -> list[BlockValue]:
        """Every block that a turn may be."""
        named = [it for values in (self.each, self.cycle) for it in values.get("block", ())]
        return [self.call.block, *(self.call.reader.block(self.call.reader.scalar(it), it.scope) for it in named)]

    def turn(self, turn: int, carried: Tensor) -> Body:
        scope = Scope(self.call.scope)
        scope.names[self.times.index] = dim(turn)
        written = {
            name: Written(item.entry, scope if item.scope is self.call.scope else item.scope)
            for name, item in self.call.written.items()
        }
        for lists in (self.each, self.cycle):
            written |= {name: Written(values[turn % len(values)].entry, scope) for name, values in lists.items()}
        block = self.block_of(written)
        ports = {**self.ports, self.carried: carried}
        inside = elaborate_inside(self.call, block, written, ports, {self.times.index: dim(turn)})
        self.brought |= inside.brought
        return inside.body

    def block_of(self, written: dict[str, Written]) -> BlockValue:
        """`each: {block: […]}` gives every turn a block of its own."""
        own = written.pop("block", None)
        return self.call.reader.block(self.call.reader.scalar(own), own.scope) if own else self.call.block

    def carried_out(self, body: Body) -> TensorType:
        out = body.type_of(body.outputs[0][1])
        wanted = self.ports[self.carried].type
        if out.dtype != wanted.dtype:
            message = f"the turns pass on `{out}`, but `{self.carried}` holds `{wanted.dtype}`"
            raise Fault("shape-mismatch", message, self.entry.span)
        return out

    def shared(self) -> bool:
        if self.entry.share is None:
            return False
        value = self.call.reader.evaluator(self.entry.share, self.call.scope).value()
        return bool(self.call.reader.of_kind("share", "bool", value, self.entry.share))

    def stacked(self, repeat: Repeat) -> Iterator[Output]:
        """The other outputs, along an axis of turns."""
        if not repeat.runs:
            return
        first = repeat.bodies[0]
        for name, ref in first.outputs[1:]:
            kind = first.type_of(ref)
            for other in repeat.bodies[1:]:
                match = next((other.type_of(r) for n, r in other.outputs if n == name), None)
                if match != kind:
                    message = f"the output `{name}` differs from turn to turn: `{kind}` and `{match or 'nothing'}`"
                    raise Fault("shape-mismatch", message, self.entry.span)
            yield Output(name, TensorType(kind.dtype, (Axis(self.times.size), *kind.axes)))


def fold(bodies: Sequence[Body], count: int) -> tuple[Run, ...]:
    """Turns as runs: a pattern that repeats is one run, and a remainder.

    `bodies` may stop once all that follow are equal.
    """
    if not bodies:
        return ()
    if len(set(bodies)) == 1:
        return (Run((bodies[0],), count),)
    if len(bodies) < count:
        bodies = [*bodies, *[bodies[-1]] * (count - len(bodies))]
    for period in range(2, min(16, count // 2) + 1):
        if all(bodies[at] is bodies[at + period] for at in range(count - period)):
            rest = tuple(bodies[count - count % period :])
            whole = Run(tuple(bodies[:period]), count // period)
            return (whole, *_equal_runs(rest))
    return tuple(_equal_runs(bodies))


def _equal_runs(bodies: Sequence[Body]) -> Iterator[Run]:
    start = 0
    for at in range(1, len(bodies) + 1):
        if at == len(bodies) or bodies[at] is not bodies[start]:
            yield Run((bodies[start],), at - start)
            start = at
