"""Parameters, axes and inputs of a file → values, sizes and the file's scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphspec import expressions as syntax
from graphspec.axes import Dim, Number, Role
from graphspec.diagnostics import File, Report, Span, suggestion
from graphspec.document import AxisEntry, Document, Keyed, is_empty
from graphspec.elaborate.evaluate import CONSTANTS, FUNCTION_NAMES, Evaluator, parse
from graphspec.elaborate.values import (
    Broken,
    Context,
    Fault,
    FunctionName,
    Nothing,
    Scope,
    Skip,
    Table,
    Value,
    Word,
    describe,
)
from graphspec.graph import AxisInfo, Setting
from graphspec.ordering import order
from graphspec.source import Map, Scalar, Sequence
from graphspec.source import parse as parse_source

Override = str | int | float | bool
_ROLES: Mapping[str, Role] = {"batch": "batch", "position": "position", "feature": "feature"}


def override_scalar(name: str, value: Override) -> tuple[Scalar, Span]:
    """An override as if it stood in a file: its value, and the place of its name."""
    written = str(value).lower() if isinstance(value, bool) else str(value)
    text = f"{name}={written}"
    file = File("--set", text)
    start = len(name) + 1
    place = Span(file, 1, start + 1, 1, len(text) + 1)
    return Scalar(written, place, "plain"), Span(file, 1, 1, 1, start)


def override_value(name: str, value: Override, report: Report) -> tuple[Scalar | Map | Sequence | None, Span]:
    """An override as if it stood in a file; a text in braces is a map. Reports one that cannot be read."""
    scalar, place = override_scalar(name, value)
    if not scalar.text.startswith("{"):
        return scalar, place
    read = parse_source(f"{name}: {scalar.text}", "--set", report)
    return read.root.get(name) if read else None, place


class SettingsBuilder:
    """Evaluates the parameters of a file in the order of their dependence."""

    def __init__(
        self,
        document: Document,
        overrides: Mapping[str, Override],
        context: Context,
        scope: Scope,
        values: dict[str, int],
    ) -> None:
        self.document, self.context, self.scope, self.values = document, context, scope, values
        self.report: Report = context.report
        self.entries: dict[str, Keyed] = dict(document.params)
        self.settings: dict[str, Setting] = {}
        for name, value in overrides.items():
            self.override(name, value)

    def override(self, name: str, value: Override) -> None:
        written, place = override_value(name, value, self.report)
        if name not in self.entries:
            help = suggestion(name, self.entries, "parameters")
            self.report.error("unknown-parameter", f"there is no parameter `{name}` to set", place, help=help)
            return
        if written is not None:
            self.entries[name] = Keyed(self.entries[name].key, written)

    def build(self) -> tuple[Setting, ...]:
        reads = {name: self.reads(entry) for name, entry in self.entries.items()}
        ordered, cycle = order(self.entries, reads)
        if cycle:
            text = " → ".join(f"`{name}`" for name in [*cycle, cycle[0]])
            span = self.entries[cycle[0]].key.span
            self.report.error(
                "parameter-cycle", f"parameters that need each other: {text}", span, help="give one of them a number"
            )
        for name in self.entries:
            self.scope.define(name, Broken(), "a parameter", self.entries[name].key.span, self.report)
        for name in ordered:
            try:
                self.scope.names[name] = self.evaluate(name, self.entries[name], bool(reads[name]))
            except Fault as fault:
                self.report.add(fault.diagnostic)
            except Skip:
                pass
        return tuple(self.settings[name] for name in self.entries if name in self.settings)

    def reads(self, entry: Keyed) -> list[str]:
        try:
            expression = parse(entry.value) if isinstance(entry.value, Scalar) and not is_empty(entry.value) else None
        except Fault:
            return []
        return [n.text for n in syntax.names(expression) if n.text in self.entries] if expression else []

    def evaluate(self, name: str, entry: Keyed, derived: bool) -> Value:
        if isinstance(entry.value, Map):
            return Table({k.text: Keyed(k, v) for k, v in entry.value.entries}, self.scope)
        if isinstance(entry.value, Sequence) or is_empty(entry.value):
            message = f"the parameter `{name}` has no value"
            raise Fault(
                "parameter-without-value", message, entry.key.span, help=f"give it one here, or with `--set {name}=…`"
            )
        value = self.plain(name, entry.value)
        return self.settle(name, value, entry, derived)

    def plain(self, name: str, scalar: Scalar) -> Value:
        expression = parse(scalar)
        if isinstance(expression, syntax.Name) and expression.text not in CONSTANTS:
            if expression.text in self.entries:
                return Evaluator(self.context, self.scope, None, scalar, name).value()
            return FunctionName(expression.text) if expression.text in FUNCTION_NAMES else Word(expression.text)
        return Evaluator(self.context, self.scope, None, scalar, name).value()

    def settle(self, name: str, value: Value, entry: Keyed, derived: bool) -> Value:
        assert isinstance(entry.value, Scalar)
        text, span = entry.value.text, entry.key.span
        match value:
            case bool():
                self.settings[name] = Setting(name, value, text, derived, span)
                return value
            case Dim():
                number = self.context.sizes.value(value)
                if number is None:
                    raise Fault("no-value", f"`{name}` is known only at run time", entry.value.span)
                self.values[name] = number
                self.settings[name] = Setting(name, number, text, derived, span)
                return value if derived else Dim.symbol(name)
            case Number(value=number) if number is not None:
                self.settings[name] = Setting(name, number, text, derived, span)
                return Number(number, name)
            case Word(word) | FunctionName(word):
                self.settings[name] = Setting(name, word, text, derived, span)
                return value
            case Nothing() | Table():
                return value
            case _:
                raise Fault("wrong-kind", f"`{name}` cannot be {describe(value)}", entry.value.span)


def declare_axes(document: Document, context: Context, scope: Scope, derived: dict[str, Dim]) -> tuple[AxisInfo, ...]:
    """The axes of a file; their names stand for their sizes, of which none is derived from another derived one."""
    for name, entry in document.axes.items():
        scope.define(name, Dim.symbol(name), "an axis", entry.span, context.report)
    found: list[AxisInfo] = []
    for name, entry in document.axes.items():
        try:
            found.append(_axis(name, entry, context, scope, derived))
        except Fault as fault:
            context.report.add(fault.diagnostic)
        except Skip:
            pass
    return tuple(replace(axis, size=derived.get(axis.name)) for axis in found)


def _axis(name: str, entry: AxisEntry, context: Context, scope: Scope, derived: dict[str, Dim]) -> AxisInfo:
    role = _ROLES.get(entry.role.text)
    if role is None:
        help = suggestion(entry.role.text, _ROLES, "roles")
        raise Fault("unknown-role", f"`{entry.role.text}` is no role of an axis", entry.role.span, help=help)
    if entry.size is None:
        return AxisInfo(name, role, None, entry.span)
    size = Evaluator(context, scope, None, entry.size, name).value()
    if not isinstance(size, Dim):
        raise Fault("wrong-kind", f"the size of an axis cannot be {describe(size)}", entry.size.span)
    size = context.sizes.expand(size)
    if name in size.symbols:
        raise Fault("parameter-cycle", f"the size of `{name}` depends on itself", entry.size.span)
    derived |= {other: known.substitute({name: size}) for other, known in derived.items()} | {name: size}
    return AxisInfo(name, role, size, entry.span)
