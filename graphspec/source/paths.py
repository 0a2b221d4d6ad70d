"""Files that a spec names: beside it or below it, never elsewhere."""

from __future__ import annotations

from pathlib import Path

from graphspec.diagnostics import Report, suggestion
from graphspec.source.files import Root
from graphspec.source.values import Scalar


def file_beside(scalar: Scalar, folder: Path, root: Root, code: str, report: Report) -> Path | None:
    """The file that a path in a spec means: in `folder`, but never outside `root`. `code`: where there is none."""
    path = (folder / scalar.text).resolve()
    if Path(scalar.text).is_absolute() or not path.is_relative_to(root.folder.resolve()):
        help = "the files of a spec lie beside it or below it"
        report.error("library-outside", f"`{scalar.text}` leads out of the spec's folder", scalar.span, help=help)
        return None
    if not root.files.has(path):
        help = suggestion(scalar.text, root.files.near(folder), "files")
        report.error(code, f"there is no file `{scalar.text}`", scalar.span, help=help)
        return None
    return path
