"""What readers draw as one box: rules over the steps of a body, each from flow to flow, and their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from graphspec.operators.pointwise import Pointwise
from graphspec.operators.reduce import Reduce
from graphspec.render.steps import MARKS, SUM, Flow, Read, Step, pruned, reduce_title

_SOURCES = ("embedding", "position")
_ACTIVATED = ("linear", "convolution")
_POSITIONS = " + positions"


def folded(flow: Flow) -> Flow:
    """Every rule in turn."""
    for rule in RULES:
        flow = rule(flow)
    return pruned(flow)


def join_sums(flow: Flow) -> Flow:
    """A sum of parts of one expression is one sum.

    Before: `mid~1 = x + a`, `mid = mid~1 + b`
    After:  `mid = x + a + b`
    """
    return _each(flow, _with_sums)


def merge_embeddings(flow: Flow) -> Flow:
    """A sum of nothing but embeddings and positions is one box; positions added to something else stand in the sum.

    Before: `Embedding`, `Sinusoidal position`, `+`
    After:  `Embedding + positions`
    """
    return _each(flow, _with_sources)


def merge_norms(flow: Flow) -> Flow:
    """A norm that alone reads a sum stands with it.

    Before: `+`, `Layer norm`
    After:  `Add & Norm`
    """
    return _each(flow, _with_sum)


def merge_activations(flow: Flow) -> Flow:
    """A function that alone reads a linear or a convolution stands with it.

    Before: `Linear`, `GELU`
    After:  `Linear + GELU`
    """
    return _each(flow, _with_linear)


def merge_products(flow: Flow) -> Flow:
    """A sum over an axis that alone reads a product.

    Before: `×`, `Sum over d`
    After:  `Dot product over d`
    """
    return _each(flow, _with_product)


def merge_lengths(flow: Flow) -> Flow:
    """A value divided by its own length.

    Before: `Square`, `Sum over d`, `Square root`, `÷`
    After:  `L2 norm`
    """
    return _each(flow, _with_length)


Rule = Callable[[Flow], Flow]
RULES: tuple[Rule, ...] = (
    join_sums,
    merge_embeddings,
    merge_norms,
    merge_lengths,
    merge_products,
    merge_activations,
)

# -- one step at a time -----------------------------------------------------------------------------------------------

Lone = Mapping[str, Step]
"""Steps that have exactly one reader."""


def _each(flow: Flow, change: Callable[[Step, Lone], Step]) -> Flow:
    """Change the steps in order; what a changed step has absorbed is left out."""
    readers = flow.readers()
    lone: dict[str, Step] = {}
    made: list[Step] = []
    for step in flow.steps:
        made.append(change(step, lone))
        if len(readers[step.name]) == 1:
            lone[step.name] = made[-1]
    return pruned(replace(flow, steps=tuple(made)))


def _parts(step: Step, lone: Lone, wanted: Callable[[Step], bool]) -> tuple[Step, ...]:
    """The steps that only this one reads, if they are as wanted."""
    found = (lone.get(read.ref.name) for read in step.reads)
    return tuple(part for part in found if part and wanted(part))


def _absorb(step: Step, parts: tuple[Step, ...], **changes: str) -> Step:
    """The step standing for `parts` too: it reads what they read."""
    if not parts:
        return step
    by_name = {part.name: part for part in parts}
    reads: list[Read] = []
    for read in step.reads:
        part = by_name.get(read.ref.name)
        reads.extend(part.reads if part else (read,))
    names = (*(name for part in parts for name in part.names), *step.names)
    return replace(step, reads=tuple(dict.fromkeys(reads)), names=names, **changes)


def _with_sums(step: Step, lone: Lone) -> Step:
    return (
        _absorb(step, _parts(step, lone, lambda part: part.kind == SUM and part.node.anonymous))
        if step.kind == SUM
        else step
    )


def _with_sources(step: Step, lone: Lone) -> Step:
    parts = _parts(step, lone, lambda part: part.kind in _SOURCES)
    positions = tuple(part for part in parts if part.kind == "position")
    if step.kind == "position":
        return _absorb(step, positions)
    if step.kind != SUM:
        return step
    if len(parts) == len(step.reads) > len(positions):
        return _absorb(step, parts, kind="embedding", title=step.title or _source_title(parts), mark="")
    if len(step.reads) - len(positions) == 1:
        return _absorb(step, positions, kind="position", title=step.title or "Add positions", mark="")
    return step


def _source_title(parts: tuple[Step, ...]) -> str:
    titles = [part.title.removesuffix(_POSITIONS) for part in parts if part.kind == "embedding"]
    positions = any(part.kind == "position" or part.title.endswith(_POSITIONS) for part in parts)
    return titles[0] + ("s" if len(titles) > 1 else "") + (_POSITIONS if positions else "")


def _with_sum(step: Step, lone: Lone) -> Step:
    parts = _parts(step, lone, lambda part: part.kind == SUM and part.is_mark)
    if step.kind != "norm" or len(step.reads) != 1 or not parts:
        return step
    return _absorb(step, parts, title=step.node.label or "Add & Norm", mark=parts[0].mark)


def _with_linear(step: Step, lone: Lone) -> Step:
    parts = _parts(step, lone, lambda part: part.kind in _ACTIVATED)
    does = step.node.does
    if not isinstance(does, Pointwise) or len(does.arguments) != 1 or len(step.reads) != 1 or not parts:
        return step
    function = step.title.lower() if step.title[1:].islower() else step.title
    title = step.node.label or f"{parts[0].title} + {function}"
    return _absorb(step, parts, kind=parts[0].kind, title=title)


def _with_product(step: Step, lone: Lone) -> Step:
    parts = _parts(step, lone, lambda part: part.mark == MARKS["multiply"] and part.is_mark and len(part.reads) == 2)
    does = step.node.does
    if not parts or not isinstance(does, Reduce) or not _is_sum(step) or step.title != reduce_title(does):
        return step
    return _absorb(step, parts, title=reduce_title(does, "dot product"))


def _with_length(step: Step, lone: Lone) -> Step:
    if step.mark != MARKS["divide"] or not step.is_mark or len(step.reads) != 2:
        return step
    whole, length = step.reads
    chain: list[Step] = []
    for wanted in (_is_root, _is_sum, _is_square):
        part = lone.get(length.ref.name)
        if part is None or len(part.reads) != 1 or not wanted(part):
            return step
        chain.append(part)
        (length,) = part.reads
    if length.ref != whole.ref:
        return step
    names = (*(name for part in reversed(chain) for name in part.names), *step.names)
    return replace(step, kind="norm", title="L2 norm", mark="", reads=(whole,), names=names)


def _is_sum(step: Step) -> bool:
    return isinstance(step.node.does, Reduce) and step.node.does.kind == "sum" and not step.node.does.cumulative


def _is_root(step: Step) -> bool:
    return isinstance(step.node.does, Pointwise) and step.node.does.function == "sqrt"


def _is_square(step: Step) -> bool:
    does = step.node.does
    return isinstance(does, Pointwise) and does.function == "power" and str(does.arguments[1]) == "2"
