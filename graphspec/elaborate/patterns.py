"""Named sizes and patterns of `rearrange`: written values → values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from graphspec.axes import Dim, primed
from graphspec.document import Keyed
from graphspec.elaborate.values import Fault, Scope
from graphspec.operators.pattern import Part, Pattern, PatternError, Word, parse_pattern
from graphspec.source import Map, Scalar, Sequence

if TYPE_CHECKING:
    from graphspec.elaborate.attributes import Reader, Written


def read_parts(reader: Reader, written: Written) -> tuple[tuple[str, Dim | None], ...]:
    """`{plain: nope, turned: rope}`, or names alone: `[query, key, value]`."""
    value, key = written.entry.value, written.entry.key
    match value:
        case Map() if value.entries:
            named = [(_name(name), Keyed(name, item)) for name, item in value.entries]
            return tuple((name, reader.size(type(written)(item, written.scope))) for name, item in named)
        case Sequence() if value.items and all(isinstance(item, Scalar) for item in value.items):
            return tuple((name, None) for name in _distinct(i for i in value.items if isinstance(i, Scalar)))
        case _:
            help = "write `{name: size, …}`, or `[name, …]` for equal parts"
            raise Fault("wrong-form", f"`{key.text}` needs named sizes", value.span, help=help)


def _distinct(names: Iterable[Scalar]) -> dict[str, None]:
    found: dict[str, None] = {}
    for scalar in names:
        name = _name(scalar)
        if name in found:
            raise Fault("name-taken", f"`{name}` stands twice", scalar.span, help="choose another name")
        found[name] = None
    return found


def _name(scalar: Scalar) -> str:
    if not scalar.text.isidentifier() or scalar.text.startswith("_"):
        help = "names have letters, digits and `_`, and start with a letter"
        raise Fault("bad-name", f"`{scalar.text}` is no name", scalar.span, help=help)
    return scalar.text


def read_pattern(reader: Reader, written: Written) -> Pattern:
    """`B (c n) d -> B c n d`; names that nothing defines are the pattern's own. Raises `Fault`."""
    scalar = reader.scalar(written)

    def meaning(word: Word) -> Part:
        bare = Word(word.text.removesuffix("'"), word.start)
        if bare.text.isidentifier() and _is_own(bare, written.scope, scalar):
            return word.text
        part = Scalar(bare.text, scalar.part(bare.start, bare.end), "plain")
        size = reader.size(type(written)(Keyed(written.entry.key, part), written.scope))
        return size if bare == word else primed(size)

    try:
        return parse_pattern(scalar.text, meaning)
    except PatternError as error:
        place = scalar.part(error.start, error.end)
        raise Fault("expression-syntax", error.message, place, help=error.help) from error


def _is_own(word: Word, scope: Scope, scalar: Scalar) -> bool:
    """Whether a name is the pattern's own; those of tensors cannot be."""
    place = scope.place(word.text)
    if place is not None and place[0] in ("a node", "an input"):
        message = f"`{word.text}` is {place[0]}, not an axis"
        raise Fault("name-taken", message, scalar.part(word.start, word.end), help="choose another name for the axis")
    return scope.find(word.text) is None
