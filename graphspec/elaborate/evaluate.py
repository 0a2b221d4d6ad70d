"""Expressions → values: numbers are computed, masks are composed, tensor operations become nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphspec import expressions as syntax
from graphspec.axes import Dim, Number, dim, primed, unprimed
from graphspec.diagnostics import Span, suggestion
from graphspec.elaborate import masks, scalars
from graphspec.elaborate.body import BodyBuilder
from graphspec.elaborate.values import (
    Absent,
    Broken,
    Context,
    Fault,
    FunctionName,
    MaskTerm,
    Nothing,
    Scope,
    Skip,
    Tensor,
    Value,
    Word,
    describe,
)
from graphspec.masks import Causal, Everything
from graphspec.operators import OPERATORS, Mismatch
from graphspec.operators.pointwise import ARITHMETIC, COMPARISONS, FUNCTIONS, LOGIC, Dropout, FeatureClash, Pointwise
from graphspec.operators.reduce import CUMULATIVE, REDUCTIONS, Reduce, Softmax
from graphspec.source import Scalar

CONSTANTS: dict[str, Value] = {
    "true": True,
    "false": False,
    "none": Nothing(),
    "everything": MaskTerm(Everything()),
    "causal": MaskTerm(Causal()),
}
_SCALAR = Dim | Number | bool
_TENSOR_FUNCTIONS = (*FUNCTIONS, *REDUCTIONS, *CUMULATIVE, "softmax", "dropout", "where", "min", "max")
FUNCTION_NAMES = tuple(dict.fromkeys((*_TENSOR_FUNCTIONS, *scalars.SCALAR_FUNCTIONS, *masks.MASK_FUNCTIONS)))


def parse(source: Scalar) -> syntax.Expression:
    """The expression that a scalar holds. Raises `Fault`."""
    try:
        return syntax.parse(source.text)
    except syntax.ExpressionError as error:
        raise syntax_fault(error, source) from error


def syntax_fault(error: syntax.ExpressionError, source: Scalar) -> Fault:
    return Fault("expression-syntax", error.message, source.part(error.start, error.end), help=error.help)


class Evaluator:
    """Evaluates the expressions of one scalar in one scope; nodes go to `builder` as parts of the node `owner`."""

    def __init__(self, context: Context, scope: Scope, builder: BodyBuilder | None, source: Scalar, owner: str) -> None:
        self.context, self.scope, self.builder, self.source, self.owner = context, scope, builder, source, owner
        self.sizes = context.sizes
        self.in_mask = False

    # -- entry points -------------------------------------------------------------------------------------------------

    def value(self, *, name: str | None = None) -> Value:
        """The value of the whole scalar; `name` is that of the node, if the expression is one."""
        expression = parse(self.source)
        if isinstance(expression, syntax.Name):
            return self.alone(expression)
        return self.evaluate(expression, name)

    def alone(self, expression: syntax.Name) -> Value:
        """A name that stands alone: a node that is not there passes on what it would have read."""
        value = self.lookup(expression)
        return value.instead() if isinstance(value, Absent) else value

    def mask(self) -> MaskTerm:
        """The scalar as a mask."""
        self.in_mask = True
        expression = parse(self.source)
        value = self.alone(expression) if isinstance(expression, syntax.Name) else self.evaluate(expression)
        return self.as_mask(value, expression)

    def span(self, expression: syntax.Expression) -> Span:
        return self.source.part(expression.start, expression.end)

    def text(self, expression: syntax.Expression) -> str:
        return self.source.text[expression.start : expression.end]

    def fault(self, code: str, message: str, expression: syntax.Expression, help: str = "", label: str = "") -> Fault:
        return Fault(code, message, self.span(expression), help=help, label=label)

    # -- the cases ----------------------------------------------------------------------------------------------------

    def evaluate(self, expression: syntax.Expression, name: str | None = None) -> Value:
        match expression:
            case syntax.Number(value=number):
                return self.literal(number)
            case syntax.Name():
                value = self.lookup(expression)
                if isinstance(value, Absent):
                    message = f"`{value.name}` is not there: its `if` does not hold"
                    help = "a reader that names it alone reads its input instead; an expression cannot"
                    raise self.fault("absent-node", message, expression, help)
                return value
            case syntax.Conditional(test, then, otherwise):
                return self.evaluate(then if self.condition(test) else otherwise, name)
            case syntax.Unary("-", operand):
                return self.minus(expression, operand, name)
            case syntax.Unary(_, operand):
                return self.inverse(expression, operand, name)
            case syntax.Binary(operator, left, right):
                return self.binary(expression, operator, left, right, name)
            case syntax.Call():
                return self.call(expression, name)

    def literal(self, number: int | float) -> Value:
        return dim(number) if isinstance(number, int) else Number.of(number)

    def lookup(self, expression: syntax.Name) -> Value:
        if expression.text.endswith("'"):
            return self.second(expression)
        first, _, rest = expression.text.partition(".")
        if first in CONSTANTS and not rest:
            return CONSTANTS[first]
        value = self.scope.find(first)
        if value is None:
            message, help = f"there is no `{first}` here", suggestion(first, self.scope.known() | set(CONSTANTS))
            if first == "layer":
                message, help = "`layer` is known only inside a repeated block", ""
            elif first in OPERATORS:
                help = f"an operator is used by a node: `{{op: {first}, in: …}}`"
            raise self.fault("unknown-name", message, expression, help)
        if isinstance(value, Broken):
            raise Skip
        if not rest:
            return value
        if not isinstance(value, Tensor):
            raise self.fault("unknown-name", f"`{first}` is {describe(value)}, it has no parts", expression)
        return value.owner.output(value, rest, self.span(expression))

    def second(self, expression: syntax.Name) -> Value:
        """The second occurrence of an axis, by its name."""
        named = syntax.Name(expression.text[:-1], expression.start, expression.end - 1)
        value = self.lookup(named)
        if not isinstance(value, Dim):
            message = f"`{named.text}` is {describe(value)}, not an axis that could stand twice"
            raise self.fault("wrong-kind", message, expression)
        return primed(value)

    def condition(self, expression: syntax.Expression) -> bool:
        """A condition that decides what the model is: known before any tensor is."""
        value = self.evaluate(expression)
        if isinstance(value, Nothing):
            return False
        if isinstance(value, Dim | Number) or not isinstance(value, bool):
            if isinstance(value, Tensor | Dim | Number | Word):
                message = f"a condition must be true or false, but `{self.text(expression)}` is {describe(value)}"
                help = "choose between elements with `where(condition, a, b)`" if isinstance(value, Tensor) else ""
                raise self.fault("wrong-kind", message, expression, help)
            return True
        return value

    def minus(self, expression: syntax.Expression, operand: syntax.Expression, name: str | None) -> Value:
        value = self.evaluate(operand)
        if isinstance(value, Tensor):
            return self.pointwise("negative", [value], [operand], expression, name)
        return scalars.negate(self.scalar(value, operand), self.sizes)

    def inverse(self, expression: syntax.Expression, operand: syntax.Expression, name: str | None) -> Value:
        value = self.evaluate(operand)
        if isinstance(value, Tensor) and not self.in_mask:
            return self.pointwise("not", [value], [operand], expression, name)
        if isinstance(value, MaskTerm | Tensor):
            return masks.inverted(self.as_mask(value, operand))
        if isinstance(value, Nothing):
            return True
        if not isinstance(value, bool):
            raise self.fault("wrong-kind", f"`{self.text(operand)}` is {describe(value)}, not a truth value", operand)
        return not value

    def binary(
        self,
        expression: syntax.Expression,
        operator: str,
        left: syntax.Expression,
        right: syntax.Expression,
        name: str | None,
    ) -> Value:
        a = self.evaluate(left)
        if operator in ("and", "or") and isinstance(a, bool) and a == (operator == "or"):
            return a
        b = self.evaluate(right)
        if operator in ("&", "|") and (isinstance(a, MaskTerm) or isinstance(b, MaskTerm) or self.in_mask):
            join = masks.both if operator == "&" else masks.either
            return join(self.as_mask(a, left), self.as_mask(b, right))
        if isinstance(a, Tensor) or isinstance(b, Tensor):
            function = {**ARITHMETIC, **COMPARISONS, **LOGIC}.get(operator)
            if function is None:
                help = "tensors have `+ - * / // % **`, comparisons and `& |`"
                raise self.fault("wrong-kind", f"`{operator}` is not for tensors", expression, help)
            return self.pointwise(function, [a, b], [left, right], expression, name)
        return self.scalar_binary(expression, operator, a, b, left, right)

    def scalar_binary(
        self,
        expression: syntax.Expression,
        operator: str,
        a: Value,
        b: Value,
        left: syntax.Expression,
        right: syntax.Expression,
    ) -> Value:
        if operator in ("==", "!=") and not (isinstance(a, Dim | Number) and isinstance(b, Dim | Number)):
            return (a == b) == (operator == "==")
        if operator in ("and", "or", "&", "|") and isinstance(a, bool) and isinstance(b, bool):
            return (a and b) if operator in ("and", "&") else (a or b)
        x, y = self.scalar(a, left), self.scalar(b, right)
        try:
            if operator in COMPARISONS:
                return scalars.compare(operator, x, y, self.sizes)
            result = scalars.arithmetic(operator, x, y, self.sizes)
        except scalars.Undefined as error:
            raise self.fault("no-value", str(error), expression) from error
        except KeyError:
            message = f"`{operator}` joins truth values or masks, not {describe(a)} and {describe(b)}"
            raise self.fault("wrong-kind", message, expression) from None
        self.warn_of_remainder(expression, operator, x, y)
        return result

    def warn_of_remainder(self, expression: syntax.Expression, operator: str, x: Value, y: Value) -> None:
        if operator != "//" or not isinstance(x, Dim) or not isinstance(y, Dim):
            return
        rest = scalars.leaves_remainder(x, y, self.sizes)
        if rest:
            message = f"{self.sizes.describe(x)} divided by {self.sizes.describe(y)} leaves a remainder of {rest}"
            help = "choose sizes that divide, or state this size yourself"
            self.context.report.warning("remainder", message, self.span(expression), help=help)

    def scalar(self, value: Value, expression: syntax.Expression) -> Dim | Number | bool:
        if isinstance(value, _SCALAR):
            return value
        message = f"`{self.text(expression)}` is {describe(value)}, where a number is needed"
        raise self.fault("wrong-kind", message, expression)

    def as_mask(self, value: Value, expression: syntax.Expression) -> MaskTerm:
        try:
            return masks.as_mask(value)
        except masks.NotAMask as error:
            message = f"`{self.text(expression)}` is {describe(value)}, {error}"
            help = "masks are `everything causal window(…) chunk(…) prefix(…) documents(…) graph(…)` or boolean tensors"
            raise self.fault("wrong-kind", message, expression, help) from error

    # -- calls --------------------------------------------------------------------------------------------------------

    def call(self, call: syntax.Call, name: str | None) -> Value:
        function = self.function_name(call)
        if function in masks.MASK_FUNCTIONS:
            return self.mask_call(function, call)
        if call.keywords:
            raise self.fault("wrong-arguments", f"`{function}` has no named arguments", call.keywords[0][1])
        arguments = [self.evaluate(argument) for argument in call.arguments]
        if any(isinstance(argument, Tensor) for argument in arguments):
            return self.tensor_call(function, arguments, call, name)
        if function not in scalars.SCALAR_FUNCTIONS:
            message = f"`{function}` needs a tensor, but gets {', '.join(map(describe, arguments)) or 'nothing'}"
            raise self.fault("wrong-kind", message, call)
        numbers = [self.scalar(value, at) for value, at in zip(arguments, call.arguments, strict=True)]
        try:
            return scalars.function(function, numbers, self.sizes)
        except scalars.Undefined as error:
            raise self.fault("no-value", str(error), call) from error

    def function_name(self, call: syntax.Call) -> str:
        name = call.function.text
        value = self.scope.find(name)
        if isinstance(value, FunctionName):
            return value.name
        if name not in FUNCTION_NAMES:
            help = suggestion(name, FUNCTION_NAMES, "functions")
            raise self.fault("unknown-function", f"there is no function `{name}`", call.function, help)
        return name

    def mask_call(self, function: str, call: syntax.Call) -> MaskTerm:
        was, self.in_mask = self.in_mask, False
        given = [self.evaluate(argument) for argument in call.arguments]
        named = {name: self.evaluate(argument) for name, argument in call.keywords}
        self.in_mask = was
        try:
            return masks.call(function, given, named)
        except masks.NotAMask as error:
            raise self.fault("wrong-arguments", str(error), call, masks.USAGE[function]) from error

    def tensor_call(self, function: str, arguments: Sequence[Value], call: syntax.Call, name: str | None) -> Value:
        if function in ("dropout", "softmax", *CUMULATIVE) or (function in REDUCTIONS and self.names_axis(arguments)):
            return self.along(function, arguments, call, name)
        if function in ("min", "max"):
            function = {"min": "minimum", "max": "maximum"}[function]
        count = {"where": 3, "minimum": 2, "maximum": 2}.get(function, 1)
        if function in REDUCTIONS:
            raise self.fault("wrong-arguments", f"`{function}` needs an axis", call, f"write `{function}(x, T)`")
        if function not in (*FUNCTIONS, "where", "minimum", "maximum"):
            raise self.fault("wrong-kind", f"`{function}` is for numbers, not for tensors", call)
        if len(arguments) != count:
            raise self.fault("wrong-arguments", f"`{function}` takes {count}, not {len(arguments)} arguments", call)
        return self.pointwise(function, arguments, call.arguments, call, name)

    def names_axis(self, arguments: Sequence[Value]) -> bool:
        """Whether the second argument is an axis of the first."""
        tensor, *others = arguments
        if len(others) != 1 or not isinstance(tensor, Tensor) or not isinstance(others[0], Dim):
            return False
        return any(self.sizes.same(unprimed(others[0]), size) for size in tensor.type.sizes)

    def along(self, function: str, arguments: Sequence[Value], call: syntax.Call, name: str | None) -> Value:
        tensor = arguments[0]
        if len(arguments) != 2 or not isinstance(tensor, Tensor):
            wanted = "a probability" if function == "dropout" else "an axis"
            raise self.fault("wrong-arguments", f"`{function}` takes a tensor and {wanted}", call)
        second = arguments[1]
        if function == "dropout":
            p = scalars.as_number(self.scalar(second, call.arguments[1]), self.sizes)
            if p.value == 0:
                return tensor
            return self.node(lambda: Dropout(p=p), {"x": tensor}, call, name)
        if not isinstance(second, Dim):
            raise self.fault("wrong-kind", f"{describe(second)} is no axis", call.arguments[1])
        if function == "softmax":
            return self.node(lambda: Softmax(over=second), {"x": tensor}, call, name)
        if function in CUMULATIVE:
            kind = CUMULATIVE[function]
            return self.node(lambda: Reduce(over=second, kind=kind, cumulative=True), {"x": tensor}, call, name)
        return self.node(lambda: Reduce(over=second, kind=function), {"x": tensor}, call, name)  # pyright: ignore[reportArgumentType]

    # -- nodes --------------------------------------------------------------------------------------------------------

    def pointwise(
        self,
        function: str,
        arguments: Sequence[Value],
        places: Sequence[syntax.Expression],
        expression: syntax.Expression,
        name: str | None,
    ) -> Tensor:
        operands: list[str | Number | Dim | bool] = []
        tensors: dict[str, Tensor] = {}
        for argument, place in zip(arguments, places, strict=True):
            if isinstance(argument, Tensor):
                port = "abc"[len(tensors)]
                tensors[port] = argument
                operands.append(port)
            else:
                operands.append(self.scalar(argument, place))
        made = Pointwise(function=function, arguments=tuple(operands))
        try:
            return self.node(lambda: made, tensors, expression, name)
        except FeatureClash as clash:
            left, right = places[-2], places[-1]
            message = f"`{self.text(right)}` has {clash.right} features, `{self.text(left)}` has {clash.left}"
            kind = arguments[-1].type if isinstance(arguments[-1], Tensor) else "number"
            raise self.fault("shape-mismatch", message, right, clash.help, f"has type {kind}") from clash

    def node(
        self, make: Callable[[], object], tensors: dict[str, Tensor], expression: syntax.Expression, name: str | None
    ) -> Tensor:
        from graphspec.operators import Operator

        if self.builder is None:
            raise self.fault("wrong-kind", "tensors cannot be computed here", expression)
        operator = make()
        assert isinstance(operator, Operator)
        try:
            return self.builder.apply(
                name or self.builder.part_name(self.owner), operator, tensors, self.span(expression)
            )
        except FeatureClash:
            raise
        except Mismatch as error:
            raise self.fault(error.code, error.message, expression, error.help) from error
