"""The section `checkpoints` of a document → maps as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphspec import expressions as syntax
from graphspec.checkpoints.computed import Step, steps_of
from graphspec.checkpoints.names import BadName, Maybe, Name, parse_name, paths
from graphspec.checkpoints.patterns import BadPattern, Pattern, parse_pattern
from graphspec.checkpoints.values import (
    Alias,
    CheckpointMap,
    Computed,
    Described,
    Expectation,
    Line,
    Rule,
    Setting,
)
from graphspec.diagnostics import Report, Span, suggestion
from graphspec.document import Document, Keyed, MapEntry
from graphspec.source import Map, Scalar, Sequence, Value

_LINE_KEYS = ("from", "rearrange", "sizes", "value")
_SETTING_KEYS = ("from", "words", "count")


def read_maps(document: Document, report: Report) -> dict[str, CheckpointMap]:
    """Every map of a document by its name."""
    return {name: _Reader(document, entry, report).read() for name, entry in document.checkpoints.items()}


class _Wrong(Exception):
    """A value of the wrong form; reported already."""


class _Reader:
    def __init__(self, document: Document, entry: MapEntry, report: Report) -> None:
        self.document, self.entry, self.report = document, entry, report

    def read(self) -> CheckpointMap:
        entry = self.entry
        blocks = {name: tuple(self.section(block.value)) for name, block in entry.blocks.items()}
        return CheckpointMap(
            entry.name,
            entry.span,
            tuple(self.settings()),
            tuple(self.expectations()),
            tuple(self.ignored()),
            tuple(self.aliases()),
            tuple(rule for item in entry.nodes.values() for rule in self.rules(item)),
            blocks,
            {name: block.key.span for name, block in entry.blocks.items()},
        )

    # -- lines --------------------------------------------------------------------------------------------------------

    def section(self, value: Value) -> Iterator[Rule]:
        if not isinstance(value, Map):
            self.wrong(value, "a map of lines", "write `attention.q: self_attn.q_proj` lines")
            return
        for key, item in value.entries:
            yield from self.rules(Keyed(key, item))

    def rules(self, item: Keyed) -> Iterator[Rule]:
        try:
            yield from self.line(item)
        except BadName as error:
            self.report.error("bad-map-name", error.message, item.key.part(error.start, error.end), help=error.help)
        except _Wrong:
            pass

    def line(self, item: Keyed) -> Iterator[Rule]:
        left = parse_name(item.key.text)
        every = list(paths(left, item.key.text))
        options = self.mapping(item.value, _LINE_KEYS) if isinstance(item.value, Map) else {"from": item.value}
        names = [self.name(scalar) for scalar in self.scalars(options["from"], "a name")]
        value, steps = self.computation(options)
        line = Line(item.key.text, item.key.span, self.pattern(options), tuple(self.sizes(options)), steps, value)
        shared = self.shared(item, left, [name for name, _ in names], line.pattern)
        for picked, path in every:
            templates = tuple(t for name, _ in names for t in name.templates(() if shared else picked))
            yield Rule(line, path, templates, picked[0] if shared else 0, len(every) if shared else 0)

    def name(self, scalar: Scalar) -> tuple[Name, Scalar]:
        try:
            return parse_name(scalar.text), scalar
        except BadName as error:
            place = scalar.part(error.start, error.end)
            self.report.error("bad-map-name", error.message, place, help=error.help)
            raise _Wrong from error

    def shared(self, item: Keyed, left: Name, names: list[Name], pattern: Pattern | None) -> bool:
        """Whether the nodes of the set on the left are parts of one tensor. Reports sets that do not correspond."""
        sizes = [len(choice.items) for choice in left.choices]
        if all([len(choice.items) for choice in name.choices] == sizes for name in names):
            return False
        if len(sizes) == 1 and pattern is not None and not any(name.choices for name in names):
            if len(pattern.right[0]) == 1:
                return True
            message = "the first axis on the right counts the nodes of the set, and stands alone"
            self.report.error("bad-pattern", message, item.value.span, help="`(part rows) m -> part rows m`")
            raise _Wrong
        message = f"the sets of `{item.key.text}` have no counterparts in the name of the file's tensor"
        help = "give the right side as many elements, or say how one tensor is divided: `{from: …, rearrange: …}`"
        self.report.error("map-sets", message, item.value.span, help=help)
        raise _Wrong

    def pattern(self, options: Mapping[str, Value]) -> Pattern | None:
        if "rearrange" not in options:
            return None
        scalar = self.scalar(options["rearrange"], "a pattern")
        try:
            return parse_pattern(scalar.text)
        except BadPattern as error:
            self.report.error("bad-pattern", error.message, scalar.span, help=error.help)
            raise _Wrong from error

    def computation(self, options: Mapping[str, Value]) -> tuple[str, tuple[Step, ...]]:
        if "value" not in options:
            return "", ()
        scalar = self.scalar(options["value"], "an expression over `x`")
        try:
            return scalar.text, steps_of(scalar.text)
        except syntax.ExpressionError as error:
            place = scalar.part(error.start, error.end)
            self.report.error("bad-expression", error.message, place, help=error.help)
            raise _Wrong from error

    def sizes(self, options: Mapping[str, Value]) -> Iterator[tuple[str, syntax.Expression]]:
        given = options.get("sizes")
        if given is not None and not isinstance(given, Map):
            self.wrong(given, "a map of sizes", "write `sizes: {rows: d_model}`")
            raise _Wrong
        for key, value in given.entries if given else ():
            scalar = self.scalar(value, "a size")
            try:
                yield key.text, syntax.parse(scalar.text)
            except syntax.ExpressionError as error:
                place = scalar.part(error.start, error.end)
                self.report.error("bad-expression", error.message, place, help=error.help)
                raise _Wrong from error

    # -- the other sections -------------------------------------------------------------------------------------------

    def settings(self) -> Iterator[Setting]:
        for name, item in self.entry.config.items():
            if name not in self.document.params:
                help = suggestion(name, self.document.params, "parameters")
                message = f"there is no parameter `{name}` to set"
                self.report.error("unknown-parameter", message, item.key.span, help=help)
                continue
            try:
                options = self.mapping(item.value, _SETTING_KEYS) if isinstance(item.value, Map) else {}
                keys = self.scalars(options.get("from", item.value), "a key")
                names, words = tuple(key.text for key in keys), tuple(self.words(options))
                yield Setting(name, names, words, self.counts(options), item.key.span)
            except _Wrong:
                continue

    def counts(self, options: Mapping[str, Value]) -> bool:
        if "count" not in options:
            return False
        scalar = self.scalar(options["count"], "`true` or `false`")
        if scalar.text not in ("true", "false"):
            self.wrong(scalar, "`true` or `false`")
            raise _Wrong
        return scalar.text == "true"

    def words(self, options: Mapping[str, Value]) -> Iterator[tuple[str, str | Described]]:
        given = options.get("words")
        if given is not None and not isinstance(given, Map):
            self.wrong(given, "a map of words", "write `words: {gelu_new: gelu_tanh}`")
            raise _Wrong
        for key, value in given.entries if given else ():
            yield key.text, self.record(value) if isinstance(value, Map) else self.scalar(value, "a word").text

    def record(self, value: Map) -> Described:
        kind = value.get("kind")
        if kind is None:
            help = "write `llama3: {kind: llama3, factor: factor}`"
            self.report.error("missing-key", "the key `kind` is missing", value.span, help=help)
            raise _Wrong
        entries = [(key.text, item) for key, item in value.entries if key.text != "kind"]
        return Described(self.scalar(kind, "a word").text, tuple(self.ingredient(name, item) for name, item in entries))

    def ingredient(self, name: str, item: Value) -> tuple[str, tuple[Computed, ...], bool]:
        options = self.scalars(item, "a key, or an expression over keys")
        may = options[-1].text == "none"
        return name, tuple(self.computed(option) for option in (options[:-1] if may else options)), may

    def computed(self, scalar: Scalar) -> Computed:
        try:
            return Computed(scalar.text, tuple(syntax.names(syntax.parse(scalar.text))))
        except syntax.ExpressionError as error:
            place = scalar.part(error.start, error.end)
            self.report.error("bad-expression", error.message, place, help=error.help)
            raise _Wrong from error

    def expectations(self) -> Iterator[Expectation]:
        for key, item in self.entry.expect.items():
            try:
                values = tuple(scalar.text for scalar in self.scalars(item.value, "a value"))
                yield Expectation(key, values, item.key.span)
            except _Wrong:
                continue

    def ignored(self) -> Iterator[str]:
        given = self.entry.ignore
        if given is not None:
            try:
                yield from (scalar.text for scalar in self.scalars(given, "a pattern"))
            except _Wrong:
                return

    def aliases(self) -> Iterator[Alias]:
        for name, item in self.entry.aliases.items():
            try:
                owner = self.scalar(item.value, "a name")
                yield Alias(name, owner.text, self.plain_names(item.key), self.plain_names(owner), item.key.span)
            except _Wrong:
                continue

    def plain_names(self, scalar: Scalar) -> tuple[str, ...]:
        """A name without sets and indices, as often as its optional parts say."""
        name, _ = self.name(scalar)
        if all(isinstance(part, str | Maybe) for part in name.parts):
            return tuple(template.fill({}) for template in name.templates(()))
        message = f"`{scalar.text}` must be one name"
        help = "an alias has optional parts `(a.)?`, but no sets and no indices"
        self.report.error("bad-map-name", message, scalar.span, help=help)
        raise _Wrong

    # -- forms --------------------------------------------------------------------------------------------------------

    def mapping(self, value: Map, known: tuple[str, ...]) -> dict[str, Value]:
        found = {key.text: item for key, item in value.entries}
        for key, _ in value.entries:
            if key.text not in known:
                help = suggestion(key.text, known, "keys")
                self.report.error("unknown-key", f"unknown key `{key.text}`", key.span, help=help)
                raise _Wrong
        if "from" not in found:
            self.report.error("missing-key", "the key `from` is missing", value.span, help="add `from: …`")
            raise _Wrong
        return found

    def scalars(self, value: Value, what: str) -> list[Scalar]:
        """One, or a list of alternatives."""
        items = value.items if isinstance(value, Sequence) else (value,)
        if not items:
            self.wrong(value, what, "write at least one")
            raise _Wrong
        return [self.scalar(item, what) for item in items]

    def scalar(self, value: Value, what: str) -> Scalar:
        if isinstance(value, Scalar) and not value.absent:
            return value
        self.wrong(value, what)
        raise _Wrong

    def wrong(self, value: Value, wanted: str, help: str = "") -> None:
        place: Span = value.span
        self.report.error("wrong-form", f"expected {wanted} here", place, help=help)
