"""What the reference says of operators and blocks, read from their declarations."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from itertools import takewhile
from typing import Any

from graphspec.document import MIXTURE, BlockEntry
from graphspec.libraries import standard_library
from graphspec.operators import OPERATORS, Operator, Port
from graphspec.operators.declare import Attribute, Weight
from graphspec.render.examples import fragment
from graphspec.source import Map, Scalar

KINDS: Mapping[str, str] = {
    "size": "a size",
    "number": "a number",
    "numbers": "a list of numbers",
    "axes": "a size, or a list of them",
    "parts": "a map of names to sizes, or a list of names",
    "pattern": "a pattern",
    "mask": "a mask",
    "record": "a map with a `kind`",
    "block": "the name of a block",
}
"""What a user writes for each kind of attribute."""


@dataclass(frozen=True)
class Part:
    """A port, attribute or learned tensor: what it is called, what it holds, what else is to be said."""

    role: str
    name: str
    type: str
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """One operator or block: what it does, its parts, how it reads, an example."""

    name: str
    family: str
    about: str
    details: tuple[str, ...]
    parts: tuple[Part, ...]
    flow: str = ""
    source: str = ""
    yaml: str = ""
    """The block itself, if it is one."""
    records: tuple[tuple[str, str], ...] = ()
    """Values of its attributes that have attributes of their own: how one is written, and what it means."""

    @property
    def line(self) -> str:
        """What it does, in one sentence."""
        return sentence(self.about)

    @property
    def example(self) -> str:
        return fragment(self.name)


_EXPERTS = Entry(
    MIXTURE,
    "experts",
    "The weighted sum of what experts give: `w[…, e] * expert_e(x)` over the last axis of `weight`, which counts them.",
    (
        "An expert is any block. Each has tensors of its own, `ffn.3.gate.weight` for the fourth of the node `ffn`, and"
        " computes only the places where its weight is not zero; so along the other axes of `weight` it must treat"
        " every place by itself. Other inputs and arguments of the block stand beside `expert`. A router gives the"
        " weights: a block that ends in `top`, such as `std.softmax_router`.",
    ),
    (
        Part("input", "x", "...", "the first input of the block"),
        Part("input", "weight", "... experts"),
        Part("attribute", "expert", KINDS["block"], "required"),
        Part("output", "out", "...", "the first output of the block"),
    ),
    "As the expert reads, and the weights at the same place.",
    "Shazeer et al. 2017, eq. 1.",
)
"""The one operator that takes a block, and so is no class."""


def operator_entries() -> list[Entry]:
    """Every operator that a spec can name, family by family."""
    found = [*map(_operator_entry, OPERATORS.values()), _EXPERTS]
    families = list(dict.fromkeys(entry.family for entry in found))
    return sorted(found, key=lambda entry: families.index(entry.family))


def block_entries() -> list[Entry]:
    """Every block of the standard library."""
    return [_block_entry(name, block) for name, block in standard_library().document.blocks.items()]


def entries() -> list[Entry]:
    return [*operator_entries(), *block_entries()]


# -- operators --------------------------------------------------------------------------------------------------------


def _operator_entry(operator: type[Operator]) -> Entry:
    about, details, source = _documented(operator)
    return Entry(
        operator.op,
        operator.family,
        about,
        details,
        (*_inputs(operator), *_attributes(operator), *_learned(operator), *_outputs(operator)),
        sentence(paragraphs(type(operator.flow))[0]),
        operator.source or source,
        records=tuple(_records(operator)),
    )


def _documented(operator: type[Operator]) -> tuple[str, tuple[str, ...], str]:
    """The first paragraph of the docstring, the others, and the paper."""
    first, *rest = paragraphs(operator)
    sources = [text for text in rest if text.startswith("Source:")]
    source = sources[0].removeprefix("Source:").strip() if sources else ""
    return first, tuple(text for text in rest if text not in sources), source


def _inputs(operator: type[Operator]) -> Iterator[Part]:
    for port in operator.input_ports():
        yield Part("input", port.name, _port_type(port), "may be left out" if port.optional else "")


def _outputs(operator: type[Operator]) -> Iterator[Part]:
    """Of the signature, unless an attribute names them."""
    if not any(attribute.kind == "parts" and attribute.required for attribute in operator.attributes):
        yield from (Part("output", port.name, _port_type(port)) for port in operator.signature.outputs)


def _port_type(port: Port) -> str:
    return " ".join(([] if port.dtype == "float" else [port.dtype]) + list(port.axes))


def _attributes(operator: type[Operator]) -> Iterator[Part]:
    for attribute in operator.attributes:
        kind = _kind(attribute) + (", or `none`" if attribute.optional and attribute.default is not None else "")
        yield Part("attribute", attribute.name, kind, "required" if attribute.required else _default(attribute))


def _kind(attribute: Attribute) -> str:
    words = [f"`{word}`" for word in attribute.words]
    if attribute.name in ("over", "axis"):
        return "an axis, or a list of them" if attribute.kind == "axes" else "an axis"
    match attribute.kind:
        case "flag":
            return "`true` or `false`"
        case "word":
            return _listed(words)
        case "pairs":
            return _listed(["a size", "`[left, right]`", "a list of such pairs", *words])
        case kind:
            return KINDS.get(kind, kind)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _default(attribute: Attribute) -> str:
    text = value_text(attribute.default)
    return f"`{text}` by default" if text else "may be left out"


def value_text(value: Any) -> str:
    """A value as it is written in a spec; empty for none."""
    if value is None or value == () or value is MISSING:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        parts = [str(part) for part in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    return re.sub(r"e-0(\d)$", r"e-\1", str(value))


def _learned(operator: type[Operator]) -> Iterator[Part]:
    for weight in operator.weights:
        yield Part("learned", weight.name, weight.shape, _start(weight, operator))
    for buffer in operator.buffers:
        yield Part("kept", buffer.name, buffer.shape, _start(buffer, operator))


def _start(weight: Weight, operator: type[Operator]) -> str:
    """How a tensor starts, and when it is not there."""
    flags = {attribute.name for attribute in operator.attributes if attribute.kind == "flag"}
    absent = f"`{weight.when}: {'false' if weight.when in flags else 'none'}`"
    return f"starts `{weight.init}`" + (f"; not with {absent}" if weight.when else "")


def _records(operator: type[Operator]) -> Iterator[tuple[str, str]]:
    for record in (record for attribute in operator.attributes for record in attribute.records):
        parts = [f"kind: {record.kind}"]
        for attribute in record.attributes:
            known = "…" if attribute.required else value_text(attribute.default) or "none"
            parts.append(f"{attribute.name}: {known}")
        yield f"{{{', '.join(parts)}}}", " ".join(paragraphs(record))


# -- blocks -----------------------------------------------------------------------------------------------------------


def _block_entry(name: str, block: BlockEntry) -> Entry:
    about = block.about.text if block.about else ""
    return Entry(f"std.{name}", "std", " ".join(about.split()), (), tuple(_block_parts(block)), yaml=block_text(block))


def _block_parts(block: BlockEntry) -> Iterator[Part]:
    for port in block.inputs.values():
        kind, _, default = port.type.text.partition(" = ")
        yield Part("input", port.name, kind, f"`{default}` by default" if default else "")
    for name, entry in block.params.items():
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        kind, _, default = (part.strip() for part in text.partition("="))
        yield Part("parameter", name, kind, f"`{default}` by default" if default else "required")
    outputs = block.out.keys() if isinstance(block.out, Map) else ("out",)
    yield from (Part("output", output, "") for output in outputs)


def block_text(block: BlockEntry) -> str:
    """A block as it is written in its file, without what it is about."""
    place = block.span
    key, *rest = place.file.text.splitlines()[place.line - 1 :]
    own = takewhile(lambda line: not line.strip() or _indent(line) >= place.column, rest)
    body = textwrap.dedent("\n".join([key, *own])).rstrip()
    return re.sub(r"^  about:.*\n(?:   .*\n)*", "", body, flags=re.MULTILINE)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


# -- docstrings -------------------------------------------------------------------------------------------------------


def paragraphs(documented: type) -> list[str]:
    """The paragraphs of a docstring, each on one line; one empty one if there is none."""
    text = inspect.cleandoc(documented.__doc__ or "")
    return [" ".join(part.split()) for part in text.split("\n\n")]


def sentence(text: str) -> str:
    """The first sentence."""
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", text, maxsplit=1)[0]


def known_names() -> list[str]:
    """What can be asked for."""
    return [*OPERATORS, MIXTURE, *(f"std.{name}" for name in standard_library().document.blocks)]
