"""`graphspec gallery`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import Plugins, complain
from compiler.plugins import load_plugins
from graphspec.diagnostics import Report
from graphspec.source import Scalar

if TYPE_CHECKING:
    from graphspec.render.gallery import Exhibit
    from graphspec.spec import Spec

EXAMPLE = "graphspec gallery specs -o specs/README.md --pictures docs/images/gallery"


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the specs are.", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The page; by default it is printed.")] = None,
    pictures: Annotated[Path | None, typer.Option(help="The folder for a picture of each spec.")] = None,
    plugins: Plugins = None,
) -> None:
    """Write a page of specs: a picture, size and contracts of each."""
    load_plugins(plugins)
    from graphspec.render.gallery import page

    if not folder.is_dir():
        raise typer.BadParameter(f"`{folder}` is no folder", param_hint="FOLDER")
    text = page(exhibits(folder, pictures, output.parent if output else Path()))
    if pictures:
        draw(folder, pictures)
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


def spec_files(folder: Path) -> Iterator[Path]:
    """The models in a folder: what has nodes, or extends what has them."""
    for path in sorted(folder.rglob("*.yaml")):
        keys = {line.partition(":")[0] for line in path.read_text(encoding="utf-8").splitlines()}
        if "graphspec" in keys and keys & {"nodes", "extends"}:
            yield path


def exhibits(folder: Path, pictures: Path | None, beside: Path) -> list[Exhibit]:
    """What the page shows; paths of pictures are from the folder `beside`. Raises `SpecError`."""
    return [_exhibit(path, folder, pictures, beside) for path in spec_files(folder)]


def _exhibit(path: Path, folder: Path, pictures: Path | None, beside: Path) -> Exhibit:
    from graphspec.render.gallery import Exhibit
    from graphspec.spec import load

    spec = load(path)
    picture = Path(os.path.relpath(_picture(path, pictures), beside)).as_posix() if pictures else ""
    name = path.relative_to(folder).as_posix()
    return Exhibit(name, _about(spec), spec.text, spec.graph, spec.check(), list(spec.checkpoints), picture)


def _picture(path: Path, pictures: Path) -> Path:
    return pictures / f"{path.stem}.svg"


def draw(folder: Path, pictures: Path) -> None:
    """A picture of each spec. Raises `SpecError`."""
    from compiler.checkpoint.writing import make_folder
    from graphspec.render import write
    from graphspec.spec import load

    make_folder(pictures)
    report = Report()
    for path in spec_files(folder):
        write(load(path).graph, _picture(path, pictures), report)
    complain(report.diagnostics)
    report.check()


def _about(spec: Spec) -> str:
    """The sentence that a spec says about itself."""
    about = spec.source.root.get("about")
    return " ".join(about.text.split()) if isinstance(about, Scalar) else ""
