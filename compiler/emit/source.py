"""A prepared graph → the text of one Python file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compiler.emit.classes import Class, docstring, merge_comments, write_block, write_model
from compiler.emit.naming import class_names
from compiler.lower.names import Namer, camel_case
from compiler.lower.unit import RUNTIME, Kernel, Unit
from compiler.target import Target
from graphspec import __version__
from graphspec.graph import Body, Graph


@dataclass(frozen=True)
class Emitted:
    """Generated source, the name of the model's class in it, and what computes each attention."""

    text: str
    model: str
    kernels: tuple[Kernel, ...]


def write_source(graph: Graph, target: Target) -> Emitted:
    """The file for a graph that went through the passes."""
    blocks = [body for body in graph.bodies() if body is not graph.body]
    groups = _equal_code(graph, target, blocks)
    unit = Unit(graph, target, class_names(graph, groups))
    classes: list[Class] = []
    for kind in dict.fromkeys(groups.values()):
        classes.append(merge_comments([write_block(unit, body) for body in blocks if groups[body] is kind]))
    outputs = _output_class(unit, graph.body)
    model = write_model(unit, graph.body, outputs)
    parts = [*_named_tuple(graph.body, outputs), *(made.text() for made in (*classes, model))]
    constants = "".join(f"{name} = {value}\n" for name, value in _constants(unit))
    text = "\n\n".join(part for part in (constants, *parts) if part)
    kernels = tuple(dict.fromkeys(unit.kernels))
    return Emitted(f"{_header(graph, target)}\n{_imports(text, unit)}\n{text}", model.name, kernels)


def _equal_code(graph: Graph, target: Target, blocks: list[Body]) -> dict[Body, Body]:
    """For each block the first one whose class has the same code, inner ones being compared first."""
    names = {body: f"Block{at}_" for at, body in enumerate(blocks)}
    unit = Unit(graph, target, names)
    groups: dict[Body, Body] = {}
    known: dict[object, Body] = {}
    for body in blocks:
        made = write_block(unit, body)
        groups[body] = known.setdefault((body.block, made.same_code()), body)
        names[body] = names[groups[body]]
    return groups


# -- the parts of the file --------------------------------------------------------------------------------------------


def _header(graph: Graph, target: Target) -> str:
    axes = ", ".join(f"{axis.name} {axis.role}" for axis in graph.axes)
    about = f"Compiled from the spec `{graph.name}` by graphspec {__version__} for `{target}`."
    legend = f"\n\nShapes are noted behind the lines; axes: {axes}." if axes else ""
    title = (graph.title or graph.name).rstrip(".")
    return "\n".join(docstring(f"{title}.\n\n{about}{legend}", 0)) + "\n"


def _imports(text: str, unit: Unit) -> str:
    def used(pattern: str) -> bool:
        return re.search(pattern, text) is not None

    standard = ["import math\n"] * used(r"\bmath\.") + ["from typing import NamedTuple\n"] * used(r"\(NamedTuple\)")
    torch = ["import torch\n"] * used(r"\btorch\.") + ["import torch.nn.functional as F\n"] * used(r"\bF\.")
    modules = ", nn" if used(r"\bnn\.") else ""
    torch.append(f"from torch import Tensor{modules}\n")
    runtime = f"from compiler.runtime import {', '.join(sorted({'Model', *unit.runtime}, key=_isort))}\n"
    groups = ["".join(group) for group in (standard, torch) if group]
    return "\n".join([*groups, runtime])


def _isort(name: str) -> tuple[bool, str]:
    return (not name[0].isupper(), name)


def _constants(unit: Unit) -> Iterator[tuple[str, str]]:
    """The constants that the code uses, each after those that it is derived from."""
    done: dict[str, str] = {}

    def define(name: str) -> None:
        before = dict(unit.used)
        unit.used.clear()
        text = str(unit.definition(name))
        needed = list(unit.used)
        unit.used = before
        for other in needed:
            if other not in done:
                define(other)
        done[name] = text

    ordered = [name for name in unit.constants if name in unit.used]
    for name in ordered:
        if name not in done:
            define(name)
    return ((unit.constants[name], text) for name, text in done.items())


def _output_class(unit: Unit, body: Body) -> str:
    """The name of the class of all outputs, if there are several."""
    if len(body.outputs) == 1:
        return ""
    return Namer((*RUNTIME, *unit.classes.values())).take(f"{camel_case(unit.graph.name)}Output")


def _named_tuple(body: Body, name: str) -> list[str]:
    if not name:
        return []
    names = Namer()
    fields = [
        f"    {names.take(name.lstrip('_') or 'output')}: Tensor  # {body.type_of(ref)}\n" for name, ref in body.outputs
    ]
    return [f"class {name}(NamedTuple):\n{''.join(fields)}"]
