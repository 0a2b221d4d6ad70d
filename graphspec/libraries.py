"""Files of blocks: the standard library, and those that a spec uses by relative path."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Lock

from graphspec.diagnostics import Report
from graphspec.document import Document, lay_out
from graphspec.elaborate.values import Library
from graphspec.source import DISK, Files, Root, Scalar, file_beside, parse, read

MAX_FILES = 64
_READING = Lock()


def standard_library() -> Library:
    """The blocks of `graphspec/std/`, read once per process, however many threads ask for them."""
    with _READING:
        return _standard_library()


@cache
def _standard_library() -> Library:
    report = Report()
    documents: list[Document] = []
    nothing: dict[str, Library] = {}
    for file in sorted(resources.files("graphspec.std").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".yaml"):
            source = parse(file.read_text(encoding="utf-8"), f"std/{file.name}", report)
            document = lay_out(source, report) if source else None
            if document:
                documents.append(document)
    report.check()
    blocks = {name: entry for document in documents for name, entry in document.blocks.items()}
    return Library("std", documents[0].model_copy(update={"blocks": blocks}), nothing, standard_library, "standard")


def own_library(document: Document, root: Path | None, report: Report, files: Files = DISK) -> Library:
    """The spec's own file, with the libraries that it uses, from where it comes itself."""
    used: Mapping[str, Library] = _used(document, root, Root(root, files), report, ()) if root else {}
    if document.use and root is None:
        help = "load the spec from a file"
        report.error("unknown-library", "a spec without a file has no paths to follow", document.span, help=help)
    return Library(document.name, document, used, standard_library, "own")


def _used(
    document: Document, folder: Path, root: Root, report: Report, above: tuple[Path, ...]
) -> Mapping[str, Library]:
    found: dict[str, Library] = {}
    for name, entry in document.use.items():
        if not isinstance(entry.value, Scalar):
            report.error("wrong-form", f"`{name}` needs a path", entry.value.span, help=f"write `{name}: blocks.yaml`")
            continue
        path = file_beside(entry.value, folder, root, "unknown-library", report)
        if path is None:
            continue
        if path in above or len(above) >= MAX_FILES:
            report.error(
                "library-cycle", f"`{entry.value.text}` uses itself", entry.value.span, help="remove this line"
            )
            continue
        library = _read_library(name, path, root, report, (*above, path))
        if library:
            found[name] = library
    return found


def _read_library(name: str, path: Path, root: Root, report: Report, above: tuple[Path, ...]) -> Library | None:
    source = read(path, report, root.files)
    document = lay_out(source, report) if source else None
    if document is None:
        return None
    extra = [key for key in ("params", "axes", "inputs", "nodes", "outputs", "checkpoints") if getattr(document, key)]
    if extra:
        place = document.map.key(extra[0])
        help = "a library has only blocks: give them parameters and ports of their own"
        report.error(
            "not-a-library",
            f"the library `{root.files.name(path)}` has `{extra[0]}`",
            place.span if place else None,
            help=help,
        )
    return Library(name, document, _used(document, path.parent, root, report, above), standard_library, "used")
