"""Graph → readable Python source."""

from __future__ import annotations

from compiler.emit.source import Emitted, write_source
from compiler.features import resolve
from compiler.passes import run
from compiler.target import Target
from graphspec.graph import Graph

__all__ = ["Emitted", "emit", "emit_source", "write_source"]


def emit_source(graph: Graph, target: Target) -> Emitted:
    """The Python file of a model, with what is known about it. Raises `SpecError` if the objective does not fit."""
    return write_source(run(graph, target), target)


def emit(graph: Graph, target: Target | None = None) -> str:
    """The Python source of a model, exactly as `compile` runs it."""
    return emit_source(graph, resolve(target or Target())).text
