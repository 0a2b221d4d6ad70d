"""From YAML values to frozen dataclasses: each field says how it is read, and every fault is reported at its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from compiler.target import as_bytes
from graphspec import axes, expressions
from graphspec.diagnostics import File, Report, Span, suggestion
from graphspec.elaborate import scalars
from graphspec.expressions import Binary, Expression, ExpressionError, Number, Unary
from graphspec.source import Map, Scalar, Sequence, Value, split_expression

INVALID: Any = object()
"""What a reader returns after it has reported why."""


@dataclass(frozen=True)
class Reading:
    """What readers need beside the value: where to report, where to note places, where relative paths start.

    A path written in the file is relative to its `folder`, one given in another way to the working directory.
    """

    report: Report
    spans: dict[str, Span]
    file: File
    folder: Path

    def path(self, value: Scalar) -> Path:
        start = self.folder if value.span.file == self.file else Path()
        return start / Path(value.text).expanduser()


Reader = Callable[[Value, Reading, str], Any]


# -- declaring fields --------------------------------------------------------------------------------------------------


def setting(about: str, read: Reader, default: Any = MISSING, *, key: str = "") -> Any:
    """A field of a dataclass that is read from YAML; without a default it is required.

    `key`: what YAML calls it, where that is no name in Python.
    """
    metadata = {"read": read, "about": about, "key": key}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def section(form: type, about: str) -> Any:
    """A field that is a dataclass of its own, required if one of its fields is."""

    def read(value: Value, reading: Reading, key: str) -> Any:
        return fill(form, value, reading, f"{key}.")

    metadata = {"read": read, "about": about, "form": form}
    if any(_required(inner) for inner in fields(form)):
        return field(metadata=metadata)
    return field(default_factory=form, metadata=metadata)


def key_of(it: Any) -> str:
    """What YAML calls a field."""
    return it.metadata.get("key") or it.name


def _required(it: Any) -> bool:
    return it.default is MISSING and it.default_factory is MISSING


# -- reading dataclasses -----------------------------------------------------------------------------------------------


def fill(form: type, value: Value, reading: Reading, prefix: str = "") -> Any:
    """Read a map as the dataclass `form`. Reports unknown and missing keys and every value that does not fit."""
    if not isinstance(value, Map):
        message = f"`{prefix.rstrip('.')}` is a section, found {_form(value)}"
        reading.report.error("wrong-form", message, value.span, help=f"write {_example(form)}")
        return INVALID
    known = {key_of(it): it for it in fields(form) if "read" in it.metadata}
    written = [key for key, _ in value.entries if key.text in known]
    read = {key.text: _read(known[key.text], key, value, reading, prefix) for key in written}
    _report_unknown(value, known, reading.report)
    for name, it in known.items():
        if _required(it) and name not in read:
            message, help = f"the key `{prefix}{name}` is missing", f"add `{name}: …`: {it.metadata['about']}"
            reading.report.error("missing-key", message, reading.spans.get(prefix.rstrip("."), value.span), help=help)
            read[name] = INVALID
    if any(item is INVALID for item in read.values()):
        return INVALID
    return form(**{known[name].name: item for name, item in read.items()})


def _read(it: Any, key: Scalar, owner: Map, reading: Reading, prefix: str) -> Any:
    value = owner.get(key.text)
    assert value is not None, "the key came from this map"
    name = f"{prefix}{key.text}"
    reading.spans[name] = key.span if isinstance(value, Map) else value.span
    if isinstance(value, Scalar) and value.absent:
        reading.report.error("missing-value", f"`{name}` has no value", key.span, help="write one after the colon")
        return INVALID
    return it.metadata["read"](value, reading, name)


def _report_unknown(value: Map, known: Mapping[str, Any], report: Report) -> None:
    for index, (key, _) in enumerate(value.entries):
        if key.text not in known:
            meant = split_expression(value, index)
            quote = f'inside `{{…}}` YAML splits at commas: quote "{meant}"'
            help = quote if meant else suggestion(key.text, known, "keys")
            report.error("unknown-key", f"unknown key `{key.text}`", key.span, help=help)


def _form(value: Value) -> str:
    return "a map" if isinstance(value, Map) else "a list" if isinstance(value, Sequence) else f"`{value.text}`"


def _example(form: type) -> str:
    return f"`{{{', '.join(f'{key_of(it)}: …' for it in fields(form)[:2])}}}`"


# -- reading values ----------------------------------------------------------------------------------------------------


def _wrong(value: Value, reading: Reading, key: str, wanted: str, help: str = "") -> Any:
    reading.report.error("wrong-value", f"`{key}` is {wanted}, found {_form(value)}", value.span, help=help)
    return INVALID


def word(*known: str) -> Reader:
    """One of a few words."""

    def read(value: Value, reading: Reading, key: str) -> Any:
        if isinstance(value, Scalar) and value.text in known:
            return value.text
        help = suggestion(value.text, known, "words") if isinstance(value, Scalar) else ""
        return _wrong(value, reading, key, f"one of {', '.join(f'`{one}`' for one in known)}", help)

    return read


def whole(low: int) -> Reader:
    """A whole number of at least `low`, written as an expression."""

    def read(value: Value, reading: Reading, key: str) -> Any:
        result = _evaluated(value, reading, key)
        if result is INVALID:
            return INVALID
        if not math.isfinite(result) or result != int(result) or result < low:
            return _wrong(value, reading, key, f"a whole number of at least {low}")
        return int(result)

    return read


def number(*, low: float = -math.inf, above: float = -math.inf, below: float = math.inf) -> Reader:
    """A number within bounds, written as an expression."""
    bounds = [(f"at least {low:g}", low), (f"above {above:g}", above), (f"below {below:g}", below)]
    wanted = " and ".join(text for text, bound in bounds if math.isfinite(bound))

    def read(value: Value, reading: Reading, key: str) -> Any:
        result = _evaluated(value, reading, key)
        if result is not INVALID and not (low <= result < below and result > above):
            return _wrong(value, reading, key, f"a number {wanted}")
        return result if result is INVALID else float(result)

    return read


def numbers(count: int, **bounds: float) -> Reader:
    """A list of numbers."""
    one = number(**bounds)

    def read(value: Value, reading: Reading, key: str) -> Any:
        if not isinstance(value, Sequence) or len(value.items) != count:
            return _wrong(value, reading, key, f"a list of {count} numbers")
        found = tuple(one(item, reading, key) for item in value.items)
        return INVALID if INVALID in found else found

    return read


def amount(value: Value, reading: Reading, key: str) -> Any:
    """An amount of memory, or `none`."""
    if isinstance(value, Scalar) and value.text == "none":
        return None
    if isinstance(value, Scalar) and as_bytes(value.text) > 0:
        return value.text
    return _wrong(value, reading, key, "an amount of memory", "write `16GB`, or `16GiB`")


def path(value: Value, reading: Reading, key: str) -> Any:
    """A path; whether it exists is asked when it is opened."""
    return reading.path(value) if isinstance(value, Scalar) else _wrong(value, reading, key, "a path")


def optional_path(value: Value, reading: Reading, key: str) -> Any:
    """A path that need not be given; `none` says so."""
    return None if isinstance(value, Scalar) and value.text == "none" else path(value, reading, key)


def fraction_or_path(value: Value, reading: Reading, key: str) -> Any:
    """A share below 1, or a path."""
    try:
        share = _evaluate(expressions.parse(value.text)) if isinstance(value, Scalar) else None
    except ExpressionError:
        return path(value, reading, key)
    if share is not None and not 0 <= share < 1:
        return _wrong(value, reading, key, "a file, or a share of at least 0 and below 1")
    return _wrong(value, reading, key, "a file or a share") if share is None else float(share)


def column(value: Value, reading: Reading, key: str) -> Any:
    """A column: its number from 1, or its name."""
    if not isinstance(value, Scalar):
        return _wrong(value, reading, key, "the number or the name of a column")
    if value.style != "plain" or not value.text.lstrip("-").isdigit():
        return value.text
    return int(value.text) if int(value.text) > 0 else _wrong(value, reading, key, "a column, counted from 1")


def settings(value: Value, reading: Reading, key: str) -> Any:
    """A map from names to expressions, kept as text: the spec knows what they must be."""
    if not isinstance(value, Map):
        return _wrong(value, reading, key, "a map of names and values")
    for name, item in value.entries:
        reading.spans[f"{key}.{name.text}"] = item.span
        if not isinstance(item, Scalar):
            return _wrong(item, reading, f"{key}.{name.text}", "a single value")
    return {name.text: item.text for name, item in value.entries if isinstance(item, Scalar)}


def texts(value: Value, reading: Reading, key: str) -> Any:
    """A list of texts; as a single value, with commas between them."""
    if isinstance(value, Scalar):
        return tuple(part.strip() for part in value.text.split(","))
    if not isinstance(value, Sequence) or not all(isinstance(item, Scalar) for item in value.items):
        return _wrong(value, reading, key, "a list of texts")
    return tuple(item.text for item in value.items if isinstance(item, Scalar))


def optional_text(value: Value, reading: Reading, key: str) -> Any:
    """A text; `none` says that there is none."""
    if not isinstance(value, Scalar):
        return _wrong(value, reading, key, "a single text")
    return None if value.text == "none" else value.text


def rules(value: Value, reading: Reading, key: str) -> Any:
    """A map from patterns of names to truth values; the order is kept."""
    if not isinstance(value, Map):
        return _wrong(value, reading, key, "a map of patterns, each `true` or `false`", 'write `{"encoder.*": false}`')
    for pattern, item in value.entries:
        reading.spans[f"{key}.{pattern.text}"] = pattern.span
        if not isinstance(item, Scalar) or item.text not in ("true", "false"):
            return _wrong(item, reading, f"{key}.{pattern.text}", "`true` or `false`")
    return {pattern.text: item.text == "true" for pattern, item in value.entries if isinstance(item, Scalar)}


def _evaluated(value: Value, reading: Reading, key: str) -> Any:
    if not isinstance(value, Scalar):
        return _wrong(value, reading, key, "a number")
    try:
        return _evaluate(expressions.parse(value.text))
    except ExpressionError as error:
        place = value.part(error.start, error.end)
        reading.report.error("bad-expression", f"`{key}` is no number: {error.message}", place, help=error.help)
        return INVALID


def _evaluate(expression: Expression) -> int | float:
    """The value of arithmetic on numbers. Raises `ExpressionError`."""
    try:
        value = scalars.as_number(_scalar(expression), _NO_SIZES).value
    except scalars.Undefined as error:
        raise ExpressionError(str(error), expression.start, expression.end) from None
    assert value is not None, "without names every value is known"
    return value


def _scalar(expression: Expression) -> scalars.Scalar:
    match expression:
        case Number(value):
            return axes.dim(value) if isinstance(value, int) else axes.Number.of(value)
        case Unary("-", operand):
            return scalars.negate(_scalar(operand), _NO_SIZES)
        case Binary(operator, left, right) if operator in ("+", "-", "*", "/", "//", "%", "**"):
            return scalars.arithmetic(operator, _scalar(left), _scalar(right), _NO_SIZES)
        case _:
            raise ExpressionError("only numbers and arithmetic have a value here", expression.start, expression.end)


_NO_SIZES = axes.Sizes({}, {})
