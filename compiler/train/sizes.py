"""Sizes of the model that follow from the data: how many tokens and labels there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from compiler.train.corpus import Vocabularies
from compiler.train.recipe import Recipe
from compiler.train.tasks import Task, numbered
from compiler.train.vocabulary import Labels, Vocabulary
from graphspec.axes import Dim
from graphspec.diagnostics import Note, Report
from graphspec.graph import Graph
from graphspec.operators.position import LearnedPosition

AUTOMATIC = ("vocabulary", "labels")
"""What a recipe may write for a size that the data decides: `set: {vocab: vocabulary}`."""


def longest(graph: Graph) -> int | None:
    """How many positions the model has rows for; None if any number will do."""
    found = (
        node.does.size.value(graph.sizes)
        for body in graph.bodies()
        for node in body.nodes
        if isinstance(node.does, LearnedPosition)
    )
    return min((it for it in found if it is not None), default=None)


@dataclass(frozen=True)
class Fitted:
    """Overrides that fit the model to its data, and a sentence about each."""

    overrides: dict[str, str]
    said: tuple[str, ...]


def given(recipe: Recipe) -> dict[str, str]:
    """The overrides that the recipe decides itself."""
    return {name: value for name, value in recipe.set.items() if value not in AUTOMATIC}


def fit(
    graph: Graph,
    task: Task,
    vocabularies: Vocabularies,
    recipe: Recipe,
    report: Report,
    carried: Collection[str] = (),
) -> Fitted:
    """Set the parameters that bound inputs and choices, unless the recipe sets them; report those too small.

    Sizes that are `carried` over with weights stay as they are.
    """
    fixed, overrides, said = {*given(recipe), *carried}, dict[str, str](), list[str]()
    for name, size in numbered(task).items():
        known = vocabularies[name]
        if name not in fixed and _settable(graph, size):
            overrides[name] = str(known.size)
            said.append(f"{name} = {known.size}: {_told(known)}")
        else:
            _check(graph, size, known, recipe, report)
    _check_names(recipe, overrides, report)
    return Fitted(overrides, tuple(said))


def _settable(graph: Graph, size: Dim) -> bool:
    return any(it.name == str(size) and not it.derived for it in graph.settings)


def _told(known: Vocabulary | Labels) -> str:
    if isinstance(known, Labels):
        return f"the labels of {known.origin}"
    return known.told


def _check(graph: Graph, size: Dim, known: Vocabulary | Labels, recipe: Recipe, report: Report) -> None:
    value = size.value(graph.sizes)
    if value is not None and value < known.size:
        message = f"`{size}` is {value}, but the data needs {known.size}: {_told(known)}"
        help = f"leave `{size}` to the data, or set it to at least {known.size}"
        report.error("vocabulary-too-small", message, recipe.span(f"set.{size}") or recipe.span("spec"), help=help)


def _check_names(recipe: Recipe, overrides: dict[str, str], report: Report) -> None:
    for name, value in recipe.set.items():
        if value in AUTOMATIC and name not in overrides:
            known = ", ".join(f"`{it}`" for it in overrides) or "none"
            notes = [Note(f"sizes that the data decides: {known}")]
            place = recipe.span(f"set.{name}")
            message = f"the data does not decide `{name}`"
            report.error("no-such-size", message, place, notes=notes, help="give it a number")
