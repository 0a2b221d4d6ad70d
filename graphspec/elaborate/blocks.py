"""Blocks in use: arguments and ports bound, the inside elaborated, turns of a repeat folded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphspec import expressions as syntax
from graphspec.axes import Axis, Dim, TensorType, dim
from graphspec.diagnostics import Diagnostic, Note, Report, Span, suggestion
from graphspec.document import BlockEntry, InputEntry, Keyed, NodeEntry
from graphspec.elaborate.attributes import KINDS, Reader, Written
from graphspec.elaborate.body import BodyBuilder
from graphspec.elaborate.evaluate import Evaluator, syntax_fault
from graphspec.elaborate.ports import PortMatcher, type_syntax
from graphspec.elaborate.values import BlockValue, Broken, Context, Fault, Lazy, Scope, Skip, Tensor, Value, describe
from graphspec.graph import Body, Call, Input, Repeat, Run
from graphspec.graph import Value as Output
from graphspec.source import Map, Scalar
from graphspec.source import Sequence as ListValue

if TYPE_CHECKING:
    from graphspec.elaborate.nodes import NodesBuilder

MAX_TURNS = 100_000


@dataclass(frozen=True)
class Inside:
    """An elaborated block: its body, and the tensors from around it that it reads, by input."""

    body: Body
    brought: Mapping[str, Tensor]

    @property
    def outputs(self) -> tuple[Output, ...]:
        return tuple(Output(name, self.body.type_of(ref)) for name, ref in self.body.outputs)


@dataclass(frozen=True)
class Times:
    """How often a block is repeated, and the name of the turn's number."""

    size: Dim
    count: int
    index: str


class BlockCall:
    """One node that stands for a block, once or repeated."""

    def __init__(self, nodes: NodesBuilder, name: str, entry: NodeEntry, reader: Reader) -> None:
        assert entry.block is not None
        self.nodes, self.name, self.entry, self.reader = nodes, name, entry, reader
        self.context, self.scope = nodes.context, nodes.scope
        self.block = reader.block(entry.block, self.scope)
        self.written = nodes.written(entry)

    def build(self) -> Tensor:
        ports = self.ports()
        label = self.entry.label.text if self.entry.label else ""
        if self.entry.repeat is None:
            if self.entry.each or self.entry.cycle:
                raise Fault(
                    "repeat-operator", "`each` and `cycle` need `repeat`", self.entry.span, help="add `repeat: n`"
                )
            inside = elaborate_inside(self, self.block, self.written, ports, self.scope)
            inputs = {**ports, **inside.brought}
            return self.nodes.builder.embed(
                self.name, Call(inside.body), inputs, inside.outputs, self.entry.span, label
            )
        return RepeatCall(self, ports).build(label)

    def ports(self) -> dict[str, Tensor]:
        """The tensors at the block's ports; arguments stay in `written`."""
        names = list(self.block.entry.inputs)
        given: dict[str, Written] = {}
        if self.entry.inputs is not None:
            key = self.entry.map.key("in")
            assert key is not None
            items = self.entry.inputs.items if isinstance(self.entry.inputs, ListValue) else (self.entry.inputs,)
            if len(items) > len(names):
                message = f"`{self.block.name}` has {len(names)} input{'s' * (len(names) != 1)}, but gets {len(items)}"
                raise Fault("too-many-inputs", message, self.entry.inputs.span)
            given |= {port: Written(Keyed(key, item), self.scope) for port, item in zip(names, items, strict=False)}
        given |= {port: self.written.pop(port) for port in names if port in self.written}
        tensors = {port: self.reader.tensor(given[port]) for port in names if port in given}
        if names and names[0] not in tensors and self.nodes.chains(self.entry):
            tensors = {names[0]: self.nodes.before(self.name, self.entry), **tensors}
        self.places = {port: item.entry.value.span for port, item in given.items()}
        return tensors

    def place(self, port: str) -> Span:
        return self.places.get(port, self.entry.span)


# -- the inside ------------------------------------------------------------------------------------------------------


def elaborate_inside(
    call: BlockCall, block: BlockValue, written: Mapping[str, Written], ports: Mapping[str, Tensor], scope: Scope
) -> Inside:
    """The body of a block for given arguments and ports. Problems inside a library stand at the node that uses it."""
    if block.library.is_own:
        return _Inside(call, block, written, ports, scope, call.context).build()
    report = Report()
    try:
        return _Inside(call, block, written, ports, scope, replace(call.context, report=report)).build()
    finally:
        for diagnostic in report.diagnostics:
            call.context.report.add(_at_use(diagnostic, block, call))


def _at_use(diagnostic: Diagnostic, block: BlockValue, call: BlockCall) -> Diagnostic:
    inner = diagnostic.span
    own = call.entry.span.file
    if inner is None or inner.file == own or inner.file.name == "--set":
        return diagnostic
    note = Note(f"in `{block.name}`", inner)
    return replace(diagnostic, span=call.entry.span, notes=(*diagnostic.notes, note))


class _Inside:
    def __init__(
        self,
        call: BlockCall,
        block: BlockValue,
        written: Mapping[str, Written],
        ports: Mapping[str, Tensor],
        outer: Scope,
        context: Context,
    ) -> None:
        self.call, self.block, self.entry, self.context = call, block, block.entry, context
        self.written, self.given, self.outer = written, ports, outer
        self.scope = Scope(parent=_library_scope(block, call.nodes.scope))
        self.builder = BodyBuilder(context, block.name, block.entry.span, _signature(block.entry))
        self.reader = Reader(context, self.builder, block.library, block.name)
        self.failed = len(context.report.diagnostics)

    def build(self) -> Inside:
        from graphspec.elaborate.nodes import NodesBuilder, scalars_in

        self.bind_arguments()
        self.bind_ports()
        self.bind_masks()
        nodes = NodesBuilder(self.context, self.builder, self.scope, self.block.library)
        nodes.build(self.entry.nodes, scalars_in(self.entry.out))
        outputs = list(self.outputs(nodes))
        if any(value == Broken() for value in self.scope.names.values()):
            raise Skip
        return Inside(self.builder.finish(outputs), self.builder.brought)

    def bind_arguments(self) -> None:
        kinds = {name: self.kind(entry) for name, entry in self.entry.params.items()}
        for name, written in self.written.items():
            if name not in kinds:
                help = suggestion(name, [*kinds, *self.entry.inputs], "arguments")
                message = f"`{self.block.name}` has no argument `{name}`"
                self.call.context.report.error("unknown-attribute", message, written.entry.key.span, help=help)
                raise Skip
        for name, (kind, default, text) in kinds.items():
            key = self.entry.params[name].key
            if name in self.written:
                value: Value = self.call.reader.argument(kind, self.written[name])
            elif default is None:
                help = f"add `{name}: …`"
                message = f"`{self.block.name}` needs the argument `{name}` ({kind})"
                raise Fault("missing-attribute", message, self.call.entry.span, help=help)
            else:
                value = Lazy(
                    lambda kind=kind, key=key, default=default, text=text: self.default(kind, key, default, text)
                )
            self.scope.define(name, value, "a parameter of the block", key.span, self.context.report)

    def kind(self, entry: Keyed) -> tuple[str, syntax.Expression | None, Scalar]:
        if not isinstance(entry.value, Scalar):
            raise Fault(
                "wrong-form",
                f"`{entry.key.text}` needs a kind",
                entry.value.span,
                help="write `int`, or `mask = everything`",
            )
        try:
            written = syntax.parse_kind(entry.value.text)
        except syntax.ExpressionError as error:
            raise syntax_fault(error, entry.value) from error
        if written.kind not in KINDS:
            help = suggestion(written.kind, KINDS, "kinds")
            raise Fault("unknown-kind", f"`{written.kind}` is no kind of parameter", entry.value.span, help=help)
        return written.kind, written.default, entry.value

    def default(self, kind: str, key: Scalar, default: syntax.Expression, text: Scalar) -> Value:
        start = text.text.index("=") + 1
        rest = text.text[start:]
        start += len(rest) - len(rest.lstrip())
        scalar = Scalar(rest.strip(), text.part(start, len(text.text)), "plain")
        return self.reader.argument(kind, Written(Keyed(key, scalar), self.scope))

    def bind_ports(self) -> None:
        matcher = PortMatcher(self.context, self.scope, self.block.name)
        for port, entry in self.entry.inputs.items():
            given = self.given.get(port)
            if given is None:
                value = self.port_default(port, entry)
                if isinstance(value, Tensor):
                    matcher.match(port, entry, value, entry.type.span)
                self.scope.define(port, value, "a port", entry.span, self.context.report)
                continue
            try:
                matcher.match(port, entry, given, self.call.place(port))
            except Fault as fault:
                self.call.context.report.add(fault.diagnostic)
                raise Skip from fault
            made = self.builder.add_input(Input(port, given.type, span=entry.span))
            self.scope.define(port, made, "a port", entry.span, self.context.report)

    def port_default(self, port: str, entry: InputEntry) -> Value:
        written = type_syntax(entry.type)
        if written.default is None:
            message = f"`{self.block.name}` needs the input `{port}`"
            raise Fault("missing-input", message, self.call.entry.span, help=f"add `{port}: …`")
        value = Evaluator(self.context, self.scope, self.builder, entry.type, port).evaluate(written.default)
        if not isinstance(value, Tensor | bool | Dim):
            place = entry.type.part(written.default.start, written.default.end)
            raise Fault("wrong-kind", f"a port cannot be {describe(value)}", place)
        return value

    def bind_masks(self) -> None:
        for name, entry in self.entry.masks.items():
            make = Lazy(lambda entry=entry: self.reader.argument("mask", Written(entry, self.scope)))
            self.scope.define(name, make, "a mask", entry.key.span, self.context.report)

    def outputs(self, nodes: NodesBuilder) -> Iterator[tuple[str, Tensor]]:
        out = self.entry.out
        written = out.entries if isinstance(out, Map) else ((Scalar("out", out.span, "plain"), out),)
        for key, value in written:
            if not isinstance(value, Scalar):
                raise Fault("wrong-form", f"the output `{key.text}` needs one value", value.span)
            yield key.text, self.output(key, value)

    def output(self, key: Scalar, value: Scalar) -> Tensor:
        reader = Reader(self.context, self.builder, self.block.library, self.builder.free_name(key.text))
        found = reader.evaluator(value, self.scope).value(name=self.builder.free_name(key.text))
        if not isinstance(found, Tensor):
            raise Fault("wrong-kind", f"the output `{key.text}` is {describe(found)}, not a tensor", value.span)
        return found


def _library_scope(block: BlockValue, scope: Scope) -> Scope:
    """What a block sees behind its own names: its file's, or for a library only the library's blocks.

    Blocks of the standard library call each other `std.name`, so that their own names stay free.
    """
    if block.library.is_own:
        while scope.parent is not None:
            scope = scope.parent
        return scope
    found = Scope()
    if block.library is block.library.standard():
        return found
    for name, entry in block.library.document.blocks.items():
        found.names[name] = BlockValue(f"{block.library.name}.{name}", entry, block.library)
        found.places[name] = ("a block", entry.span)
    return found


def _signature(entry: BlockEntry) -> str:
    ports = ", ".join(f"{name}: {port.type.text}" for name, port in entry.inputs.items())
    out = entry.out
    names = ", ".join(key.text for key, _ in out.entries) if isinstance(out, Map) else ""
    return f"{ports} -> {names or (out.text if isinstance(out, Scalar) else '')}"


# -- repeats -----------------------------------------------------------------------------------------------------------


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
            message = f"`{item.key.text}` has {len(item.value.items)} values for {length} turns"
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

        block = self.call.block.entry
        written = [*scalars_in(block.map), *(s for w in self.call.written.values() for s in scalars_in(w.entry.value))]
        written += [s for values in self.cycle.values() for w in values for s in scalars_in(w.entry.value)]
        return self.times.index in names_in(written)

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
        inside = _Turn(self.call, self.times.index, turn).elaborate(block, written, ports, scope)
        self.brought |= inside.brought
        return inside.body

    def block_of(self, written: dict[str, Written]) -> BlockValue:
        """`each: {block: [...]}` gives every turn a block of its own."""
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


@dataclass(frozen=True)
class _Turn:
    """The inside of one turn: a file's own block sees the turn's number."""

    call: BlockCall
    index: str
    turn: int

    def elaborate(
        self, block: BlockValue, written: Mapping[str, Written], ports: Mapping[str, Tensor], scope: Scope
    ) -> Inside:
        if not block.library.is_own:
            return elaborate_inside(self.call, block, written, ports, scope)
        inside = _Inside(self.call, block, written, ports, scope, self.call.context)
        inside.scope.names[self.index] = dim(self.turn)
        return inside.build()


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
