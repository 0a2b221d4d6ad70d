"""The layout of a spec file: which keys stand where, and of what form their values are.

The only file that knows the YAML layout. Scalars stay text with their place; expressions are parsed where it is known
what they must be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from graphspec.diagnostics import File, Report, Span, suggestion
from graphspec.source import Map, Scalar, Sequence, Source, Value, split_expression

VERSION = "1"
RESERVED = frozenset(
    [
        "layer",
        "everything",
        "causal",
        "true",
        "false",
        "none",
        "and",
        "or",
        "not",
        "if",
        "else",
        "in",
        "int",
        "bool",
        "float",
    ]
)
_NAME = re.compile(r"[^\W\d]\w*")
MIXTURE = "mixture"
"""The one `op` that takes a block."""
# Keys under which a model gets facts that are no keys of the file: no YAML key holds this character.
_KEY, _SPAN, _MAP, _EXPRESSION = "\0key", "\0span", "\0map", "\0expression"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A value together with its key."""

    key: Scalar
    value: Value


# -- forms of values ---------------------------------------------------------------------------------------------------


def _fault(code: str, message: str, *, help: str = "", span: Span | None = None) -> PydanticCustomError:
    return PydanticCustomError("graphspec", "{message}", {"code": code, "message": message, "help": help, "at": span})


def _form(value: object) -> str:
    return "map" if isinstance(value, Map) else "list" if isinstance(value, Sequence) else "value"


def _raw(value: Any) -> Value:
    return value.value if isinstance(value, Keyed) else value


def is_empty(value: Value) -> bool:
    """Whether nothing is written where a value should stand."""
    return isinstance(value, Scalar) and not value.text and value.style == "plain"


def _scalar(value: Any) -> Scalar:
    value = _raw(value)
    if not isinstance(value, Scalar):
        raise _fault("wrong-form", f"expected a single value, found a {_form(value)}")
    if is_empty(value):
        raise _fault("missing-value", "there is no value here", help="write one after the colon")
    return value


def _section(value: Any) -> dict[str, Keyed]:
    value = _raw(value)
    if not isinstance(value, Map):
        raise _fault("wrong-form", f"expected a map of names, found a {_form(value)}", help="write `name: value` lines")
    return {key.text: Keyed(key, item) for key, item in value.entries}


def _names(value: Any) -> dict[str, Keyed]:
    entries = _section(value)
    for entry in entries.values():
        check_name(entry.key)
    return entries


def check_name(key: Scalar) -> None:
    """Raise where a key cannot be a name of the language."""
    if key.text in RESERVED:
        message = f"`{key.text}` has a meaning of its own in the language"
        help = "it counts the turns of a repeat; call yours `decoder_layer`, say" if key.text == "layer" else ""
        raise _fault("reserved-name", message, span=key.span, help=help or "choose another name")
    if not _NAME.fullmatch(key.text):
        message, help = f"`{key.text}` is no name", "names have letters, digits and `_`, and start with a letter"
        raise _fault("bad-name", message, span=key.span, help=help)


ScalarField = Annotated[Scalar, BeforeValidator(_scalar)]
RawField = Annotated[Scalar | Sequence | Map, BeforeValidator(_raw)]
SectionField = Annotated[dict[str, Keyed], BeforeValidator(_section)]
NamesField = Annotated[dict[str, Keyed], BeforeValidator(_names)]


# -- the parts of a document -------------------------------------------------------------------------------------------


class Entry(BaseModel):
    """Base of all parts: frozen, no unknown keys; knows its key, the place of its name, and the map as written."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    short: ClassVar[str] = ""
    """The one key that a bare scalar stands for."""

    key: Scalar | None = Field(default=None, alias=_KEY)
    span: Span = Field(alias=_SPAN)
    map: Map = Field(alias=_MAP)

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, data: Any) -> Any:
        key, value = (data.key, data.value) if isinstance(data, Keyed) else (None, data)
        place = key.span if key else value.span
        if isinstance(value, Scalar) and cls.short:
            return {cls.short: value, _KEY: key, _SPAN: place, _MAP: Map((), value.span)}
        if not isinstance(value, Map):
            _scalar(value)
            raise _fault("wrong-form", f"expected a map, found a {_form(value)}")
        fields: dict[str, Any] = {name.text: item for name, item in value.entries}
        return fields | {_KEY: key, _SPAN: place, _MAP: value}

    @property
    def name(self) -> str:
        return self.key.text if self.key else ""

    @property
    def laid(self) -> tuple[tuple[str, Span], ...]:
        """Its keys that are written in another file, as what a variant lays over it is, and where."""
        found = ((key.text, _elsewhere(key, value, self.span.file)) for key, value in self.map.entries)
        return tuple((name, place) for name, place in found if place)


def _elsewhere(key: Scalar, value: Value, file: File) -> Span | None:
    """Where a key, or the first one within its value, is written, if that is in another file."""
    if key.span.file != file:
        return key.span
    inner = value.entries if isinstance(value, Map) else ()
    return next((place for it in inner if (place := _elsewhere(*it, file))), None)


class InputEntry(Entry):
    """`tokens: {type: int B T, below: vocab}`, or `tokens: int B T`."""

    short = "type"
    type: ScalarField
    below: ScalarField | None = None


class AxisEntry(Entry):
    """`T: position`, or `P: {size: n // patch, role: position}`."""

    short = "role"
    role: ScalarField
    size: ScalarField | None = None


class NodeEntry(Entry):
    """One node: `{op: …}`, `{block: …}` or a bare expression. Keys that are not listed are attributes and ports."""

    model_config = ConfigDict(extra="allow")
    short = _EXPRESSION

    expression: ScalarField | None = Field(default=None, alias=_EXPRESSION)
    op: ScalarField | None = None
    block: ScalarField | None = None
    inputs: RawField | None = Field(default=None, alias="in")
    condition: ScalarField | None = Field(default=None, alias="if")
    share: ScalarField | None = None
    init: ScalarField | None = None
    trainable: ScalarField | None = None
    label: ScalarField | None = None
    repeat: RawField | None = None
    each: SectionField = Field(default_factory=dict)
    cycle: SectionField = Field(default_factory=dict)
    spread: ScalarField | None = Field(default=None, alias="with")

    @model_validator(mode="after")
    def _one_meaning(self) -> NodeEntry:
        given = [it for it in (self.expression, self.op, self.first_block) if it is not None]
        if len(given) != 1:
            said = "says neither `op` nor `block`" if not given else "has both `op` and `block`"
            help = "write `{op: …}`, `{block: …}` or an expression"
            raise _fault("node-without-meaning", f"`{self.name}` {said}", span=self.span, help=help)
        if self.op is not None and (self.repeat is not None or self.each or self.cycle):
            message = f"`{self.name}` repeats an operator"
            raise _fault("repeat-operator", message, span=self.span, help="only blocks repeat: put it in a block")
        if self.label is not None and not self.label.text.strip():
            help = "write what a diagram is to call it, or leave `label` out"
            raise _fault("missing-value", f"the label of `{self.name}` is empty", span=self.label.span, help=help)
        for index, (key, value) in enumerate(self.map.entries):
            if is_empty(value) and (meant := split_expression(self.map, index)):
                help = f'inside `{{…}}` YAML splits at commas: quote the expression, `"{meant}"`'
                raise _fault("split-expression", f"`{key.text}` is a part of an expression", span=key.span, help=help)
        return self

    @property
    def is_mixture(self) -> bool:
        return self.op is not None and self.op.text == MIXTURE

    @property
    def first_block(self) -> Scalar | None:
        """The block that the node stands for, or that the first turn of a repeat does, where turns name theirs."""
        lists = [turns["block"].value for turns in (self.each, self.cycle) if "block" in turns]
        first = next((it.items[0] for it in lists if isinstance(it, Sequence) and it.items), None)
        return self.block if self.block is not None else first if isinstance(first, Scalar) else None

    @property
    def called(self) -> Scalar | None:
        """The block that the node stands for, by name: its `block`, or the `expert` of a mixture."""
        expert = self.attributes.get("expert") if self.is_mixture else None
        return expert.value if expert and isinstance(expert.value, Scalar) else self.first_block

    @property
    def attributes(self) -> dict[str, Keyed]:
        """Attributes and ports by name, as written."""
        extra: Mapping[str, Any] = self.model_extra or {}
        return {key.text: Keyed(key, value) for key, value in self.map.entries if key.text in extra}


class BlockEntry(Entry):
    """A block: ports, parameters by kind, nodes, outputs."""

    inputs: dict[str, InputEntry] = Field(default_factory=dict, alias="in")
    params: NamesField = Field(default_factory=dict)
    masks: NamesField = Field(default_factory=dict)
    nodes: dict[str, NodeEntry] = Field(default_factory=dict)
    out: RawField
    label: ScalarField | None = None
    about: ScalarField | None = None

    _named = field_validator("inputs", "nodes", mode="before")(_names)


class MapEntry(Entry):
    """A checkpoint map: another layout's names for the model's tensors, and its keys for the parameters."""

    config: SectionField = Field(default_factory=dict)
    expect: SectionField = Field(default_factory=dict)
    ignore: RawField | None = None
    aliases: SectionField = Field(default_factory=dict)
    nodes: SectionField = Field(default_factory=dict)
    blocks: SectionField = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContractEntry:
    """`causal: {output: logits, input: target}`, as written."""

    kind: Scalar
    arguments: Map
    condition: Scalar | None


class Document(Entry):
    """A whole file, as laid out. A library of blocks has no nodes of its own."""

    graphspec: ScalarField
    model_name: ScalarField | None = Field(default=None, alias="name")
    title: ScalarField | None = None
    about: ScalarField | None = None
    use: NamesField = Field(default_factory=dict)
    params: NamesField = Field(default_factory=dict)
    axes: dict[str, AxisEntry] = Field(default_factory=dict)
    inputs: dict[str, InputEntry] = Field(default_factory=dict)
    masks: NamesField = Field(default_factory=dict)
    blocks: dict[str, BlockEntry] = Field(default_factory=dict)
    nodes: dict[str, NodeEntry] = Field(default_factory=dict)
    outputs: NamesField = Field(default_factory=dict)
    init: SectionField = Field(default_factory=dict)
    contracts: tuple[ContractEntry, ...] = ()
    checkpoints: dict[str, MapEntry] = Field(default_factory=dict)

    _named = field_validator("axes", "inputs", "blocks", "nodes", "checkpoints", mode="before")(_names)

    @field_validator("contracts", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> tuple[ContractEntry, ...]:
        if not isinstance(value, Sequence):
            raise _fault(
                "wrong-form", f"expected a list of contracts, found a {_form(value)}", help="start each with `- `"
            )
        return tuple(_contract(item) for item in value.items)


def _contract(item: Value) -> ContractEntry:
    kinds = [(key, value) for key, value in item.entries if key.text != "if"] if isinstance(item, Map) else []
    if not isinstance(item, Map) or len(kinds) != 1:
        help = "write `- causal: {output: …, input: …}`"
        raise _fault("wrong-form", "a contract is one name with its arguments", span=item.span, help=help)
    kind, arguments = kinds[0]
    if not isinstance(arguments, Map):
        raise _fault(
            "wrong-form", f"`{kind.text}` needs a map of arguments", span=arguments.span, help="write `{output: …}`"
        )
    condition = item.get("if")
    return ContractEntry(kind, arguments, _scalar(condition) if condition else None)


# -- reading -----------------------------------------------------------------------------------------------------------


def lay_out(source: Source, report: Report) -> Document | None:
    """Source → document. Reports every key and form that is wrong; unknown keys alone do not stop the reading."""
    root = source.root
    try:
        document = Document.model_validate(root)
    except ValidationError as error:
        found = error.errors(include_url=False)
        for fault in found:
            _report(fault, root, report)
        if any(fault["type"] != "extra_forbidden" for fault in found):
            return None
        for fault in found:
            root = _without(root, fault["loc"])
        document = Document.model_validate(root)
    if document.graphspec.text != VERSION:
        message = f"this is version `{document.graphspec.text}` of the language, but `{VERSION}` is the only one known"
        report.error("unknown-version", message, document.graphspec.span, help=f"write `graphspec: {VERSION}`")
        return None
    return document


def _without(value: Map, path: tuple[int | str, ...]) -> Map:
    """The map without the entry at `path`."""
    first, rest = path[0], path[1:]
    kept = ((k, _without(v, rest) if rest and k.text == first and isinstance(v, Map) else v) for k, v in value.entries)
    return replace(value, entries=tuple((k, v) for k, v in kept if rest or k.text != first))


def _report(fault: ErrorDetails, root: Map, report: Report) -> None:
    owner, key, value = _find(root, fault["loc"])
    facts: Mapping[str, Any] = fault.get("ctx") or {}
    name = str(fault["loc"][-1]) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden" and key:
        report.error("unknown-key", f"unknown key `{name}`", key.span, help=_unknown_help(fault["loc"], owner, name))
    elif fault["type"] == "missing":
        place = key.span if key else owner.span
        report.error("missing-key", f"the key `{name}` is missing", place, help=f"add `{name}: …`")
    elif "code" in facts:
        split = _split_help(owner, name) if facts["code"] in ("missing-value", "bad-name") else ""
        report.error(facts["code"], facts["message"], facts["at"] or value.span, help=split or facts["help"])
    else:
        report.error("wrong-form", fault["msg"].lower(), value.span)


def _find(root: Map, path: tuple[int | str, ...]) -> tuple[Map, Scalar | None, Value]:
    """The map around the place that `path` names, the key there or the last one found, and the value."""
    owner, key, value = root, None, root
    for step in path:
        if not isinstance(value, Map):
            break
        owner = value
        following = value.get(str(step))
        if following is None:
            break
        key, value = value.key(str(step)), following
    return owner, key, value


def _split_help(owner: Map, name: str) -> str:
    for index, (key, _) in enumerate(owner.entries):
        meant = split_expression(owner, index)
        if meant and (key.text == name or name in meant):
            return f'inside `{{…}}` YAML splits at commas: quote the expression, `{key.text}: "{meant}"`'
    return ""


def _unknown_help(path: tuple[int | str, ...], owner: Map, name: str) -> str:
    split = _split_help(owner, name)
    if split:
        return split
    inner: dict[str, type[Entry]] = {"inputs": InputEntry, "axes": AxisEntry, "blocks": BlockEntry}
    inner["checkpoints"] = MapEntry
    model = Document if len(path) == 1 else inner.get(str(path[0]), InputEntry) if len(path) == 3 else InputEntry
    known = [f.alias or n for n, f in model.model_fields.items() if not (f.alias or n).startswith("\0")]
    return suggestion(name, [key for key in known if key not in ("key", "span", "map")], "keys")
