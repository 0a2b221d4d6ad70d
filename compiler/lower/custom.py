"""Operators of one's own: which PyTorch function or module computes each."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from graphspec.diagnostics import Diagnostic, SpecError
from graphspec.operators import OPERATORS, Operator, Registration
from graphspec.operators.registry import words_of

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_PLACED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)


@dataclass(frozen=True)
class Foreign:
    """A function, or a class of modules, that emitted source imports and calls by its name.

    `named`: the arguments that it takes by name; None where it takes any.
    """

    does: Callable[..., Any]
    named: frozenset[str] | None

    @property
    def module(self) -> str:
        return self.does.__module__

    @property
    def name(self) -> str:
        return self.does.__name__

    @property
    def is_class(self) -> bool:
        """Whether it holds the learned tensors itself."""
        return isinstance(self.does, type)

    def takes(self, name: str) -> bool:
        return self.named is None or name in self.named

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


FOREIGN: dict[str, Foreign] = {}
"""By the name of the operator."""


def register(operator: type[Operator], lowering: Callable[..., Any]) -> Registration:
    """Let specs use an operator of one's own, and say what computes it: a function, or a class of modules.

    A function gets the required inputs by place; optional ones, attributes and learned tensors by name. A class is made
    with the attributes by name, holds the learned tensors, and its `forward` gets the inputs. Either may name words of
    the signature, whose sizes it then gets. Raises `SpecError`: `bad-operator`, `operator-taken`, `bad-lowering`.
    """
    OPERATORS.check(operator)
    faults = [Diagnostic("bad-lowering", message, help=help) for message, help in _faults(operator, lowering)]
    if faults:
        raise SpecError(faults)
    registration = OPERATORS.register(operator)
    made = Foreign(lowering, _named(lowering))
    FOREIGN[operator.op] = made
    return Registration(lambda: _remove(operator.op, made), registration.forget)


def _remove(op: str, made: Foreign) -> None:
    if FOREIGN.get(op) is made:
        del FOREIGN[op]


# -- what is wrong with a lowering ------------------------------------------------------------------------------------


def _faults(operator: type[Operator], lowering: Any) -> Iterator[tuple[str, str]]:
    name = str(getattr(lowering, "__qualname__", lowering))
    home = sys.modules.get(getattr(lowering, "__module__", None) or "")
    if not name.isidentifier() or getattr(home, name, None) is not lowering:
        yield (
            f"emitted source cannot import `{name}`",
            "define it at the top level of a module, by a `def` or a `class`",
        )
        return
    given = _parameters(lowering)
    if given is None:
        return
    yield from _refused(operator, lowering, given)
    yield from _unmet(operator, lowering, given)


def _refused(operator: type[Operator], lowering: Any, given: dict[str, inspect.Parameter]) -> Iterator[tuple[str, str]]:
    """What the operator has, and the lowering does not take."""
    named = _named(lowering)
    for what, name in _handed(operator, lowering):
        if named is not None and name not in named:
            message = f"`{lowering.__name__}` does not take `{name}`, {what} of `{operator.op}`"
            yield message, f"give it an argument `{name}`"
    required = [port.name for port in operator.signature.inputs if not port.optional]
    places = sum(parameter.kind in _PLACED for parameter in given.values())
    if not isinstance(lowering, type) and places < len(required) and not _any_number(given):
        listed = " and ".join(f"`{port}`" for port in required)
        yield (
            f"`{lowering.__name__}` does not take the inputs {listed} by place",
            "let its first arguments be the inputs",
        )


def _unmet(operator: type[Operator], lowering: Any, given: dict[str, inspect.Parameter]) -> Iterator[tuple[str, str]]:
    """What the lowering wants, and the operator does not have."""
    required = sum(not port.optional for port in operator.signature.inputs)
    first = 0 if isinstance(lowering, type) else required
    known = {name for _, name in _handed(operator, lowering)} | words_of(operator.signature.inputs)
    for name, parameter in list(given.items())[first:]:
        wanted = parameter.kind in _NAMED and parameter.default is inspect.Parameter.empty
        if wanted and name not in known:
            message = f"`{lowering.__name__}` needs `{name}`, which `{operator.op}` does not have"
            yield message, f"declare it as an attribute or a learned tensor of `{operator.op}`, or give it a default"


def _handed(operator: type[Operator], lowering: Any) -> Iterator[tuple[str, str]]:
    """What a lowering gets by name."""
    yield from (("an attribute", attribute.name) for attribute in operator.attributes)
    if not isinstance(lowering, type):
        yield from (("a learned tensor", weight.name) for weight in operator.weights)
        yield from (("an input", port.name) for port in operator.signature.inputs if port.optional)


def _parameters(lowering: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    """Its parameters; None of what is written in C and does not say."""
    try:
        return dict(inspect.signature(lowering).parameters)
    except ValueError:
        return None


def _any_number(given: dict[str, inspect.Parameter]) -> bool:
    return any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in given.values())


def _named(lowering: Callable[..., Any]) -> frozenset[str] | None:
    given = _parameters(lowering)
    if given is None or any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in given.values()):
        return None
    return frozenset(name for name, parameter in given.items() if parameter.kind in _NAMED)
