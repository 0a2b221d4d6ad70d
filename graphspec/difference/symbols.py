"""Parameters and axes that have another name now, and the values of a graph under the later names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from graphspec.axes import Dim, Number, TensorType
from graphspec.graph import Body, Graph, Node
from graphspec.operators import Operator
from graphspec.operators.pattern import Pattern

Names = Mapping[str, str]
_WORD = re.compile(r"(?<!\w)[^\W\d]\w*")


def renamed_symbols(before: Graph, after: Graph, pairs: Iterator[tuple[Body, Body, Names]]) -> Names:
    """The symbols of the earlier graph that the later one calls otherwise: those that stand where others stood.

    `pairs` are matched bodies, with the names of what is matched in them.
    """
    old, new = _symbols(before), _symbols(after)
    gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
    if not gone or not come:
        return {}
    votes = Counter[tuple[str, str]]()
    for left, right in _standing(before, after, pairs):
        if left in gone and right in come and old[left] == new[right]:
            votes[left, right] += 1
    found: dict[str, str] = {}
    for (left, right), _ in votes.most_common():
        if left not in found and right not in found.values():
            found[left] = right
    return found


def _symbols(graph: Graph) -> dict[str, str]:
    """Every symbol with its sort: only symbols of one sort stand in for each other."""
    settings = {s.name: "number" if isinstance(s.value, int | float) else "word" for s in graph.settings}
    return settings | {axis.name: axis.role for axis in graph.axes}


def _standing(before: Graph, after: Graph, pairs: Iterator[tuple[Body, Body, Names]]) -> Iterator[tuple[str, str]]:
    """Symbols that stand alone in one place: in an attribute, an axis of an input, the text of a parameter."""
    texts = {s.name: s.text for s in after.settings}
    for setting in before.settings:
        yield from _aligned_text(setting.text, texts.get(setting.name, ""))
    for left, right, names in pairs:
        others = {source.name: source for source in right.inputs}
        for source in left.inputs:
            other = others.get(names.get(source.name, ""))
            if other is not None and len(source.type.axes) == len(other.type.axes):
                for a, b in zip(source.type.sizes, other.type.sizes, strict=True):
                    yield from _aligned(a, b)
        for node in left.nodes:
            name = names.get(node.name, "")
            if right.has_node(name):
                yield from _between(node, right.node(name))


def _between(left: Node, right: Node) -> Iterator[tuple[str, str]]:
    if isinstance(left.does, Operator) and type(left.does) is type(right.does):
        for field in fields(left.does):  # pyright: ignore[reportArgumentType]
            yield from _aligned(getattr(left.does, field.name), getattr(right.does, field.name))
    elif hasattr(left.does, "times") and hasattr(right.does, "times"):
        yield from _aligned(left.does.times, right.does.times)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]


def _aligned(left: Any, right: Any) -> Iterator[tuple[str, str]]:
    """Pairs of symbols at the same places of two values of one form."""
    match left, right:
        case (Dim(), Dim()) | (Number(), Number()):
            yield from _aligned_text(str(left), str(right))
        case (tuple(), tuple()) if len(left) == len(right):  # pyright: ignore[reportUnknownArgumentType]
            for a, b in zip(left, right, strict=True):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
                yield from _aligned(a, b)
        case _ if is_dataclass(left) and type(left) is type(right):
            for field in fields(left):
                yield from _aligned(getattr(left, field.name), getattr(right, field.name))
        case _:
            pass


def _aligned_text(left: str, right: str) -> Iterator[tuple[str, str]]:
    if _WORD.sub("#", left) == _WORD.sub("#", right):
        yield from zip(_WORD.findall(left), _WORD.findall(right), strict=True)


# -- under other names ------------------------------------------------------------------------------------------------


class Renamer:
    """Puts the later names of parameters and axes into values."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._dims = {old: Dim.symbol(new) for old, new in names.items()}

    def __call__(self, value: Any) -> Any:
        if not self.names:
            return value
        match value:
            case Dim():
                return value.substitute(self._dims)
            case Number():
                return replace(value, text=self.text(value.text))
            case tuple():
                return tuple(self(part) for part in value)  # pyright: ignore[reportUnknownVariableType]
            case Pattern():
                return replace(value, before=self(value.before))
            case TensorType() | None | str() | bool() | int() | float():
                return value
            case _ if is_dataclass(value) and not isinstance(value, type):
                return replace(value, **{f.name: self(getattr(value, f.name)) for f in fields(value)})
            case _:
                return value

    def text(self, text: str) -> str:
        return _WORD.sub(lambda word: self.names.get(word[0], word[0]), text)
