"""Attributes of operators and arguments of blocks: written values → values of the kind that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphspec import expressions as syntax
from graphspec.axes import Dim, Number, unprimed
from graphspec.diagnostics import Span, suggestion
from graphspec.document import Keyed
from graphspec.elaborate import scalars
from graphspec.elaborate.body import BodyBuilder
from graphspec.elaborate.evaluate import FUNCTION_NAMES, Evaluator, parse
from graphspec.elaborate.patterns import read_parts, read_pattern
from graphspec.elaborate.values import (
    BlockValue,
    Context,
    Fault,
    FunctionName,
    Library,
    MaskTerm,
    Nothing,
    Scope,
    Table,
    Tensor,
    Value,
    Word,
    describe,
)
from graphspec.operators import INITIALISERS, Attribute, Initialiser, Record
from graphspec.source import Map, Scalar, Sequence

NAME_AXES = ("over", "axis")
"""Attributes that name an axis of a tensor, which may be primed."""

KINDS = ("int", "number", "bool", "word", "function", "mask", "score", "map", "block")
"""The kinds of a block's parameters."""


@dataclass(frozen=True)
class Written:
    """A value as written, with the scope in which its names are to be read."""

    entry: Keyed
    scope: Scope


class Reader:
    """Reads written values for one node of one body."""

    def __init__(self, context: Context, builder: BodyBuilder, library: Library, owner: str) -> None:
        self.context, self.builder, self.library, self.owner = context, builder, library, owner

    def evaluator(self, scalar: Scalar, scope: Scope) -> Evaluator:
        return Evaluator(self.context, scope, self.builder, scalar, self.owner)

    def scalar(self, written: Written) -> Scalar:
        value = written.entry.value
        if not isinstance(value, Scalar):
            form = "list" if isinstance(value, Sequence) else "map"
            raise Fault("wrong-form", f"`{written.entry.key.text}` needs a single value, found a {form}", value.span)
        if not value.text and value.style == "plain":
            raise Fault("missing-value", f"`{written.entry.key.text}` has no value", written.entry.key.span)
        return value

    def tensor(self, written: Written) -> Tensor:
        """The tensor that a port gets; an expression becomes nodes of its own."""
        scalar, value = self.evaluated(written)
        if not isinstance(value, Tensor):
            key = written.entry.key.text
            raise Fault("wrong-kind", f"`{key}` needs a tensor, but `{scalar.text}` is {describe(value)}", scalar.span)
        return value

    def optional_tensor(self, written: Written) -> Tensor | None:
        """The tensor that a port gets, or None where `none` is said."""
        scalar, value = self.evaluated(written)
        if not isinstance(value, Tensor | Nothing):
            key, found = written.entry.key.text, describe(value)
            message = f"`{key}` needs a tensor or `none`, but `{scalar.text}` is {found}"
            raise Fault("wrong-kind", message, scalar.span)
        return value if isinstance(value, Tensor) else None

    def evaluated(self, written: Written) -> tuple[Scalar, Value]:
        scalar = self.scalar(written)
        return scalar, self.evaluator(scalar, written.scope).value()

    # -- attributes of operators --------------------------------------------------------------------------------------

    def attribute(self, attribute: Attribute, written: Written) -> Any:
        """The value of an operator's attribute; masks come as `MaskTerm`."""
        if attribute.kind == "axes":
            return self.axes(written)
        if attribute.kind == "numbers":
            return self.numbers(written)
        if attribute.kind == "pairs":
            return self.pairs(attribute, written)
        if attribute.kind == "record":
            return self.record(attribute, written)
        if attribute.kind == "parts":
            return read_parts(self, written)
        if attribute.kind == "pattern":
            return read_pattern(self, written)
        scalar = self.scalar(written)
        if attribute.kind == "word":
            return self.word(attribute, scalar, written.scope)
        if attribute.kind == "mask":
            value: Value = self.mask(scalar, written.scope)
        else:
            value = self.evaluator(scalar, written.scope).value()
        if isinstance(value, Nothing) and attribute.optional:
            return None
        return self.of_kind(
            attribute.name, {"size": "int", "flag": "bool"}.get(attribute.kind, attribute.kind), value, scalar
        )

    def axes(self, written: Written) -> tuple[Dim, ...]:
        value = written.entry.value
        items = value.items if isinstance(value, Sequence) else (value,)
        return tuple(self.size(Written(Keyed(written.entry.key, item), written.scope)) for item in items)

    def numbers(self, written: Written) -> tuple[Number, ...]:
        value = written.entry.value
        if not isinstance(value, Sequence):
            message = f"`{written.entry.key.text}` needs a list of numbers"
            raise Fault("wrong-form", message, value.span, help="write `[1, 2.5]`")
        items = [self.scalar(Written(Keyed(written.entry.key, item), written.scope)) for item in value.items]
        name = written.entry.key.text
        return tuple(self.of_kind(name, "number", self.evaluator(item, written.scope).value(), item) for item in items)

    def pairs(self, attribute: Attribute, written: Written) -> str | tuple[tuple[Dim, Dim], ...]:
        """A word; or a pair of sizes, or several; a single size stands for both of a pair."""
        value, key, scope = written.entry.value, written.entry.key, written.scope
        if isinstance(value, Scalar):
            scalar = self.scalar(written)
            named = scope.find(scalar.text)
            if isinstance(named, Word) or (named is None and scalar.text.isidentifier()):
                return self.word(attribute, scalar, scope)
            size = self.size(written)
            return ((size, size),)
        items = value.items if isinstance(value, Sequence) else ()
        lists = items if any(isinstance(item, Sequence) for item in items) else (value,)
        found = [self.axes(Written(Keyed(key, item), scope)) if isinstance(item, Sequence) else () for item in lists]
        pairs = tuple((pair[0], pair[1]) for pair in found if len(pair) == 2)
        if len(pairs) < len(lists):
            help = "write `[left, right]`, or one such pair for each axis: `[[1, 1], [2, 2]]`"
            raise Fault("wrong-form", f"`{key.text}` needs pairs of sizes", value.span, help=help)
        return pairs

    def record(self, attribute: Attribute, written: Written) -> Record | None:
        """A map whose `kind` says which record it is; or a name for one; or `none`."""
        value, scope = written.entry.value, written.scope
        entries = {key.text: Keyed(key, item) for key, item in value.entries} if isinstance(value, Map) else None
        if entries is None:
            scalar = self.scalar(written)
            named = self.evaluator(scalar, scope).value()
            if isinstance(named, Nothing) and attribute.optional:
                return None
            table: Table = self.of_kind(attribute.name, "map", named, scalar)
            entries, scope = dict(table.entries), table.scope
        kinds = {cls.kind: cls for cls in attribute.records}
        kind = entries.pop("kind", None)
        if kind is None:
            listed = ", ".join(f"`{name}`" for name in kinds)
            message = f"`{attribute.name}` does not say of which kind it is"
            raise Fault("missing-attribute", message, value.span, help=f"add `kind: …`, one of {listed}")
        word = self.scalar(Written(kind, scope))
        if word.text not in kinds:
            help = suggestion(word.text, kinds, "kinds")
            raise Fault("wrong-word", f"`{attribute.name}` cannot be of kind `{word.text}`", word.span, help=help)
        return self.filled(kinds[word.text], {k: Written(item, scope) for k, item in entries.items()}, value.span)

    def filled(self, cls: type[Record], written: Mapping[str, Written], place: Span) -> Record:
        """A record from what is written of it."""
        known = {attribute.name: attribute for attribute in cls.attributes}
        for key, item in written.items():
            if key not in known:
                help = suggestion(key, known, "attributes")
                raise Fault("unknown-attribute", f"`{cls.kind}` has no `{key}`", item.entry.key.span, help=help)
        for name, attribute in known.items():
            if attribute.required and name not in written:
                raise Fault("missing-attribute", f"`{cls.kind}` needs `{name}`", place, help=f"add `{name}: …`")
        return cls(**{key: self.attribute(known[key], item) for key, item in written.items()})

    def size(self, written: Written) -> Dim:
        scalar = self.scalar(written)
        value = self.evaluator(scalar, written.scope).value()
        return self.of_kind(written.entry.key.text, "int", value, scalar)

    def word(self, attribute: Attribute, scalar: Scalar, scope: Scope) -> str:
        found = scope.find(scalar.text) if scalar.text not in attribute.words else None
        text = found.text if isinstance(found, Word) else scalar.text
        if text not in attribute.words:
            help = suggestion(text, attribute.words, "words")
            raise Fault("wrong-word", f"`{attribute.name}` cannot be `{text}`", scalar.span, help=help)
        return text

    def mask(self, scalar: Scalar, scope: Scope) -> Value:
        return self.evaluator(scalar, scope).mask()

    def of_kind(self, name: str, kind: str, value: Value, scalar: Scalar) -> Any:
        """`value`, if it is of the kind. Raises `Fault`."""
        if kind == "int" and isinstance(value, Dim) and name not in NAME_AXES:
            _refuse_second(value, scalar)
        match kind, value:
            case ("number", Dim() | Number()):
                return scalars.as_number(value, self.context.sizes)
            case ("int", Dim()) | ("bool", bool()) | ("mask", MaskTerm()) | ("function", FunctionName()):
                return value
            case (
                ("score", Tensor() | Nothing())
                | ("map", Table() | Nothing())
                | ("block", BlockValue())
                | ("word", Word() | FunctionName())
            ):
                return value
            case ("int", Word(text)):
                raise self.wrong(name, kind, value, scalar, suggestion(text, self.builder.context.sizes.values))
            case ("function", Word(text)):
                raise self.wrong(name, kind, value, scalar, suggestion(text, FUNCTION_NAMES, "functions"))
            case _:
                raise self.wrong(name, kind, value, scalar)

    def wrong(self, name: str, kind: str, value: Value, scalar: Scalar, help: str = "") -> Fault:
        message = f"`{name}` needs {_NOUNS[kind]}, but `{scalar.text}` is {describe(value)}"
        return Fault("wrong-kind", message, scalar.span, help=help)

    # -- arguments of blocks ------------------------------------------------------------------------------------------

    def argument(self, kind: str, written: Written) -> Value:
        """The value of a block's parameter, given where the block is used."""
        name, value = written.entry.key.text, written.entry.value
        if kind == "map" and isinstance(value, Map):
            return Table({k.text: Keyed(k, v) for k, v in value.entries}, written.scope)
        scalar = self.scalar(written)
        if kind == "mask":
            return self.mask(scalar, written.scope)
        if kind == "block":
            return self.block(scalar, written.scope)
        if kind in ("function", "word"):
            return self.of_kind(name, kind, self.name_or_value(scalar, written.scope), scalar)
        return self.of_kind(name, kind, self.evaluator(scalar, written.scope).value(), scalar)

    def name_or_value(self, scalar: Scalar, scope: Scope) -> Value:
        expression = parse(scalar)
        if isinstance(expression, syntax.Name):
            found = scope.find(expression.text)
            if isinstance(found, Word | FunctionName):
                return found
            return FunctionName(expression.text) if expression.text in FUNCTION_NAMES else Word(expression.text)
        return self.evaluator(scalar, scope).value()

    def block(self, scalar: Scalar, scope: Scope) -> BlockValue:
        """The block that a name means: a parameter of kind block, a block of this file, or of a library it uses."""
        first, _, rest = scalar.text.partition(".")
        if not rest:
            found = scope.find(first)
            if isinstance(found, BlockValue):
                return found
            if found is not None:
                raise Fault("wrong-kind", f"`{first}` is {describe(found)}, not a block", scalar.span)
            raise self.unknown_block(scalar, [*self.library.document.blocks, *(f"std.{b}" for b in self.standard())])
        library = self.library.standard() if first == "std" else self.library.used.get(first)
        if library is None:
            help = suggestion(first, ["std", *self.library.used], "libraries")
            raise Fault("unknown-block", f"there is no library `{first}`", scalar.span, help=help)
        entry = library.document.blocks.get(rest)
        if entry is None:
            raise self.unknown_block(scalar, [f"{first}.{name}" for name in library.document.blocks])
        return BlockValue(scalar.text, entry, library)

    def standard(self) -> Mapping[str, object]:
        return self.library.standard().document.blocks

    def unknown_block(self, scalar: Scalar, known: list[str]) -> Fault:
        return Fault(
            "unknown-block",
            f"there is no block `{scalar.text}`",
            scalar.span,
            help=suggestion(scalar.text, known, "blocks"),
        )

    # -- initialisers -------------------------------------------------------------------------------------------------

    def initialiser(self, scalar: Scalar, scope: Scope) -> Initialiser:
        """`normal(0.02 / sqrt(2 * depth))`. Raises `Fault`."""
        expression = parse(scalar)
        name = expression.function if isinstance(expression, syntax.Call) else expression
        if not isinstance(name, syntax.Name) or name.text not in INITIALISERS:
            help = suggestion(getattr(name, "text", ""), INITIALISERS, "initialisers")
            raise Fault("unknown-initialiser", f"`{scalar.text}` is no initialiser", scalar.span, help=help)
        arguments, keywords = (
            (expression.arguments, expression.keywords) if isinstance(expression, syntax.Call) else ((), ())
        )
        takes = _NUMBERS.get(name.text, "no number")
        if keywords or len(arguments) not in _COUNTS[takes]:
            message = f"`{name.text}` takes {takes}"
            raise Fault("wrong-form", message, scalar.span, help=f"it is {INITIALISERS[name.text]}")
        evaluator = self.evaluator(scalar, scope)
        numbers: list[float] = []
        for argument in arguments:
            value = evaluator.scalar(evaluator.evaluate(argument), argument)
            number = scalars.as_number(value, self.context.sizes).value
            if number is None:
                raise Fault("no-value", f"`{scalar.text}` is known only at run time", scalar.span)
            numbers.append(float(number))
        return Initialiser(name.text, tuple(numbers))


def _refuse_second(size: Dim, scalar: Scalar) -> None:
    """Raise `Fault` where a primed name stands for a size: it is an axis of some tensor."""
    if unprimed(size) != size:
        message = f"`{scalar.text}` is the second occurrence of an axis, which is no size"
        raise Fault("wrong-kind", message, scalar.span, help="leave the prime out")


_COUNTS = {"one number": (1,), "at most one number": (0, 1), "no number": (0,)}
_NUMBERS = {
    **dict.fromkeys(("normal", "truncated_normal", "uniform", "constant"), "one number"),
    **dict.fromkeys(
        (f"{who}_{how}" for who in ("xavier", "kaiming") for how in ("uniform", "normal")), "at most one number"
    ),
}
"""What an initialiser takes."""

_NOUNS = {
    "int": "a whole number",
    "number": "a number",
    "bool": "`true` or `false`",
    "mask": "a mask",
    "function": "the name of a function",
    "map": "a map",
    "score": "a tensor of scores",
    "block": "a block",
    "word": "a word",
}
