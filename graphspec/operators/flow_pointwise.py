"""The flow rule of functions of single elements, broadcast by axis name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphspec.axes import Dim, Number
from graphspec.flow import NO_FACTS, Facts, Guard, Marks, Piece, Relation
from graphspec.operators.flow_mixing import kept
from graphspec.operators.flow_rules import Effect, Hop, Pairs, Size, Use
from graphspec.operators.told import Read, Told

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

        def hop(port: str, own: list[int | None]) -> Hop:
            axes = _guarded(use.axes(port, own), own, _conditions(function, arguments, port, known))
            pairs = tuple(_picked(use, _switches(use, function, arguments, port), own, output))
            return Hop(port, axes, pairs, weighs=function == "multiply" and _is_switch(use, port))

        hops = tuple(hop(port, own) for port, own in places.items())
        sizes = [argument for argument in arguments if isinstance(argument, Dim)]
        return Effect(hops, Marks(lengths=use.lengths(*sizes)), _result(function, arguments, known))


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


def _switches(use: Use, function: str, arguments: Sequence[Argument], port: str) -> dict[str, bool]:
    """The truth values by which an operand is read or not, and what each has to be."""
    if arguments.count(port) != 1:
        return {}
    if function in ("multiply", "and"):
        return {other: True for other in use.inputs if other != port and _is_truth(use, other)}
    condition = arguments[0]
    if function == "where" and isinstance(condition, str) and condition != port:
        return {condition: port == arguments[1]}
    return {}


def _is_truth(use: Use, port: str) -> bool:
    return use.inputs[port].dtype == "bool"


def _is_switch(use: Use, port: str) -> bool:
    """Whether an operand only says whether the others count."""
    return _is_truth(use, port) and not all(_is_truth(use, other) for other in use.inputs)


def _picked(
    use: Use, switches: Mapping[str, bool], places: Sequence[int | None], output: int
) -> Iterator[tuple[int, Pairs]]:
    """By the axes of an operand that lie along those of its switches: where all of these are as they have to be."""
    found: dict[int, dict[Read, bool]] = {}
    for port, wanted in switches.items():
        for axis, place in enumerate(places_in(use, port, output)):
            if place is not None and place in places:
                facts = frozenset(fact for fact in use.facts.get(port, NO_FACTS) if fact.axis == axis)
                found.setdefault(place, {})[Read(port, axis, facts)] = wanted
    for place, reads in found.items():
        yield places.index(place), Picked(place, tuple(reads), tuple(reads.values()))


@dataclass(frozen=True, slots=True)
class Picked:
    """The reader's own place, where truth values are as wanted."""

    reader: int
    known: tuple[Read, ...]
    wanted: tuple[bool, ...]

    def matrix(self, readers: int, places: int, size: Size, told: Told) -> Any:
        import numpy as np

        found = np.eye(readers, places, dtype=bool)
        for read, wanted in zip(self.known, self.wanted, strict=True):
            truth = told.keys(read, readers, size) if wanted else ~told.keys(read, readers, size)
            found &= (truth.sure if told.exact else truth.may)[:, None]
        return found


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
