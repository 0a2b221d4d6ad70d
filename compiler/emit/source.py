"""A prepared graph → the text of one Python file."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from compiler.emit.classes import Class, docstring, merge_comments, write_block, write_model
from compiler.emit.naming import class_names
from compiler.emit.places import places
from compiler.lower.custom import FOREIGN
from compiler.lower.lines import WIDTH
from compiler.lower.names import Namer, camel_case
from compiler.lower.unit import RUNTIME, Kernel, Unit
from compiler.target import Target
from graphspec import __version__
from graphspec.graph import Body, Graph


@dataclass(frozen=True)
class Emitted:
    """Generated source, the name of the model's class in it, and what computes each attention, mixture and fused loss.

    `foreign`: the functions and classes of users that it imports, by their names in it.
    """

    text: str
    model: str
    kernels: tuple[Kernel, ...]
    foreign: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


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
    code = "\n\n".join([*_named_tuple(graph.body, outputs), *(made.text() for made in (*classes, model))])
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    constants = _constants(unit, used)
    defined = "".join(f"{name} = {value}\n" for name, value in constants)
    imports = _imports(unit, used | {word for _, value in constants for word in re.findall(r"\w+", value)})
    text = "\n\n".join(part for part in (f"{imports}\n{defined}" if defined else imports, code) if part)
    foreign = {name: FOREIGN[op].does for op, name in unit.foreign.items() if name in used}
    return Emitted(f"{_header(graph, target)}\n{text}", model.name, _kernels(unit), foreign)


def _kernels(unit: Unit) -> tuple[Kernel, ...]:
    """What computes what, with the places where each stands, in the order of the model."""
    known = places(unit.graph)
    found = [
        replace(
            kernel,
            places=(*(f"{path}{kernel.node}" for path in known[body].paths), *["…"] * known[body].more),
            count=known[body].count,
        )
        for body, kernel in unit.kernels
    ]
    return tuple(dict.fromkeys(found))


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


def _imports(unit: Unit, used: Collection[str]) -> str:
    standard = ["import math\n"] * ("math" in used) + ["from typing import NamedTuple\n"] * ("NamedTuple" in used)
    torch = ["import torch\n"] * ("torch" in used) + ["import torch.nn.functional as F\n"] * ("F" in used)
    torch.append(f"from torch import Tensor{', nn' * ('nn' in used)}\n")
    torch += ["from torch.nn.attention.flex_attention import BlockMask\n"] * ("BlockMask" in used)
    runtime = sorted((name for name in RUNTIME if name in used), key=lambda name: (name.islower(), name))
    groups = [standard, torch, [_import("compiler.runtime", runtime)], _foreign_imports(unit, used)]
    return "\n".join("".join(group) for group in groups if group)


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}\n"
    if len(line) <= WIDTH + 1:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")\n"])


def _foreign_imports(unit: Unit, used: Collection[str]) -> list[str]:
    """The functions and classes that compute operators of one's own."""
    lines: set[str] = set()
    for op, name in unit.foreign.items():
        found = FOREIGN[op]
        alias = "" if name == found.name else f" as {name}"
        lines |= {f"from {found.module} import {found.name}{alias}\n"} if name in used else set()
    return sorted(lines)


def _constants(unit: Unit, used: Collection[str]) -> list[tuple[str, str]]:
    """The constants that the code uses, each after those that it is derived from."""
    done: dict[str, str] = {}

    def define(name: str) -> None:
        unit.used.clear()
        text = str(unit.definition(name))
        for other in list(unit.used):
            if other not in done:
                define(other)
        done[name] = text

    for name, constant in unit.constants.items():
        if constant in used and name not in done:
            define(name)
    return [(unit.constants[name], text) for name, text in done.items()]


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
