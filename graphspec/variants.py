"""A spec that `extends` another: a source with what it changes → one source, every value with its own place.

New names stand in their sections, as in any spec. What is there already is changed under `override:` and taken away
under `remove:`, by paths in the language's own names: `theta`, `decoder_layer.attention.mask`. So a name that is
mistyped is neither a new one nor a change without effect.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from graphspec.diagnostics import Note, Report, suggestion
from graphspec.source import DISK, Files, Map, Root, Scalar, Sequence, Source, Value, file_beside, read

EXTENDS, OVERRIDE, REMOVE = "extends", "override", "remove"
MAX_BASES = 16
SECTIONS = ("params", "axes", "inputs", "masks", "blocks", "nodes")
"""The sections of a file whose names are of one scope, so that a path begins with the name alone."""
INSIDE = ("in", "params", "masks", "nodes")
"""The same of a block."""
OPEN = ("use", "outputs", "init", "checkpoints", *SECTIONS)
"""The sections to which a variant adds by its own."""
TITLES = ("graphspec", "name", "title", "about")


def extend(source: Source, folder: Path | None, report: Report, files: Files = DISK) -> Source | None:
    """The source with what it extends; None if that cannot be told. Files lie in `folder` or below."""
    return _extended(source, folder, Root(folder, files) if folder else None, report, ())


def _extended(
    source: Source, folder: Path | None, root: Root | None, report: Report, above: tuple[Path, ...]
) -> Source | None:
    given = source.root.get(EXTENDS)
    if given is None:
        return source if _names_no_base(source.root, report) else None
    base = _base(given, folder, root, report, above)
    if base is None or folder is None:
        return None
    return _Variant(source, base, report).merged()


def _names_no_base(root: Map, report: Report) -> bool:
    stray = [key for key, _ in root.entries if key.text in (OVERRIDE, REMOVE)]
    for key in stray:
        message = f"`{key.text}` changes another spec, but none is named"
        report.error("no-base", message, key.span, help="add `extends: other.yaml`, or change the value itself")
    return not stray


def _base(
    given: Value, folder: Path | None, root: Root | None, report: Report, above: tuple[Path, ...]
) -> Source | None:
    """The spec that is extended, itself with what it extends, seen from `folder`."""
    if not isinstance(given, Scalar) or given.absent:
        report.error("wrong-form", "`extends` needs the path of a spec", given.span, help="write `extends: llama.yaml`")
        return None
    if folder is None or root is None:
        report.error("no-base", "a spec without a file has no paths to follow", given.span, help="load it from a file")
        return None
    path = file_beside(given, folder, root, "no-base", report)
    if path is None:
        return None
    if path in above or len(above) >= MAX_BASES:
        report.error("extends-cycle", f"`{given.text}` extends itself", given.span, help="remove this line")
        return None
    source = read(path, report, root.files)
    found = _extended(source, path.parent, root, report, (*above, path)) if source else None
    if found is None:
        return None
    return replace(found, root=_moved(found.root, posixpath.dirname(given.text)), bases=(path, *found.bases))


def _moved(root: Map, folder: str) -> Map:
    """The paths of libraries, seen from a folder around."""
    used = root.get("use")
    if not folder or not isinstance(used, Map):
        return root
    entries = tuple(
        (key, replace(value, text=posixpath.join(folder, value.text)) if isinstance(value, Scalar) else value)
        for key, value in used.entries
    )
    return _put(root, ("use",), replace(used, entries=entries))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path leads: the keys along the YAML, and what stands there."""

    keys: tuple[str, ...]
    kind: str
    value: Value


class _Variant:
    """One spec laid over another."""

    def __init__(self, source: Source, base: Source, report: Report) -> None:
        self.source, self.base, self.report = source, base, report
        self.root = base.root

    def merged(self) -> Source:
        self.root = replace(self.root, span=self.source.root.span)
        for path in self.paths(REMOVE):
            self.remove(path)
        for key, value in self.section(OVERRIDE):
            self.override(key, value)
        for key, value in self.source.root.entries:
            self.add(key, value)
        return Source(self.source.file, self.root, self.base.bases)

    # -- what there is to do -------------------------------------------------------------------------------------------

    def section(self, name: str) -> Iterator[tuple[Scalar, Value]]:
        given = self.source.root.get(name)
        if isinstance(given, Map):
            yield from given.entries
        elif given is not None:
            self.report.error(
                "wrong-form", f"`{name}` is a map of paths", given.span, help="write `theta: 10000` lines"
            )

    def paths(self, name: str) -> Iterator[Scalar]:
        given = self.source.root.get(name)
        items = given.items if isinstance(given, Sequence) else () if given is None else (given,)
        for item in items:
            if isinstance(item, Scalar) and not item.absent:
                yield item
            else:
                help = "write `remove: [decoder_layer.norm]`"
                self.report.error("wrong-form", f"`{name}` is a list of paths", item.span, help=help)

    def remove(self, path: Scalar) -> None:
        place, rest = self.find(path)
        if rest:
            self.report_unknown(path, place, rest)
        else:
            self.root = _put(self.root, place.keys, None)

    def override(self, path: Scalar, value: Value) -> None:
        place, rest = self.find(path)
        new = (rest,) if rest and place.kind == "node" and isinstance(place.value, Map) and "." not in rest else ()
        if rest and not new:
            self.report_unknown(path, place, rest)
            return
        keys = (*place.keys, *new)
        start = len(path.text) - len(keys[-1])
        self.root = _put(self.root, keys, value, Scalar(keys[-1], path.part(start, len(path.text)), path.style))

    def add(self, key: Scalar, value: Value) -> None:
        before = self.root.get(key.text)
        if key.text in (EXTENDS, OVERRIDE, REMOVE):
            return
        if key.text in TITLES or before is None:
            self.root = _put(self.root, (key.text,), value, key)
        elif key.text == "contracts" and isinstance(before, Sequence) and isinstance(value, Sequence):
            self.root = _put(self.root, (key.text,), replace(before, items=(*before.items, *value.items)))
        elif key.text in OPEN and isinstance(before, Map) and isinstance(value, Map):
            self.root = _put(self.root, (key.text,), self.joined(before, value, (key.text,)))
        else:
            self.report_there(key, before, (key.text,))

    def joined(self, before: Map, new: Map, path: tuple[str, ...]) -> Map:
        """Two maps of names; those that are there already may be maps of names, too."""
        found = before
        for key, value in new.entries:
            old, here = found.get(key.text), (*path, key.text)
            if old is None:
                found = replace(found, entries=(*found.entries, (key, value)))
            elif isinstance(old, Map) and isinstance(value, Map) and _is_open(here):
                found = _put(found, (key.text,), self.joined(old, value, here))
            else:
                self.report_there(key, old, here)
        return found

    # -- paths ---------------------------------------------------------------------------------------------------------

    def find(self, path: Scalar) -> tuple[_Place, str]:
        """As far as a path leads, and the rest of its text."""
        place, rest = _Place((), "file", self.root), path.text
        while rest:
            fits = [(name, it) for name, it in _inside(place) if rest == name or rest.startswith(f"{name}.")]
            if not fits:
                break
            name, place = max(fits, key=lambda found: len(found[0]))
            rest = rest[len(name) + 1 :]
        return place, rest

    def report_unknown(self, path: Scalar, place: _Place, rest: str) -> None:
        start, step = len(path.text) - len(rest), rest.partition(".")[0]
        names = [name for name, _ in _inside(place)]
        where = f"`{path.text[: start - 1]}`" if start else f"`{self.base.file.name}`"
        help = suggestion(step, names) if names else f"{where} has nothing inside"
        where_it_is = path.part(start, start + len(step))
        self.report.error("unknown-path", f"there is no `{step}` in {where}", where_it_is, help=help)

    def report_there(self, key: Scalar, old: Value, path: tuple[str, ...]) -> None:
        help = f"to change it, write `{_spoken(path)}: …` under `override:`"
        notes = [Note("it stands", old.span)]
        self.report.error(
            "already-there", f"`{key.text}` is in `{self.base.file.name}` already", key.span, notes=notes, help=help
        )


def _inside(place: _Place) -> Iterator[tuple[str, _Place]]:
    """The names that a path may go on with."""
    if not isinstance(place.value, Map):
        return
    for section in {"file": SECTIONS, "block": INSIDE}.get(place.kind, ()):
        names = place.value.get(section)
        for key, value in names.entries if isinstance(names, Map) else ():
            kind = {"blocks": "block", "nodes": "node"}.get(section, "")
            yield key.text, _Place((*place.keys, section, key.text), kind, value)
    for key, value in place.value.entries:
        yield key.text, _Place((*place.keys, key.text), "", value)


def _is_open(path: tuple[str, ...]) -> bool:
    """Whether a map of a spec holds names to which others may be added."""
    match path:
        case ("blocks", _) | ("checkpoints", *_):
            return True
        case ("blocks", _, section):
            return section in INSIDE
        case _:
            return False


def _spoken(path: tuple[str, ...]) -> str:
    """A path in the YAML as a path in the language: `blocks.layer.nodes.norm` is `layer.norm`."""
    section, *steps = path
    if section == "blocks" and len(steps) > 2 and steps[1] in INSIDE:
        del steps[1]
    return ".".join(steps if steps and section in SECTIONS else path)


def _put(owner: Map, keys: tuple[str, ...], value: Value | None, key: Scalar | None = None) -> Map:
    """The map with another value at a path, new or not; without the entry if there is none."""
    first, rest = keys[0], keys[1:]
    inner = owner.get(first)
    if rest:
        assert isinstance(inner, Map), "paths are found before they are written to"
        value, key = _put(inner, rest, value, key), None
    old = owner.key(first)
    written = key or old
    if value is None or written is None:
        return replace(owner, entries=tuple(entry for entry in owner.entries if entry[0].text != first))
    if old is None:
        return replace(owner, entries=(*owner.entries, (written, value)))
    entries = tuple((written, value) if name.text == first else (name, item) for name, item in owner.entries)
    return replace(owner, entries=entries)
