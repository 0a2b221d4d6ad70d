"""What names stand for while a document becomes a graph, and the scopes that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from graphspec.axes import Dim, Number, Sizes, TensorType
from graphspec.diagnostics import Diagnostic, Note, Report, Span
from graphspec.document import BlockEntry, Document, Keyed
from graphspec.graph import Ref
from graphspec.masks import Mask

if TYPE_CHECKING:
    from graphspec.elaborate.body import BodyBuilder


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value of a body under construction."""

    owner: BodyBuilder
    ref: Ref
    type: TensorType


@dataclass(frozen=True, slots=True)
class MaskTerm:
    """A mask with the tensors that it reads, by port."""

    mask: Mask
    data: tuple[tuple[str, Tensor], ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """A bare name that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function given as a value: `activation: silu`."""

    name: str


@dataclass(frozen=True)
class Table:
    """A map given as a value, with the scope in which its entries are to be read."""

    entries: Mapping[str, Keyed]
    scope: Scope


@dataclass(frozen=True)
class BlockValue:
    """A block with the library that it belongs to; `name` is how the spec calls it."""

    name: str
    entry: BlockEntry = field(hash=False)
    library: Library = field(hash=False)


@dataclass(frozen=True, slots=True)
class Nothing:
    """The value `none`."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A node that is not there because of its `if`: a reader that names it alone reads `instead`."""

    name: str
    instead: Callable[[], Tensor]


@dataclass(frozen=True, slots=True)
class Broken:
    """Something already reported; reading it adds no further problem."""


@dataclass(frozen=True)
class Lazy:
    """A value computed when it is first read."""

    compute: Callable[[], Value]


Value = (
    Dim
    | Number
    | bool
    | Tensor
    | MaskTerm
    | Word
    | FunctionName
    | Table
    | BlockValue
    | Nothing
    | Absent
    | Broken
    | Lazy
)


class Fault(Exception):
    """A problem at one place, to be reported by whoever knows how to go on."""

    def __init__(
        self, code: str, message: str, span: Span, *, label: str = "", help: str = "", notes: Iterable[Note] = ()
    ) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, span, label, tuple(notes), help)


class Skip(Exception):
    """What is asked for depends on something already reported."""


@dataclass(frozen=True)
class Library:
    """A file of blocks: its document, the other files that it uses, and whose it is.

    `kind`: the spec's `own` file, one that is `used`, or the `standard` library.
    """

    name: str
    document: Document
    used: Mapping[str, Library]
    standard: Callable[[], Library]
    kind: Literal["own", "used", "standard"]

    @property
    def is_own(self) -> bool:
        return self.kind == "own"


@dataclass(frozen=True)
class Context:
    """What is the same everywhere in one elaboration.

    `own`: the names of the spec's own file. `interned`: each body, by itself. `insides`: what came of a block, by all
    that it depends on. `measured`: the axes along which some input of the model lies.
    """

    report: Report
    sizes: Sizes
    own: Scope
    interned: dict[object, object] = field(default_factory=dict[object, object])
    insides: dict[object, object] = field(default_factory=dict[object, object])
    measured: set[str] = field(default_factory=set[str])


class Scope:
    """Names and what they stand for; a file's blocks see the file's scope behind their own."""

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.names: dict[str, Value] = {}
        self.places: dict[str, tuple[str, Span]] = {}
        self.used: set[str] = set()

    def define(self, name: str, value: Value, kind: str, span: Span, report: Report) -> bool:
        """Bind a name; shadowing is reported, and leaves the name as it was."""
        known = self.place(name)
        if known is not None:
            notes = [Note(f"`{name}` is {known[0]}", known[1])]
            report.error("name-taken", f"`{name}` is defined already", span, notes=notes, help="choose another name")
            return False
        self.names[name] = value
        self.places[name] = (kind, span)
        return True

    def place(self, name: str) -> tuple[str, Span] | None:
        """What kind of thing a name is, and where it was defined."""
        return self.places.get(name) or (self.parent.place(name) if self.parent else None)

    def find(self, name: str) -> Value | None:
        """What a name stands for; None if nothing. Lazy values are computed here."""
        if name in self.names:
            self.used.add(name)
            value = self.names[name]
            if isinstance(value, Lazy):
                self.names[name] = Broken()  # what depends on itself finds this
                self.names[name] = value = value.compute()
            return value
        return self.parent.find(name) if self.parent else None

    def known(self) -> set[str]:
        return set(self.names) | (self.parent.known() if self.parent else set())


def describe(value: Value) -> str:
    """For messages: what a value is."""
    match value:
        case bool():
            return f"the truth value `{str(value).lower()}`"
        case Dim():
            return f"the whole number `{value}`"
        case Number():
            return f"the number `{value if value.value is None else value.value}`"
        case Tensor(type=kind):
            return f"a tensor `{kind}`"
        case MaskTerm(mask=mask):
            return f"the mask `{mask}`"
        case Word(text) | FunctionName(text):
            return f"the word `{text}`"
        case Table():
            return "a map"
        case BlockValue(name=name):
            return f"the block `{name}`"
        case Nothing():
            return "`none`"
        case _:
            return "nothing"
