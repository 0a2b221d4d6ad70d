"""The flow rule of functions of single elements, broadcast by axis name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from graphspec.axes import Dim, Number
from graphspec.flow import NO_FACTS, Facts, Guard, Marks, Piece, Relation
from graphspec.operators.flow_mixing import kept
from graphspec.operators.flow_rules import Effect, Hop, Use

Argument = str | Number | Dim | bool
Known = Callable[[Argument], Facts]

KEEP_ZERO = frozenset(
    ("abs", "floor", "ceil", "sqrt", "sin", "tanh", "relu", "relu2", "gelu", "gelu_tanh", "quick_gelu", "silu")
)
"""Functions that are 0 at 0."""


@dataclass(frozen=True, slots=True)
class Elementwise:
    """Every entry from the same place of each operand; one that lacks an axis is the same along it.

    A product reads an operand only where the others are not zero, `where` only where its condition picks it; zero times
    anything reads nothing.
    """

    def effect(self, use: Use, output: int) -> Effect:
        function, arguments = str(use.get("function")), tuple[Argument, ...](use.get("arguments"))
        if function == "multiply" and any(map(_is_zero, arguments)):
            return Effect()
        places = {port: places_in(use, port, output) for port in use.inputs}
        facts = {port: use.carried(port, own) for port, own in places.items()}

        def known(argument: Argument) -> Facts:
            return facts[argument] if isinstance(argument, str) else NO_FACTS

        hops = [
            Hop(port, _guarded(use.axes(port, own), own, _conditions(function, arguments, port, known)))
            for port, own in places.items()
        ]
        sizes = [argument for argument in arguments if isinstance(argument, Dim)]
        return Effect(tuple(hops), Marks(lengths=use.lengths(*sizes)), _result(function, arguments, known))


def places_in(use: Use, port: str, output: int) -> list[int | None]:
    """For each axis of an operand, the place of the output's axis that it is matched with by name."""
    from graphspec.operators.pointwise import aligned

    given = use.inputs[port].axes
    matched = aligned(given, use.outputs[output].axes, use.sizes)
    return [matched.index(at) if at in matched else None for at in range(len(given))]


def _conditions(function: str, arguments: Sequence[Argument], port: str, known: Known) -> Facts:
    """What is real wherever the operand is read at all. An operand that comes twice is read either way."""
    if arguments.count(port) != 1:
        return NO_FACTS
    if function in ("multiply", "and"):
        return _all(known(other) for other in arguments if other != port)
    return known(arguments[0]) if function == "where" and port == arguments[1] else NO_FACTS


def _guarded(axes: Sequence[Relation], places: Sequence[int | None], conditions: Facts) -> tuple[Relation, ...]:
    guards: Mapping[int, frozenset[Guard]] = {
        place: frozenset(Guard(f.tensor, f.offset) for f in conditions if f.kind == "real" and f.axis == place)
        for place in places
        if place is not None
    }
    return tuple(
        relation if place is None else tuple(_with(item, guards[place]) for item in relation)
        for relation, place in zip(axes, places, strict=True)
    )


def _with(item: Piece, guards: frozenset[Guard]) -> Piece:
    return replace(item, guards=guards)


def _result(function: str, arguments: Sequence[Argument], known: Known) -> Facts:
    """Where the result is not zero, given where the operands are not."""
    facts = [kept(known(argument), "zeros") for argument in arguments]
    match function:
        case "identity":
            return known(arguments[0])
        case "multiply" | "and":
            return _all(facts)
        case "divide" | "floor_divide" | "remainder":
            return facts[0]
        case "add" | "subtract" | "or" | "minimum" | "maximum":
            return _shared(facts)
        case "where":
            picked = facts[0] | facts[1]
            return picked if _is_zero(arguments[2]) else _shared([picked, facts[2]])
        case _:
            return facts[0] if function in KEEP_ZERO else NO_FACTS


def _all(facts: Iterable[Facts]) -> Facts:
    return NO_FACTS.union(*facts)


def _shared(facts: Sequence[Facts]) -> Facts:
    return facts[0].intersection(*facts[1:])


def _is_zero(argument: Argument) -> bool:
    value = argument.value if isinstance(argument, Number) else argument.constant if isinstance(argument, Dim) else None
    return value == 0
