"""A model's configuration, as another program writes it → values for the parameters of a spec."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from graphspec.checkpoints.values import CheckpointMap, Expectation, Setting
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
        if value is None and "none" in dict(setting.words):
            return dict(setting.words)["none"]
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
        return dict(setting.words).get(value, value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    message = f"`{key}` of `{file}` is no number, word or truth value"
    help = "name a key within it: `rope.theta`"
    report.error("config-value", message, setting.span, help=help)
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
