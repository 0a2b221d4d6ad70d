"""A model's configuration, as another program writes it → values for the parameters of a spec."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from graphspec.checkpoints.values import CheckpointMap, Computed, Described, Expectation, Setting
from graphspec.diagnostics import Report

_MISSING = object()
Configured = str | int | float
"""A value as `--set` takes it."""


def configured(
    given: CheckpointMap, config: Mapping[str, Any], file: str, report: Report, settled: Collection[str] = ()
) -> dict[str, Configured]:
    """The parameters that a configuration sets, `settled` ones left out.

    Reports what it lacks, and what the spec is not made for.
    """
    for expectation in given.expect:
        _check(expectation, config, file, report)
    found: dict[str, Configured] = {}
    for setting in given.config:
        if setting.name in settled:
            continue
        value = _value(setting, config, file, report)
        if value is not None:
            found[setting.name] = value
    return found


def _value(setting: Setting, config: Mapping[str, Any], file: str, report: Report) -> Configured | None:
    """None where the configuration says nothing on purpose: the key holds null, or the line ends with `none`.

    A word for `none` is the value where the key holds null.
    """
    missing = True
    for key in setting.keys:
        if key == "none":
            return None
        value = look_up(config, key)
        missing = missing and value is _MISSING
        if value is None and "none" in (words := dict(setting.words)):
            word = words["none"]
            return word if isinstance(word, str) else None
        if isinstance(value, str) and any(isinstance(word, Described) for _, word in setting.words):
            return _described(setting, key, value, config, file, report)
        if value is not _MISSING and value is not None:
            return _usable(setting, key, value, file, report)
    if missing:
        listed = " nor ".join(f"`{key}`" for key in setting.keys)
        help = f"set `{setting.name}` yourself, or end the line's list with `none`: the spec's own value stays"
        message = f"`{file}` does not say {listed}"
        report.error("config-key", message, setting.span, help=help)
    return None


def _usable(setting: Setting, key: str, value: object, file: str, report: Report) -> Configured | None:
    if setting.count and isinstance(value, Mapping | list):
        return len(value)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, str):
        return str(dict(setting.words).get(value, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    message = f"`{key}` of `{file}` is no number, word or truth value"
    help = "name a key within it: `rope.theta`"
    report.error("config-value", message, setting.span, help=help)
    return None


def _described(
    setting: Setting, key: str, word: str, config: Mapping[str, Any], file: str, report: Report
) -> Configured | None:
    """The word that a word means, or the record, with its entries from beside the word or from the top."""
    known = dict(setting.words)
    meant = known.get(word)
    if meant is None:
        message = f"`{key}` is `{word}` in `{file}`, which this map does not know"
        report.error("config-value", message, setting.span, help=f"known words: {', '.join(f'`{it}`' for it in known)}")
        return None
    if isinstance(meant, str):
        return meant
    beside = look_up(config, key.rpartition(".")[0]) if "." in key else config
    found = [f"kind: {meant.kind}"]
    for name, options, may in meant.entries:
        text = next((text for it in options if (text := _computed(it, {**config, **beside})) is not None), None)
        if text is not None:
            found.append(f"{name}: {text}")
        elif not may:
            listed = " nor ".join(f"`{option.text}`" for option in options)
            message = f"`{file}` does not say {listed} beside `{key}`"
            report.error("config-key", message, setting.span, help=f"`{name}` of `{meant.kind}` is read from it")
    return f"{{{', '.join(found)}}}"


def _computed(given: Computed, keys: Mapping[str, Any]) -> str | None:
    """The expression with the values of its keys; None unless all are there."""
    text = given.text
    for name in sorted(given.reads, key=lambda it: -it.start):
        value = _literal(keys.get(name.text))
        if value is None:
            return None
        text = text[: name.start] + value + text[name.end :]
    return f'"{text}"' if "," in text and not text.startswith("[") else text


def _literal(value: object) -> str | None:
    """A value as it is written in the language."""
    if isinstance(value, bool | str):
        return str(value).lower() if isinstance(value, bool) else value
    if isinstance(value, int | float):
        return repr(value) if value >= 0 else f"({value!r})"
    if isinstance(value, list) and value:
        items = [_literal(item) for item in cast("list[object]", value)]
        return None if None in items else f"[{', '.join(map(str, items))}]"
    return None


def _check(expectation: Expectation, config: Mapping[str, Any], file: str, report: Report) -> None:
    value = look_up(config, expectation.key)
    if value is not _MISSING and _text(value) not in expectation.values:
        wanted = " or ".join(f"`{text}`" for text in expectation.values)
        message = f"`{expectation.key}` is `{_text(value)}` in `{file}`, but this spec is a model with {wanted}"
        help = "the weights belong to another model: they need another spec"
        report.error("config-value", message, expectation.span, help=help)


def _text(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def look_up(config: Mapping[str, Any], key: str) -> Any:
    """The value under `a.b`: `b` within `a`."""
    value: Any = config
    for step in key.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return _MISSING
        value = value[step]  # pyright: ignore[reportUnknownVariableType]
    return value  # pyright: ignore[reportUnknownVariableType]
