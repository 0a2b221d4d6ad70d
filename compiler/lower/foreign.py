"""How a function or a module that is not ours is called: by its name, with what the operator has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from compiler.lower.code import Code, atom, call, tuple_of
from compiler.lower.custom import FOREIGN, Foreign
from compiler.lower.site import Site
from graphspec.axes import Dim, Number
from graphspec.diagnostics import Diagnostic, SpecError
from graphspec.operators import Mismatch, Operator
from graphspec.operators.registry import words_of
from graphspec.operators.shape import find_axis
from graphspec.operators.signature import match


def foreign(at: Site) -> Code | tuple[Code, ...]:
    """An operator of one's own."""
    does = at.does
    assert isinstance(does, Operator)
    lowering = FOREIGN[does.op]
    named = dict(_attributes(at, does)) | dict(_sizes(at, does, lowering))
    inputs = [at.read(port.name) for port in does.signature.inputs if not port.optional]
    optional = {p.name: at.read(p.name) for p in does.signature.inputs if p.optional and at.has(p.name)}
    name = at.scope.unit.foreign[does.op]
    if lowering.is_class:
        _refuse_tied(at, lowering)
        made = call(str(at.module(name, **named)), *inputs, **optional)
    else:
        made = call(name, *inputs, **optional, **named, **at.tensors())
    return _outputs(at, made)


def _outputs(at: Site, made: Code) -> Code | tuple[Code, ...]:
    """One value, or the parts of a tuple that has a name."""
    if len(at.node.outputs) == 1:
        return made
    whole = at.scope.say(f"{at.node.name}_outputs", made)
    return tuple(atom(f"{whole}[{place}]") for place in range(len(at.node.outputs)))


def _refuse_tied(at: Site, lowering: Foreign) -> None:
    if any(parameter.tied for parameter in at.node.parameters):
        message = f"`{at.node.name}` shares a tensor, but `{lowering}` holds its own"
        help = "register a function, which gets learned tensors as arguments"
        raise SpecError([Diagnostic("bad-lowering", message, at.node.span, help=help)])


def _attributes(at: Site, does: Operator) -> Iterator[tuple[str, Code]]:
    for attribute in does.attributes:
        yield attribute.name, _value(at, attribute.name, getattr(does, attribute.name))


def _value(at: Site, name: str, value: Any) -> Code:
    """An attribute as Python: sizes and numbers as they are said, axes by their places from the last."""
    match value:
        case Dim():
            return at.size(value)
        case Number():
            return at.number(value)
        case tuple():
            return tuple_of(*(str(_place(at, name, axis)) for axis in value), alone=True)
        case str():
            return Code(json.dumps(value, ensure_ascii=False))
        case _:
            return Code(str(value))


def _place(at: Site, name: str, axis: Dim) -> int:
    first = at.node.inputs[0][0]
    given = at.type(first)
    try:
        return find_axis(given, axis, at.scope.unit.sizes, name) - len(given.axes)
    except Mismatch as error:
        raise SpecError([Diagnostic(error.code, error.message, at.node.span, help=error.help)]) from error


def _sizes(at: Site, does: Operator, lowering: Foreign) -> Iterator[tuple[str, Code]]:
    """What the words of the signature stand for, where the lowering asks by name."""
    asked = [word for word in sorted(words_of(does.signature.inputs)) if lowering.named and word in lowering.named]
    wanted = set(asked) - {a.name for a in does.attributes} - {w.name for w in does.weights}
    if not wanted:
        return
    types = {port: at.type(port) for port, _ in at.node.inputs}
    bound = match(does, types, at.scope.unit.sizes)
    for word in sorted(wanted):
        size = bound.size(word)
        assert size is not None, f"{word} is bound by the inputs"
        yield word, at.size(size)
