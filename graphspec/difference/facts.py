"""What a spec says beside its nodes and contracts, before and after: sizes, axes, inputs, outputs, initial values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from graphspec.diagnostics import Span
from graphspec.difference.bodies import Comparison
from graphspec.difference.symbols import Renamer
from graphspec.graph import AxisInfo, Graph, Input, Setting

FactStatus = Literal["removed", "added", "changed", "renamed"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something with a name that is stated in one spec or both, in words; `was`: its earlier name, if it had another.

    `follows`: it is computed as before, and has another value because of others.
    """

    status: FactStatus
    name: str
    before: str = ""
    after: str = ""
    was: str = ""
    follows: bool = False
    before_at: Span | None = None
    after_at: Span | None = None


def settings(comparison: Comparison) -> tuple[Fact, ...]:
    """Parameters that came, went, or have another value, expression or name."""
    rename = Renamer(comparison.symbols)

    def stated(graph: Graph, mapped: Renamer) -> Iterator[_Stated]:
        for setting in graph.settings:
            formula = mapped.text(setting.text) if setting.derived else ""
            meaning = f"{formula} = {type(setting.value).__name__} {setting.value}"
            yield _Stated(mapped.text(setting.name), setting.name, meaning, _setting(setting), setting.span, formula)

    return tuple(_facts(stated(comparison.before, rename), stated(comparison.after, Renamer({}))))


def _setting(setting: Setting) -> str:
    value = setting.value
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value) if setting.derived else setting.text


def axes(comparison: Comparison) -> tuple[Fact, ...]:
    """Axes that came, went, or have another role, size or name."""
    rename = Renamer(comparison.symbols)

    def stated(graph: Graph, mapped: Renamer) -> Iterator[_Stated]:
        for axis in graph.axes:
            name = mapped.text(axis.name)
            yield _Stated(name, axis.name, _axis(axis, mapped), _axis(axis, Renamer({})), axis.span)

    return tuple(_facts(stated(comparison.before, rename), stated(comparison.after, Renamer({}))))


def _axis(axis: AxisInfo, mapped: Renamer) -> str:
    return axis.role if axis.size is None else f"{axis.role} of size {mapped(axis.size)}"


def inputs(comparison: Comparison) -> tuple[Fact, ...]:
    """Inputs that came, went, or have another type, default or name."""
    names, rename = comparison.names, Renamer(comparison.symbols)

    def stated(graph: Graph, mapped: Renamer) -> Iterator[_Stated]:
        for source in graph.body.inputs:
            name = names.get(source.name, source.name) if graph is comparison.before else source.name
            yield _Stated(name, source.name, _input(source, mapped), _input(source, Renamer({})), source.span)

    return tuple(_facts(stated(comparison.before, rename), stated(comparison.after, Renamer({}))))


def _input(source: Input, mapped: Renamer) -> str:
    default = str(source.default).lower() if isinstance(source.default, bool) else source.default
    below = "" if source.below is None else f", below {mapped(source.below)}"
    return f"{mapped.text(str(source.type))}{'' if default is None else f' = {default}'}{below}"


def outputs(comparison: Comparison) -> tuple[Fact, ...]:
    """Outputs that came, went, or have another type; from where they come is a change of the model's body."""
    rename = Renamer(comparison.symbols)

    def stated(graph: Graph, mapped: Renamer) -> Iterator[_Stated]:
        for name, ref in graph.body.outputs:
            text = str(graph.body.type_of(ref))
            yield _Stated(name, name, mapped.text(text), text)

    return tuple(_facts(stated(comparison.before, rename), stated(comparison.after, Renamer({}))))


def starts(comparison: Comparison) -> tuple[Fact, ...]:
    """Rules of `init` that came, went or are others, by their patterns."""

    def stated(graph: Graph) -> Iterator[_Stated]:
        for rule in graph.init:
            yield _Stated(rule.pattern, rule.pattern, str(rule.init), str(rule.init), rule.span)

    return tuple(_facts(stated(comparison.before), stated(comparison.after)))


# -- two lists --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stated:
    """One fact of one spec: its name and meaning in the later names, its own name, and how it is told."""

    name: str
    own: str
    meaning: str
    said: str
    span: Span | None = None
    formula: str = ""


def _facts(before: Iterable[_Stated], after: Iterable[_Stated]) -> Iterator[Fact]:
    known = {old.name: old for old in before}
    for new in after:
        old = known.pop(new.name, None)
        if old is None:
            yield Fact("added", new.own, after=_told(new), after_at=new.span)
        elif old.meaning != new.meaning:
            follows = bool(new.formula) and old.formula == new.formula
            told = (old.said, new.said) if follows else (_told(old), _told(new))
            yield Fact("changed", new.own, *told, _was(old, new), follows, old.span, new.span)
        elif old.own != new.own:
            yield Fact("renamed", new.own, was=old.own, before_at=old.span, after_at=new.span)
    for old in known.values():
        yield Fact("removed", old.own, before=_told(old), before_at=old.span)


def _told(stated: _Stated) -> str:
    return f"{stated.said} ({stated.formula})" if stated.formula else stated.said


def _was(old: _Stated, new: _Stated) -> str:
    return old.own if old.own != new.own else ""
