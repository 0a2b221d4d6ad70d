"""Functions of single elements, and dropout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from compiler.lower.align import align
from compiler.lower.code import Code, atom, call, infix, method, prefix
from compiler.lower.site import Lowering, Site
from graphspec.axes import Dim, Number, TensorType
from graphspec.operators.pointwise import Dropout, Pointwise

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "less": "<", "less_equal": "<="}
INFIX |= {"remainder": "%"}
INFIX |= {"greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=", "and": "&", "or": "|"}
CALLS = {"exp": "torch.exp", "log": "torch.log", "sqrt": "torch.sqrt", "sin": "torch.sin", "cos": "torch.cos"}
CALLS |= {"abs": "torch.abs", "sigmoid": "torch.sigmoid", "tanh": "torch.tanh", "silu": "F.silu"}
CALLS |= {"gelu": "F.gelu", "softplus": "F.softplus", "floor": "torch.floor", "ceil": "torch.ceil"}


def pointwise(at: Site) -> Code:
    does = cast(Pointwise, at.does)
    if does.function in CALLS:
        return call(CALLS[does.function], _operand(at, 0))
    if does.function in INFIX:
        return infix(INFIX[does.function], _operand(at, 0), _operand(at, 1))
    return SPECIAL[does.function](at)


def _operand(at: Site, place: int, *, twice: bool = False) -> Code:
    """An argument, with its axes where the result has them; named first if it is read `twice`."""
    does = cast(Pointwise, at.does)
    argument = does.arguments[place]
    if not isinstance(argument, str):
        return _scalar(at, argument)
    code = at.variable(argument) if twice else at.read(argument)
    given = at.type(argument)
    code = align(code, given.axes, at.node.type.axes, at.scope.unit.sizes)
    return _as_number(at, code, given) if given.dtype == "bool" and _counts(at) else code


def _scalar(at: Site, value: Number | Dim | bool) -> Code:
    if isinstance(value, bool):
        return atom(str(value))
    return at.size(value) if isinstance(value, Dim) else at.number(value)


def _counts(at: Site) -> bool:
    """Whether torch would refuse truth values here, or take them for something else than 0 and 1."""
    does = cast(Pointwise, at.does)
    types = [at.type(argument) for argument in does.arguments if isinstance(argument, str)]
    all_bool = all(given.dtype == "bool" for given in types)
    return does.function in ("subtract", "negative") or (does.function in ("add", "multiply", "power") and all_bool)


def _as_number(at: Site, code: Code, given: TensorType) -> Code:
    return method(code, "float" if at.node.type.dtype == "float" else "long")


def _tensor_extreme(at: Site) -> Code:
    """`min` and `max` of two: a bound where one of them is a number."""
    does = cast(Pointwise, at.does)
    kind = does.function
    numbers = [place for place, argument in enumerate(does.arguments) if not isinstance(argument, str)]
    if not numbers:
        return call(f"torch.{kind}", _operand(at, 0), _operand(at, 1))
    bound = {"max" if kind == "minimum" else "min": _operand(at, numbers[0])}
    return method(_operand(at, 1 - numbers[0]), "clamp", **bound)


def _floor_divide(at: Site) -> Code:
    """`//` has no derivative in torch, which between whole numbers it needs not."""
    if at.node.type.dtype == "int":
        return infix("//", _operand(at, 0), _operand(at, 1))
    return call("torch.floor", infix("/", _operand(at, 0), _operand(at, 1)))


def _quick_gelu(at: Site) -> Code:
    x = _operand(at, 0, twice=True)
    return infix("*", x, call("torch.sigmoid", infix("*", Code("1.702"), x)))


def _relu(at: Site) -> Code:
    x = _operand(at, 0)
    return at.runtime("relu_by_sign", x) if _made_for_a_cpu(at) else call("F.relu", x)


def _gelu_tanh(at: Site) -> Code:
    x = _operand(at, 0)
    return at.runtime("gelu_by_sigmoid", x) if _made_for_a_cpu(at) else call("F.gelu", x, approximate='"tanh"')


def _made_for_a_cpu(at: Site) -> bool:
    return at.target.fusion == "fused" and at.target.device == "cpu"


SPECIAL: Mapping[str, Callable[[Site], Code]] = {
    "identity": lambda at: _operand(at, 0),
    "negative": lambda at: prefix("-", _operand(at, 0)),
    "not": lambda at: prefix("~", _operand(at, 0)),
    "relu": _relu,
    "relu2": lambda at: method(_relu(at), "square"),
    "gelu_tanh": _gelu_tanh,
    "quick_gelu": _quick_gelu,
    "floor_divide": _floor_divide,
    "minimum": _tensor_extreme,
    "maximum": _tensor_extreme,
    "where": lambda at: call("torch.where", *(_operand(at, place) for place in range(3))),
}


def dropout(at: Site) -> Code:
    does = cast(Dropout, at.does)
    if does.p.value == 0:
        return at.read("x")
    return call("F.dropout", at.read("x"), at.number(does.p), "self.training")


LOWERINGS: Mapping[str, Lowering] = {"pointwise": pointwise, "dropout": dropout}
