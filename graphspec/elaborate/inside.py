"""The inside of a block, elaborated for given arguments and ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from graphspec import expressions as syntax
from graphspec.axes import Dim
from graphspec.diagnostics import Diagnostic, Note, Report, suggestion
from graphspec.document import BlockEntry, InputEntry, Keyed
from graphspec.elaborate.attributes import KINDS, Reader, Written
from graphspec.elaborate.body import BodyBuilder
from graphspec.elaborate.evaluate import Evaluator, syntax_fault
from graphspec.elaborate.once import Inside, bound_to, once
from graphspec.elaborate.ports import PortMatcher, type_syntax
from graphspec.elaborate.values import (
    BlockValue,
    Broken,
    Context,
    Fault,
    Lazy,
    Scope,
    Skip,
    Table,
    Tensor,
    Value,
    describe,
)
from graphspec.graph import Input
from graphspec.source import Map, Scalar

if TYPE_CHECKING:
    from graphspec.elaborate.blocks import BlockCall
    from graphspec.elaborate.nodes import NodesBuilder


def elaborate_inside(
    call: BlockCall,
    block: BlockValue,
    written: Mapping[str, Written],
    ports: Mapping[str, Tensor],
    seen: Mapping[str, Dim] | None = None,
) -> Inside:
    """The body of a block for given arguments and ports. Problems inside a library stand at the node that uses it.

    `seen`: what a file's own block sees besides, such as the number of the turn.
    """
    report = Report()
    bound = _Inside(call, block, written, ports, replace(call.context, report=report))
    if block.library.is_own:
        bound.see(seen or {})
    try:
        return bound.inside()
    finally:
        for diagnostic in report.diagnostics:
            call.context.report.add(diagnostic if block.library.is_own else _at_use(diagnostic, block, call))


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
        context: Context,
    ) -> None:
        self.call, self.block, self.entry, self.context = call, block, block.entry, context
        self.written, self.given = written, ports
        self.seen: Mapping[str, Dim] = {}
        self.scope = Scope(parent=_file_scope(block, context))
        self.builder = BodyBuilder(context, block.name, block.entry.span, _signature(block.entry))
        self.reader = Reader(context, self.builder, block.library, block.name)

    def see(self, names: Mapping[str, Dim]) -> None:
        self.seen = names
        self.scope.names.update(names)

    def inside(self) -> Inside:
        """Bound anew at every use, for what is wrong with that is the user's; built once for what it is bound to."""
        self.bind_arguments()
        self.bind_ports()
        arguments = {name: self.scope.names.get(name) for name in self.entry.params if name in self.written}
        types = ((port, self.given[port].type) for port in self.entry.inputs if port in self.given)
        key = bound_to(self.block, arguments, [*types, *self.seen.items()])
        placed = any(isinstance(value, Table) for value in arguments.values())
        return once(self.context, key, self.build, placed=placed)

    def build(self) -> Inside:
        from graphspec.elaborate.nodes import NodesBuilder, scalars_in

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


def _file_scope(block: BlockValue, context: Context) -> Scope:
    """What a block sees behind its own names: what its file names, which in a library is blocks alone.

    Blocks of the standard library call each other `std.name`, so that their own names stay free.
    """
    if block.library.is_own:
        return context.own
    found = Scope()
    if block.library.kind == "standard":
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
