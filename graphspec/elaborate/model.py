"""A whole document → a whole graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, islice

from graphspec.axes import Dim, Number, Sizes
from graphspec.diagnostics import Report, suggestion
from graphspec.document import ContractEntry
from graphspec.elaborate import scalars
from graphspec.elaborate.attributes import Reader, Written
from graphspec.elaborate.body import BodyBuilder
from graphspec.elaborate.evaluate import Evaluator, parse
from graphspec.elaborate.nodes import NodesBuilder, scalars_in
from graphspec.elaborate.ports import model_input
from graphspec.elaborate.settings import Override, SettingsBuilder, declare_axes
from graphspec.elaborate.values import (
    BlockValue,
    Broken,
    Context,
    Fault,
    Lazy,
    Library,
    MaskTerm,
    Scope,
    Skip,
    Tensor,
    describe,
)
from graphspec.expressions import Name
from graphspec.graph import AxisInfo, Body, Contract, Graph, InitRule, Setting, parameter_paths
from graphspec.masks import Mask
from graphspec.source import Scalar

NAMING = frozenset(["output", "input", "axis", "where", "side", "documents", "mode"])
"""Arguments of contracts that are names, never numbers."""


def elaborate(library: Library, overrides: Mapping[str, Override], report: Report) -> Graph | None:
    """Document → graph, with some parameters overridden. Reports all problems; None if there was an error."""
    graph = _Elaboration(library, overrides, report).build()
    return None if report.failed else graph


class _Elaboration:
    def __init__(self, library: Library, overrides: Mapping[str, Override], report: Report) -> None:
        self.library, self.document, self.report = library, library.document, report
        self.values: dict[str, int] = {}
        self.derived: dict[str, Dim] = {}
        self.file_scope = Scope()
        self.context = Context(report, Sizes(self.values, self.derived), self.file_scope)
        self.overrides = overrides

    def build(self) -> Graph | None:
        settings, axes = self.sizes()
        document = self.document
        name = document.model_name.text if document.model_name else ""
        builder = BodyBuilder(self.context, name or "model", document.span)
        self.inputs(builder)
        self.blocks_and_masks(builder)
        scope = Scope(self.file_scope)
        nodes = NodesBuilder(self.context, builder, scope, self.library)
        nodes.build(document.nodes, [s for item in document.outputs.values() for s in scalars_in(item.value)])
        body = self.finish(builder, scope)
        contracts = tuple(self.contracts())
        rules = tuple(self.init_rules(builder))
        if body is None:
            return None
        self.warn_of_unused(body)
        self.warn_of_idle(rules, body)
        title, masks = document.title.text if document.title else "", tuple(self.named_masks())
        return Graph(name, title, settings, axes, body, contracts, rules, masks)

    def sizes(self) -> tuple[tuple[Setting, ...], tuple[AxisInfo, ...]]:
        builder = SettingsBuilder(self.document, self.overrides, self.context, self.file_scope, self.values)
        settings = builder.build()
        return settings, declare_axes(self.document, self.context, self.file_scope, self.derived)

    def inputs(self, builder: BodyBuilder) -> None:
        earlier: dict[str, Tensor] = {}
        optional = ""
        for name, entry in self.document.inputs.items():
            self.file_scope.define(name, Broken(), "an input", entry.span, self.report)
            try:
                made = model_input(name, entry, self.context, self.file_scope, earlier)
            except Fault as fault:
                self.report.add(fault.diagnostic)
                continue
            except Skip:
                continue
            if optional and made.default is None:
                message = f"`{name}` is required, but stands after the optional `{optional}`"
                self.report.error("input-order", message, entry.span, help="put required inputs first")
            optional = name if made.default is not None else optional
            earlier[name] = self.file_scope.names[name] = builder.add_input(made)
            self.context.measured.update(self.context.sizes.expand(made.type.elements()).symbols)

    def blocks_and_masks(self, builder: BodyBuilder) -> None:
        for name, entry in self.document.blocks.items():
            value = BlockValue(name, entry, self.library)
            self.file_scope.define(name, value, "a block", entry.span, self.report)
        reader = Reader(self.context, builder, self.library, "masks")
        for name, entry in self.document.masks.items():
            make = Lazy(lambda entry=entry: reader.argument("mask", Written(entry, self.file_scope)))
            self.file_scope.define(name, make, "a mask", entry.key.span, self.report)

    def named_masks(self) -> Iterator[tuple[str, Mask]]:
        """The masks by their names; one that nothing uses is left out if it needs a tensor that is not there."""
        for name, entry in self.document.masks.items():
            value = self.file_scope.names.get(name)
            value = self.lone_mask(entry.value) if isinstance(value, Lazy) else value
            if isinstance(value, MaskTerm):
                yield name, value.mask

    def lone_mask(self, written: object) -> MaskTerm | None:
        if not isinstance(written, Scalar):
            return None
        try:
            return Evaluator(self.context, self.file_scope, None, written, "masks").mask()
        except (Fault, Skip):
            return None

    # -- outputs ------------------------------------------------------------------------------------------------------

    def finish(self, builder: BodyBuilder, scope: Scope) -> Body | None:
        outputs = list(self.outputs(builder, scope))
        if not self.document.outputs:
            help = "name what the model gives: `outputs: {logits: logits}`"
            self.report.error("no-outputs", "the model has no outputs", self.document.span, help=help)
        return None if self.report.failed else builder.finish(outputs)

    def outputs(self, builder: BodyBuilder, scope: Scope) -> Iterator[tuple[str, Tensor]]:
        for name, entry in self.document.outputs.items():
            node = builder.free_name(name)
            reader = Reader(self.context, builder, self.library, node)
            try:
                scalar = reader.scalar(Written(entry, scope))
                value = reader.evaluator(scalar, scope).value(name=node)
                if not isinstance(value, Tensor):
                    raise Fault("wrong-kind", f"the output `{name}` is {describe(value)}, not a tensor", scalar.span)
                yield name, value
            except Fault as fault:
                self.report.add(fault.diagnostic)
            except Skip:
                continue

    # -- contracts and initialisation ---------------------------------------------------------------------------------

    def contracts(self) -> Iterator[Contract]:
        for entry in self.document.contracts:
            try:
                if entry.condition is None or self.holds(entry.condition):
                    yield self.contract(entry)
            except Fault as fault:
                self.report.add(fault.diagnostic)
            except Skip:
                continue

    def holds(self, condition: Scalar) -> bool:
        return Evaluator(self.context, self.file_scope, None, condition, "contracts").condition(parse(condition))

    def contract(self, entry: ContractEntry) -> Contract:
        arguments: list[tuple[str, str | int | bool]] = []
        for key, value in entry.arguments.entries:
            if not isinstance(value, Scalar):
                raise Fault("wrong-form", f"`{key.text}` needs a single value", value.span)
            arguments.append((key.text, self.contract_argument(key.text, value)))
        spans = tuple((key.text, value.span) for key, value in entry.arguments.entries)
        return Contract(entry.kind.text, tuple(arguments), entry.kind.span, spans)

    def contract_argument(self, key: str, scalar: Scalar) -> str | int | bool:
        """A number or truth value where the text is one or computes one, otherwise the name as written."""
        if scalar.text in ("true", "false"):
            return scalar.text == "true"
        if key in NAMING or (_is_name(scalar) and scalar.text not in self.document.params):
            return scalar.text
        value = Evaluator(self.context, self.file_scope, None, scalar, "contracts").value()
        number = scalars.as_number(value, self.context.sizes).value if isinstance(value, Dim | Number) else None
        return int(number) if number is not None and float(number).is_integer() else scalar.text

    def init_rules(self, builder: BodyBuilder) -> Iterator[InitRule]:
        reader = Reader(self.context, builder, self.library, "init")
        for pattern, entry in self.document.init.items():
            try:
                scalar = reader.scalar(Written(entry, self.file_scope))
                yield InitRule(pattern, reader.initialiser(scalar, self.file_scope), entry.key.span)
            except Fault as fault:
                self.report.add(fault.diagnostic)
            except Skip:
                continue

    # -- what nothing reads -------------------------------------------------------------------------------------------

    def warn_of_unused(self, body: Body) -> None:
        if self.report.failed:
            return
        read = {ref.name for node in body.nodes for _, ref in node.inputs} | {ref.name for _, ref in body.outputs}
        read |= self.file_scope.used
        kinds = (("input", self.document.inputs), ("parameter", self.document.params), ("block", self.document.blocks))
        for kind, entries in kinds:
            for name, entry in entries.items():
                if name not in read:
                    place = entry.key.span if entry.key else None
                    help = "remove it, or use it"
                    self.report.warning(f"unused-{kind}", f"nothing uses the {kind} `{name}`", place, help=help)
        for node in body.nodes:
            if node.name not in read and not node.anonymous:
                message, help = f"nothing reads the node `{node.name}`", "remove it, or name it under `outputs:`"
                self.report.warning("unused-node", message, node.span, help=help)

    def warn_of_idle(self, rules: Sequence[InitRule], body: Body) -> None:
        """Of patterns that fit no tensor; of a model with very many, nobody looks through all."""
        for rule in rules:
            if self.report.failed or any(rule.fits(*it) for it in islice(parameter_paths(body), MANY)):
                continue
            names = [_counted(name) for name, _ in islice(parameter_paths(body), MANY)]
            if len(names) < MANY:
                around = {path for name in names for path in accumulate(name.split("."), "{}.{}".format)}
                help = suggestion(rule.pattern, around, "tensors")
                self.report.warning("unused-init", f"no tensor starts as `{rule.pattern}` says", rule.span, help=help)


MANY = 10_000
"""Tensors of a model through which a pattern is looked for."""


def _counted(name: str) -> str:
    """A tensor's name with `*` for the numbers of its turns."""
    return ".".join("*" if part.isdecimal() else part for part in name.split("."))


def _is_name(scalar: Scalar) -> bool:
    return isinstance(parse(scalar), Name)
