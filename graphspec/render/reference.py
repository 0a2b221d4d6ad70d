"""The reference: every operator, function, mask, start, contract and block, written from their declarations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from graphspec import masks
from graphspec.analysis.contracts.kinds import KINDS as CONTRACTS
from graphspec.axes import dim
from graphspec.elaborate.scalars import SCALAR_FUNCTIONS
from graphspec.operators import INITIALISERS
from graphspec.operators.pointwise import FUNCTIONS
from graphspec.operators.reduce import CUMULATIVE, REDUCTIONS
from graphspec.render.entries import Entry, Part, block_entries, entries, operator_entries, paragraphs
from graphspec.render.examples import AXES, PARAMETERS, spec_text
from graphspec.render.outcomes import outcome

COMMAND = "make docs"

FAMILIES: Mapping[str, str] = {
    "linear": "Products and free tensors",
    "embedding": "Look-up",
    "convolution": "Convolution and pooling",
    "attention": "Attention",
    "shape": "Moving, cutting and joining",
    "norm": "Norms",
    "position": "Positions",
    "pointwise": "Dropout",
    "reduce": "Reductions and softmax",
    "scan": "Recurrences",
    "experts": "Choice and experts",
}

_INTRO = f"""\
# Reference

Every operator and every block of the standard library, as they are declared: `{COMMAND}` writes this page,
`graphspec docs NAME` prints one of them. How a file is laid out is in [language.md](language.md), a whole model step by
step in [guide.md](guide.md), how to add operators in [operators.md](operators.md).

**Reading an entry.** `... n` are any leading axes and a last one of size `n`; the words of inputs are bound by what is
given and mean the same at the outputs. Numbers are floating-point unless `int`, `bool` or `any` stands before the axes.
In a node `in` fills the first input, or all in order as a list; other inputs and the attributes stand under their
names: `{{op: gather, in: x, at: last, axis: T}}`. *Flow* says what an output reads: contracts are proved from it. Under
an example stands what comes out: the type of each node, what it learns, its operations in one forward pass.

The examples are the `inputs` and `nodes` of specs with these parameters and axes:
"""

_LIBRARY = """\
## The standard library

Blocks written in the language, in `graphspec/std/`. At a node their parameters and other inputs stand under their
names, and `repeat` stacks them.
"""

_FUNCTIONS = """\
`relu2` is `relu(x) ** 2`, `quick_gelu` is `x * sigmoid(1.702 * x)`. A name alone is a parameter of kind `function`:
`activation: gelu`.
"""


# -- the page ---------------------------------------------------------------------------------------------------------


def page() -> str:
    """docs/reference.md."""
    return "\n".join(_page()).rstrip() + "\n"


def _page() -> Iterator[str]:
    operators, blocks = operator_entries(), block_entries()
    yield _INTRO
    yield from _fenced(_frame())
    yield "## All of them"
    yield ""
    yield from _table(("name", "what it does"), [(f"[`{e.name}`](#{_anchor(e)})", e.line) for e in operators + blocks])
    yield from _operators(operators)
    yield from _functions()
    yield from _masks()
    yield from _starts()
    yield from _contracts()
    yield _LIBRARY
    for entry in blocks:
        yield entry_text(entry)


def _operators(found: Sequence[Entry]) -> Iterator[str]:
    family = ""
    for entry in found:
        if entry.family != family:
            family = entry.family
            yield f"## {FAMILIES.get(family, family.capitalize())}\n"
        yield entry_text(entry)


def _frame() -> str:
    params = ", ".join(f"{name}: {value}" for name, value in PARAMETERS.items())
    axes = ", ".join(f"{name}: {role}" for name, role in AXES.items())
    return f"graphspec: 1\nname: example\nparams: {{{params}}}\naxes: {{{axes}}}"


def _anchor(entry: Entry) -> str:
    return entry.name.replace(".", "")


# -- one entry --------------------------------------------------------------------------------------------------------


def entry_text(entry: Entry) -> str:
    """One operator or block, as Markdown."""
    return "\n".join(_entry(entry))


def _entry(entry: Entry) -> Iterator[str]:
    yield f"### `{entry.name}`\n"
    for text in (entry.about, *entry.details):
        yield _wrapped(text)
    rows = [(part.role, f"`{part.name}`" if part.name else "", _type(part), part.note) for part in entry.parts]
    yield from _table(("", "name", "what", ""), rows) if rows else ()
    if entry.records:
        yield from _table(("written", "meaning"), [(f"`{written}`", meaning) for written, meaning in entry.records])
    for title, text in (("Flow", entry.flow), ("Source", entry.source)):
        if text:
            yield _wrapped(f"*{title}.* {text}")
    if entry.example:
        yield from _fenced("\n".join([entry.example, *(f"# {line}" for line in outcome(entry.example))]))
    if entry.yaml:
        yield "It is this block:\n"
        yield from _fenced(entry.yaml)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def _type(part: Part) -> str:
    return part.type if part.role == "attribute" or not part.type else f"`{part.type}`"


def _fenced(text: str) -> Iterator[str]:
    yield f"```yaml\n{text}\n```\n"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


# -- what is no operator ----------------------------------------------------------------------------------------------


def _functions() -> Iterator[str]:
    yield "## Functions in expressions\n"
    rows = [
        ("of tensors, element by element", [*FUNCTIONS, "min", "max", "where(condition, x, y)"]),
        ("along a named axis, which disappears: `mean(x, T)`", list(REDUCTIONS)),
        ("along a named axis, which stays: `cumsum(x, T)`", [*CUMULATIVE, "softmax"]),
        ("in training alone", ["dropout(x, p)"]),
        ("of sizes and numbers", list(SCALAR_FUNCTIONS)),
    ]
    yield from _table(("", "functions"), [(what, " ".join(f"`{name}`" for name in names)) for what, names in rows])
    yield _FUNCTIONS


def _masks() -> Iterator[str]:
    yield "## Masks\n"
    yield "Which keys a query may see. `&`, `|` and `~` combine masks, `a if c else b` chooses one.\n"
    size = dim("size")
    known = [
        masks.Everything(),
        masks.Causal(),
        masks.Window(dim("left"), dim("right")),
        masks.Chunk(size),
        masks.Prefix(size),
        masks.Dilated(dim("step")),
        masks.Documents("ids"),
        masks.Adjacency("tensor"),
        masks.Keys("tensor"),
    ]
    yield from _table(("mask", "meaning"), [(f"`{mask}`", " ".join(paragraphs(type(mask)))) for mask in known])


def _starts() -> Iterator[str]:
    yield "## How tensors start\n"
    yield "`init: normal(0.02)` at a node, or rules by name in the section `init`.\n"
    rows = [(f"`{name}`", about) for name, about in INITIALISERS.items()]
    yield from _table(("name", "meaning"), rows)


def _contracts() -> Iterator[str]:
    yield "## Contracts\n"
    yield "What each promises exactly is in [contracts.md](contracts.md).\n"
    rows = [
        (f"`{name}`", kind.promise or "the cost is within the bound", _arguments(kind.arguments, kind.needed))
        for name, kind in CONTRACTS.items()
    ]
    yield from _table(("contract", "holds where", "arguments"), rows)


def _arguments(known: Mapping[str, str], needed: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" + (" (required)" if name in needed else "") for name in known)


# -- for the command --------------------------------------------------------------------------------------------------


def listing() -> str:
    """All names with a line each."""
    found = entries()
    width = max(len(entry.name) for entry in found)
    return "\n".join(f"{entry.name:<{width}}  {entry.line}" for entry in found)


def as_dict(entry: Entry) -> dict[str, Any]:
    """An entry as plain data, with its example as a whole spec."""
    return {**asdict(entry), "line": entry.line, "example": spec_text(entry.example) if entry.example else ""}
