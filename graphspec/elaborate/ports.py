"""Types of inputs and ports: written ones → tensor types, and given tensors matched against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphspec import expressions as syntax
from graphspec.axes import Axis, Dim, TensorType
from graphspec.diagnostics import Note, Span, counted, suggestion
from graphspec.document import InputEntry
from graphspec.elaborate.evaluate import Evaluator, syntax_fault
from graphspec.elaborate.values import Context, Fault, Scope, Tensor, Value, describe
from graphspec.graph import Input
from graphspec.source import Scalar

_SIZES = ("an axis", "a parameter", "a parameter of the block", "a size bound by a port")


def type_syntax(text: Scalar) -> syntax.TypeSyntax:
    """The type that a scalar holds. Raises `Fault`."""
    try:
        return syntax.parse_type(text.text)
    except syntax.ExpressionError as error:
        raise syntax_fault(error, text) from error


def model_input(name: str, entry: InputEntry, context: Context, scope: Scope, earlier: Mapping[str, Value]) -> Input:
    """An input of the model: every axis is declared; a default is a constant or an earlier input."""
    written = type_syntax(entry.type)
    axes: list[Axis] = []
    for axis in written.axes:
        if axis.size is None:
            raise Fault("wrong-form", "`...` is for the ports of blocks", entry.type.part(axis.start, axis.end))
        size = _size(axis.size, context, scope, entry.type, name)
        axes.append(Axis(size, axis.primed))
    below = Evaluator(context, scope, None, entry.below, name).value() if entry.below else None
    if below is not None and not isinstance(below, Dim):
        raise Fault(
            "wrong-kind", f"`below` cannot be {describe(below)}", entry.below.span if entry.below else entry.span
        )
    default = _default(written.default, entry, context, scope, earlier) if written.default else None
    return Input(name, TensorType(written.dtype, tuple(axes)), default, below, entry.span)


def _default(
    expression: syntax.Expression, entry: InputEntry, context: Context, scope: Scope, earlier: Mapping[str, Value]
) -> bool | int | float | str:
    if isinstance(expression, syntax.Name) and expression.text in earlier:
        return expression.text
    value = Evaluator(context, scope, None, entry.type, entry.name).evaluate(expression)
    if isinstance(value, bool):
        return value
    number = context.sizes.value(value) if isinstance(value, Dim) else getattr(value, "value", None)
    if not isinstance(number, int | float):
        place = entry.type.part(expression.start, expression.end)
        raise Fault("wrong-kind", "a default is a number, a truth value or an earlier input", place)
    return number


def _size(expression: syntax.Expression, context: Context, scope: Scope, text: Scalar, owner: str) -> Dim:
    if isinstance(expression, syntax.Name) and scope.find(expression.text) is None:
        message = f"`{expression.text}` is neither an axis nor a parameter"
        place = text.part(expression.start, expression.end)
        places = {name: scope.place(name) for name in scope.known()}
        sizes = [name for name, place in places.items() if place and place[0] in _SIZES]
        help = suggestion(expression.text, sizes, "sizes")
        raise Fault("unknown-axis", message, place, help=f"{help}; or declare it under `axes:`")
    value = Evaluator(context, scope, None, text, owner).evaluate(expression)
    if not isinstance(value, Dim):
        place = text.part(expression.start, expression.end)
        raise Fault("wrong-kind", f"a size cannot be {describe(value)}", place)
    return value


@dataclass
class PortMatcher:
    """Matches the tensors given to a block against the types of its ports; names not yet known are bound."""

    context: Context
    scope: Scope
    node: str
    leading: tuple[Axis, ...] | None = None

    def match(self, port: str, entry: InputEntry, given: Tensor, place: Span) -> None:
        """Raises `Fault` where the tensor does not fit the port."""
        written = type_syntax(entry.type)
        if written.dtype != given.type.dtype:
            self.refuse(port, entry, given, place, f"holds `{given.type.dtype}`, not `{written.dtype}`")
        words = [axis for axis in written.axes if axis.size is not None]
        open_ended = len(words) < len(written.axes)
        cut = len(given.type.axes) - len(words)
        if cut < 0 or (cut and not open_ended):
            self.refuse(port, entry, given, place, f"has {counted(len(given.type.axes), 'axis', 'axes')}")
        if open_ended:
            self.match_leading(port, entry, given, given.type.axes[:cut], place)
        for word, axis in zip(words, given.type.axes[cut:], strict=True):
            self.match_axis(port, entry, given, word, axis, place)

    def match_leading(self, port: str, entry: InputEntry, given: Tensor, axes: tuple[Axis, ...], place: Span) -> None:
        if self.leading is None:
            self.leading = axes
        same = len(self.leading) == len(axes) and all(
            self.context.sizes.same(a.size, b.size) for a, b in zip(self.leading, axes, strict=True)
        )
        if not same:
            wanted = " ".join(map(str, self.leading)) or "none"
            self.refuse(port, entry, given, place, f"has other leading axes than `{wanted}`")

    def match_axis(
        self, port: str, entry: InputEntry, given: Tensor, word: syntax.AxisSyntax, axis: Axis, place: Span
    ) -> None:
        assert word.size is not None
        sizes = self.context.sizes
        if isinstance(word.size, syntax.Name) and self.scope.find(word.size.text) is None:
            span = entry.type.part(word.start, word.end)
            self.scope.define(word.size.text, axis.size, "a size bound by a port", span, self.context.report)
            self.scope.used.add(word.size.text)
            return
        wanted = _size(word.size, self.context, self.scope, entry.type, self.node)
        if not sizes.same(wanted, axis.size) or word.primed != axis.primed:
            why = f"has {sizes.describe(axis.size)} where {sizes.describe(wanted)} is needed"
            help = "a name that the file does not declare stands for any size" if wanted.is_atomic else ""
            self.refuse(port, entry, given, place, why, help)

    def refuse(self, port: str, entry: InputEntry, given: Tensor, place: Span, why: str, help: str = "") -> None:
        note = Note(f"the port `{port}` is declared `{entry.type.text}`", entry.type.span)
        message = f"`{given.ref}` does not fit the port `{port}`: it {why}"
        raise Fault("shape-mismatch", message, place, label=f"has type {given.type}", notes=[note], help=help)
