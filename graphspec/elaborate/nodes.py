"""The nodes of one body: their order, what each reads, operators applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphspec import expressions as syntax
from graphspec.axes import Dim
from graphspec.diagnostics import Note, Span, counted, suggestion
from graphspec.document import MIXTURE, Keyed, NodeEntry
from graphspec.elaborate.attributes import Reader, Written
from graphspec.elaborate.body import BodyBuilder, check_not_negative, mismatch_fault
from graphspec.elaborate.evaluate import parse
from graphspec.elaborate.share import Owner, find_owner, solve_shared
from graphspec.elaborate.values import (
    Absent,
    Broken,
    Context,
    Fault,
    Library,
    MaskTerm,
    Scope,
    Skip,
    Table,
    Tensor,
    describe,
)
from graphspec.graph import Parameter
from graphspec.operators import OPERATORS, Attribute, Mismatch, Operator
from graphspec.operators.pointwise import Pointwise
from graphspec.ordering import order
from graphspec.source import Map, Scalar, Sequence, Value


def scalars_in(value: Value) -> Iterator[Scalar]:
    """All scalars within a written value, keys left out."""
    match value:
        case Scalar():
            yield value
        case Sequence(items=items):
            for item in items:
                yield from scalars_in(item)
        case Map(entries=entries):
            for _, item in entries:
                yield from scalars_in(item)


def names_in(scalars: Iterable[Scalar]) -> set[str]:
    """The first parts of the names that some scalars read, as far as they are expressions."""
    found: set[str] = set()
    for scalar in scalars:
        try:
            found |= {name.text.partition(".")[0] for name in syntax.names(parse(scalar))}
        except Fault:
            continue
    return found


_NOT_READ = ("op", "block", "label", "init", "share")


def node_names(entry: NodeEntry) -> set[str]:
    """The names that a node reads."""
    written = [entry.expression] if entry.expression else []
    operator = OPERATORS.get(entry.op.text) if entry.op else None
    attributes = {attribute.name: attribute for attribute in operator.attributes} if operator else {}
    for key, value in entry.map.entries:
        if key.text not in _NOT_READ:
            written.extend(_read_in(value, attributes.get(key.text)))
    return names_in(written)


def _read_in(value: Value, attribute: Attribute | None) -> Iterator[Scalar]:
    """The scalars within a value that may name what is read: a word of an attribute names nothing."""
    kinds = {"kind": tuple(cls.kind for cls in attribute.records)} if attribute else {}
    if isinstance(value, Map) and attribute and attribute.kind == "record":
        yield from (s for key, item in value.entries for s in scalars_in(item) if s.text not in kinds.get(key.text, ()))
    elif not (isinstance(value, Scalar) and attribute and value.text in attribute.words):
        yield from scalars_in(value)


class NodesBuilder:
    """Turns the nodes of one body into nodes of the graph."""

    def __init__(self, context: Context, builder: BodyBuilder, scope: Scope, library: Library) -> None:
        self.context, self.builder, self.scope, self.library = context, builder, scope, library
        self.entries: Mapping[str, NodeEntry] = {}
        self.readers: dict[str, int] = {}
        self.previous: dict[str, str] = {}

    def build(self, entries: Mapping[str, NodeEntry], outside: Iterable[Scalar]) -> None:
        """Add all nodes. `outside`: what reads nodes from elsewhere, such as the outputs."""
        report = self.context.report
        entries = {n: e for n, e in entries.items() if self.scope.define(n, Broken(), "a node", e.span, report)}
        self.entries = entries
        names = list(entries)
        self.builder.reserved.update(names)
        reads = {name: node_names(entry) & entries.keys() for name, entry in entries.items()}
        outer = names_in(outside) & entries.keys()
        self.readers = {name: sum(name in read for read in reads.values()) + (name in outer) for name in names}
        self.previous = dict(zip(names[1:], names, strict=False))
        self.chain(reads)
        for name, entry in entries.items():  # the owner of a shared weight comes first, but its value is not read
            reads[name] |= {entry.share.text.partition(".")[0]} & entries.keys() if entry.share else set()
        ordered, cycle = order(names, reads)
        if cycle:
            self.report_cycle(cycle)
        for name in ordered:
            if self.scope.names.get(name) == Broken():
                self.build_one(name, entries[name])

    def chain(self, reads: Mapping[str, set[str]]) -> None:
        for name, before in self.previous.items():
            try:
                if self.chains(self.entries[name]):
                    reads[name].add(before)
            except (Fault, Skip):
                continue  # reported when the node is built

    def report_cycle(self, cycle: list[str]) -> None:
        text = " → ".join(f"`{name}`" for name in [*cycle, cycle[0]])
        notes = [Note(f"`{name}` stands", self.entries[name].span) for name in cycle[1:]]
        help = "a node cannot depend on itself; break the circle at one of these"
        place = self.entries[cycle[0]].span
        self.context.report.error("cycle", f"nodes that read each other: {text}", place, notes=notes, help=help)

    def build_one(self, name: str, entry: NodeEntry) -> None:
        try:
            self.scope.names[name] = self.node(name, entry)
            self.builder.lay(name, entry.laid)
        except Fault as fault:
            self.context.report.add(fault.diagnostic)
        except Skip:
            pass

    # -- one node -----------------------------------------------------------------------------------------------------

    def node(self, name: str, entry: NodeEntry) -> Tensor | Absent:
        reader = Reader(self.context, self.builder, self.library, name)
        if entry.condition:
            evaluator = reader.evaluator(entry.condition, self.scope)
            if not evaluator.condition(parse(entry.condition)):
                return Absent(name, lambda: self.input_of_absent(name, entry, reader))
        if entry.expression:
            return self.expression(name, entry.expression, entry.span)
        if entry.first_block:
            from graphspec.elaborate.blocks import BlockCall

            return BlockCall(self, name, entry, reader).build()
        assert entry.op is not None
        if entry.is_mixture:
            from graphspec.elaborate.mixtures import MixtureCall

            return MixtureCall(self, name, entry, reader).build()
        return self.operator(name, entry, reader)

    def expression(self, name: str, scalar: Scalar, span: Span) -> Tensor:
        reader = Reader(self.context, self.builder, self.library, name)
        value = reader.evaluator(scalar, self.scope).value(name=name)
        if not isinstance(value, Tensor):
            raise Fault(
                "wrong-kind", f"`{name}` must be a tensor, but `{scalar.text}` is {describe(value)}", scalar.span
            )
        if value.owner is self.builder and value.ref.name == name:
            return value
        return self.builder.apply(name, Pointwise(function="identity", arguments=("a",)), {"a": value}, span)

    def input_of_absent(self, name: str, entry: NodeEntry, reader: Reader) -> Tensor:
        """What a reader of a node that is not there reads instead."""
        if entry.inputs is not None and isinstance(entry.inputs, Scalar):
            return reader.tensor(Written(Keyed(entry.inputs, entry.inputs), self.scope))
        if entry.expression is None and entry.inputs is None and name in self.previous:
            return self.before(name, entry)
        help = "name its input with `in:`, or put `if` on its readers too"
        raise Fault(
            "absent-node", f"`{name}` is not there, and has no single input to read instead", entry.span, help=help
        )

    # -- implicit inputs ----------------------------------------------------------------------------------------------

    def chains(self, entry: NodeEntry) -> bool:
        """Whether a node takes the node before as its input: it has a required tensor port that nothing fills."""
        if entry.expression or entry.inputs is not None:
            return False
        named = entry.called
        if named is None:
            operator = OPERATORS.get(entry.op.text) if entry.op else None
            ports = operator.input_ports() if operator else ()
            return bool(ports) and not ports[0].optional and not any(p.name in entry.attributes for p in ports)
        reader = Reader(self.context, self.builder, self.library, entry.name)
        block = reader.block(named, self.scope)
        first = next(iter(block.entry.inputs.items()), None)
        return first is not None and first[0] not in entry.attributes and "=" not in first[1].type.text

    def before(self, name: str, entry: NodeEntry) -> Tensor:
        """The node before, which this node reads without saying so."""
        before = self.previous.get(name)
        if before is None:
            raise Fault("missing-input", f"`{name}` has no input", entry.span, help="say what it reads: `in: …`")
        if self.readers[before]:
            help = f"write `in: {before}` if that is what you mean"
            message = f"`{name}` does not say what it reads, and `{before}` before it has other readers"
            raise Fault("implicit-input", message, entry.span, help=help)
        value = self.scope.find(before)
        if isinstance(value, Absent):
            return value.instead()
        if not isinstance(value, Tensor):
            raise Skip
        return value

    # -- operators ----------------------------------------------------------------------------------------------------

    def operator(self, name: str, entry: NodeEntry, reader: Reader) -> Tensor:
        assert entry.op is not None
        cls = OPERATORS.get(entry.op.text)
        if cls is None:
            help = suggestion(entry.op.text, [*OPERATORS, MIXTURE], "operators")
            help += "" if help.endswith("?") else "; one of your own is registered first, or named by `--plugin`"
            raise Fault("unknown-operator", f"there is no operator `{entry.op.text}`", entry.op.span, help=help)
        written = self.written(entry)
        inputs, places = self.ports(cls, name, entry, reader, written)
        owner = find_owner(self.builder, entry.share, self.context) if entry.share else None
        values = self.attributes(cls, entry, reader, written, owner)
        masks = {key: value for key, value in values.items() if isinstance(value, MaskTerm)}
        for key, term in masks.items():
            inputs |= dict(term.data)
            values[key] = term.mask
        operator = cls(**values)
        places |= {key: item.entry.value.span for key, item in written.items()}
        try:
            parameters = self.parameters(operator, entry, reader, inputs, owner)
            return self.builder.apply(name, operator, inputs, entry.span, parameters=parameters, label=_label(entry))
        except Mismatch as error:
            raise mismatch_fault(error, entry.span, places) from error

    def written(self, entry: NodeEntry) -> dict[str, Written]:
        """Attributes and ports with their scopes; those of the map after `with` come first."""
        found: dict[str, Written] = {}
        if entry.spread:
            table = self.scope.find(entry.spread.text)
            if table is None:
                help = suggestion(entry.spread.text, self.scope.known())
                raise Fault("unknown-name", f"there is no `{entry.spread.text}` here", entry.spread.span, help=help)
            if not isinstance(table, Table):
                raise Fault(
                    "wrong-kind",
                    f"`with` needs a map, but `{entry.spread.text}` is {describe(table)}",
                    entry.spread.span,
                )
            found |= {name: Written(item, table.scope) for name, item in table.entries.items()}
        return found | {name: Written(item, self.scope) for name, item in entry.attributes.items()}

    def ports(
        self, cls: type[Operator], name: str, entry: NodeEntry, reader: Reader, written: dict[str, Written]
    ) -> tuple[dict[str, Tensor], dict[str, Span]]:
        """The tensors at the operator's ports, taken out of `written`, and where each was named."""
        ports = [port.name for port in cls.input_ports()]
        optional = {port.name for port in cls.input_ports() if port.optional}
        given: dict[str, Written] = {}
        if entry.inputs is not None:
            items = entry.inputs.items if isinstance(entry.inputs, Sequence) else (entry.inputs,)
            if len(items) > len(ports):
                message = f"`{cls.op}` has {counted(len(ports), 'input')}, but gets {len(items)}"
                raise Fault("too-many-inputs", message, entry.inputs.span)
            key = entry.map.key("in")
            assert key is not None
            given |= {port: Written(Keyed(key, item), self.scope) for port, item in zip(ports, items, strict=False)}
        given |= {port: written.pop(port) for port in ports if port in written}
        tensors = {port: reader.tensor(given[port]) for port in ports if port in given and port not in optional}
        found = {port: reader.optional_tensor(given[port]) for port in ports if port in given and port in optional}
        tensors |= {port: tensor for port, tensor in found.items() if tensor is not None}
        if not tensors and self.chains(entry):
            tensors[ports[0]] = self.before(name, entry)
        return tensors, {port: item.entry.value.span for port, item in given.items()}

    def attributes(
        self, cls: type[Operator], entry: NodeEntry, reader: Reader, written: Mapping[str, Written], owner: Owner | None
    ) -> dict[str, Any]:
        known = {attribute.name: attribute for attribute in cls.attributes}
        values: dict[str, Any] = {}
        for key, item in written.items():
            if key not in known:
                names = [*known, *(port.name for port in cls.input_ports())]
                help = suggestion(key, names, "attributes")
                raise Fault("unknown-attribute", f"`{cls.op}` has no attribute `{key}`", item.entry.key.span, help=help)
            values[key] = reader.attribute(known[key], item)
        if owner:
            values |= solve_shared(cls, owner, values)
        missing = [a.name for a in cls.attributes if a.required and a.name not in values]
        if missing:
            listed = " and ".join(f"`{name}`" for name in missing)
            help = f"add `{missing[0]}: …`" + (", or share another node's weight" if cls.weights else "")
            raise Fault("missing-attribute", f"`{cls.op}` needs {listed}", entry.span, help=help)
        return values

    def parameters(
        self, operator: Operator, entry: NodeEntry, reader: Reader, inputs: Mapping[str, Tensor], owner: Owner | None
    ) -> list[Parameter]:
        given = reader.initialiser(entry.init, self.scope) if entry.init else None
        trainable = self.trainable(entry, reader)
        types = {port: tensor.type for port, tensor in inputs.items()}
        found: list[Parameter] = []
        for weight, shape in operator.shapes(types, self.context.sizes):
            check_not_negative(shape, self.context.sizes)
            main = weight.name in ("", "weight")
            self.check_known(entry, weight.name, shape)
            tied = owner.path if owner and main else ()
            if owner and tied and not _same_shape(owner.shape, shape, self.context):
                sizes = " × ".join(map(str, owner.shape)), " × ".join(map(str, shape))
                message = f"the shared weight has the shape {sizes[0]}, but `{entry.name}` needs {sizes[1]}"
                raise Fault("shape-mismatch", message, entry.span)
            init = given if given and main else weight.init
            found.append(Parameter(weight.name, shape, init, trainable, tied, given is not None and main))
        return found

    def check_known(self, entry: NodeEntry, name: str, shape: tuple[Dim, ...]) -> None:
        """Raise `Fault` for a learned tensor whose size nobody knows before the model runs."""
        unknown = next((size for size in shape if self.context.sizes.value(size) is None), None)
        if unknown is not None:
            what = f"`{name}` of `{entry.name}`" if name else f"`{entry.name}`"
            message = f"{what} is learnt, but its size `{unknown}` is known only at run time"
            raise Fault("no-value", message, entry.span, help="learn nothing along that axis, or fix its size")

    def trainable(self, entry: NodeEntry, reader: Reader) -> bool:
        if entry.trainable is None:
            return True
        value = reader.evaluator(entry.trainable, self.scope).value()
        return bool(reader.of_kind("trainable", "bool", value, entry.trainable))


def _same_shape(left: tuple[Dim, ...], right: tuple[Dim, ...], context: Context) -> bool:
    return len(left) == len(right) and all(context.sizes.same(a, b) for a, b in zip(left, right, strict=True))


def _label(entry: NodeEntry) -> str:
    return entry.label.text if entry.label else ""
