"""Sizes of a spec from the configuration that lies beside a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from compiler.checkpoint.maps import choose
from graphspec import Spec
from graphspec.checkpoints import CheckpointMap, configured
from graphspec.diagnostics import Report, display_name
from graphspec.source import Map, Scalar, Sequence, Value, parse
from graphspec.spec import Override, load_with

CONFIG = "config.json"


def find_sizes(
    given: CheckpointMap, config: Path, report: Report, settled: Collection[str] = ()
) -> dict[str, Override]:
    """The parameters that a configuration file sets, by the map, `settled` ones left out. Reports what does not fit."""
    read = read_config(config, report)
    return {} if read is None else dict(configured(given, read, display_name(config), report, settled))


def read_config(file: Path, report: Report) -> Mapping[str, Any] | None:
    """A configuration file. Reports one that is not there or no JSON object."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        report.error("config-unreadable", f"cannot read `{display_name(file)}`: {reason}", None, help=_HELP)
        return None
    if not isinstance(found, dict):
        report.error("config-unreadable", f"`{display_name(file)}` holds no JSON object", None, help=_HELP)
        return None
    return found


_HELP = "name a JSON file of sizes, such as the `config.json` of the checkpoint"


def read_spec_for(path: Path, source: Path, map: str | None, settings: Mapping[str, Override]) -> Spec:
    """A spec with the sizes of the checkpoint in a folder, where that has a configuration; `settings` win.

    Raises `SpecError`.
    """
    config = source / CONFIG
    if not config.is_file():
        return load_with(path, settings)
    return configure(path, config, map, settings)[0]


def configure(
    path: Path, config: Path, map: str | None, settings: Mapping[str, Override]
) -> tuple[Spec, Mapping[str, Override]]:
    """A spec with the sizes of a configuration file, and those sizes. Raises `SpecError`."""
    report = Report()
    plain = load_with(path, {})
    given = choose(plain, map, report)
    sizes = find_sizes(given, config, report, settings) if given else {}
    report.check()
    sizes = {**sizes, **settings}
    return load_with(path, sizes), sizes


def _same(own: Override, value: Override) -> bool:
    """Whether a value of a configuration, perhaps a text, is what the spec has."""
    if isinstance(own, str) and own.startswith("{") and isinstance(value, str):
        return _entries(own) == _entries(value)
    if isinstance(own, bool) or (isinstance(value, str) and not value.replace("_", "").isdigit()):
        return str(own).lower() == value
    return own == (int(value) if isinstance(value, str) else value)


def _records(spec: Spec) -> dict[str, Override]:
    """The parameters of a spec that are records, or `none`, as they are written."""
    params = spec.source.root.get("params")
    written = dict(spec.overrides)
    for key, value in params.entries if isinstance(params, Map) else ():
        written.setdefault(key.text, value.text if isinstance(value, Scalar) else _text(value))
    return written


def _text(value: Value) -> str:
    if isinstance(value, Map):
        return f"{{{', '.join(f'{key.text}: {_text(item)}' for key, item in value.entries)}}}"
    return f"[{', '.join(map(_text, value.items))}]" if isinstance(value, Sequence) else value.text


def _entries(text: str) -> dict[str, float | str]:
    """A record for comparison: numbers by their value."""
    read = parse(f"record: {text}", "", Report())
    record = read.root.get("record") if read else None
    texts = {key.text: _text(value) for key, value in record.entries} if isinstance(record, Map) else {}
    return {name: _number(it) for name, it in texts.items()}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def check_same(spec: Spec, given: CheckpointMap, source: Path, report: Report) -> None:
    """Report parameters that the configuration beside a checkpoint sets otherwise than a spec that was loaded."""
    config = source / CONFIG
    if not config.is_file():
        return
    own = _records(spec) | {setting.name: setting.value for setting in spec.graph.settings}
    places = {setting.name: setting.span for setting in given.config}
    for name, value in find_sizes(given, config, report).items():
        if name in own and not _same(own[name], value):
            message = f"`{name}` is {own[name]} in the spec, but {value} in `{display_name(config)}`"
            help = f"load the spec with `{name}={value}`, or give its path instead of the loaded spec"
            report.error("config-value", message, places[name], help=help)
