"""Two specs side by side, each as a file, as it was at a revision, or loaded already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from graphspec.diagnostics import Report
from graphspec.revisions import located, revision
from graphspec.spec import Override, Spec, read_spec

if TYPE_CHECKING:
    from graphspec.difference import Difference

Named = Spec | str | os.PathLike[str]


def diff(before: Named, after: Named, **overrides: Override) -> Difference:
    """The architectural difference of two specs: `str` of it is the report, `render` draws it, `bool` says if any.

    Each is a loaded spec, a path, or `REVISION:path` in the git repository around the working directory, the path from
    its top, or from here if it begins with `./`; libraries come from the same revision. `overrides` set parameters of
    both, where they are not loaded yet. Raises `SpecError` with every problem of both.
    """
    report = Report()
    specs = [spec if isinstance(spec, Spec) else read_named(spec, overrides, report) for spec in (before, after)]
    found = compared(specs[0], specs[1], report)
    report.check()
    assert found is not None
    return found


def compared(before: Spec | None, after: Spec | None, report: Report) -> Difference | None:
    """The difference of two specs, unless one was not to be read or has contracts that make no sense."""
    from graphspec.analysis.contracts import check_contracts
    from graphspec.difference import difference

    for spec in filter(None, (before, after)):
        check_contracts(spec.graph, report)
    if before is None or after is None or report.failed:
        return None
    names = (before.name, after.name)
    if names[0] == names[1]:
        names = (before.source.file.name, after.source.file.name)
    if names[0] == names[1]:
        names = (f"{before.name} before", f"{after.name} after")
    return difference(before.graph, after.graph, names)


def read_named(written: str | os.PathLike[str], overrides: Mapping[str, Override], report: Report) -> Spec | None:
    """A spec by its path, or by a revision and its path there: `HEAD~3:specs/llm/llama.yaml`."""
    text = os.fspath(written)
    if ":" not in text or Path(text).exists():
        return _read(text, overrides, report)
    name, _, inside = text.partition(":")
    files = revision(name, Path(), report)
    if files is None:
        return None
    here = Path(inside).parts[:1] in ((".",), ("..",)) or inside.startswith("./")
    path = located(files, Path(inside) if here else files.top / inside, report)
    return read_spec(path, overrides, report, files) if path else None


def read_since(
    name: str, path: str, overrides: Mapping[str, Override], report: Report
) -> tuple[Spec | None, Spec | None]:
    """A spec as it was at a revision of the repository around it, and as it is."""
    files = revision(name, Path(path).absolute().parent, report)
    then = located(files, Path(path), report) if files else None
    before = read_spec(then, overrides, report, files) if files and then else None
    return before, _read(path, overrides, report)


def _read(path: str, overrides: Mapping[str, Override], report: Report) -> Spec | None:
    """A spec with its own warnings; what is wrong with it goes to the report too."""
    own = Report()
    spec = read_spec(path, overrides, own)
    report.add(*own.diagnostics)
    return spec and replace(spec, warnings=own.diagnostics)
