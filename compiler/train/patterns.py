"""Patterns that name tensors of a model: `encoder` and `layers.0` with all in them, `*.bias`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from compiler.checkpoint.accounting import fits
from compiler.train.recipe import Recipe
from graphspec.diagnostics import Report, Span, suggestion
from graphspec.graph import Graph, parameter_paths


def check(pattern: str, names: Iterable[str], place: Span | None, report: Report) -> None:
    """Report a pattern that fits nothing."""
    known = list(names)
    if not any(fits(pattern, name) for name in known):
        around = {".".join(steps[:count]) for name in known for steps in [name.split(".")] for count in range(1, 9)}
        message = f"`{pattern}` names no tensor of the model"
        report.error("unknown-tensor", message, place, help=suggestion(pattern, around, "tensors"))


def check_rules(recipe: Recipe, graph: Graph, report: Report) -> None:
    """Report rules on what learns that fit nothing, or leave nothing that learns."""
    named = {name: it.trainable for name, it in parameter_paths(graph.body)}
    for pattern in recipe.trainable:
        check(pattern, named, recipe.span(f"trainable.{pattern}"), report)
    if not any(learns(recipe.trainable, name, before) for name, before in named.items()):
        help = "let something learn: later rules win"
        report.error("nothing-learns", "no tensor of the model learns", recipe.span("trainable"), help=help)


def learns(rules: Mapping[str, bool], name: str, before: bool) -> bool:
    """What the last rule that fits a tensor says, else as `before`."""
    return next((it for pattern, it in reversed(list(rules.items())) if fits(pattern, name)), before)
