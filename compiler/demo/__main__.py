"""From a spec to answers: check, draw, compile, train, predict. `python -m compiler.demo`, or `make demo`."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from graphspec import SpecError
from graphspec.diagnostics import Report, display_name

if TYPE_CHECKING:
    from rich.console import Console

    from compiler.train import Recipe

SHOWN = 5


def main() -> int:
    """Run the demo in the working directory. Returns the exit code."""
    from rich.console import Console

    if find_spec("babel") is None:
        print(
            "the demo needs Babel, for dates in many languages: pip install 'graphspec-compiler[demo]'", file=sys.stderr
        )
        return 1
    try:
        return _demo(Console(), fresh(Path("runs/dates")))
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1


def fresh(folder: Path) -> Path:
    """The folder, or the first of `folder-2`, `folder-3`, … that is not there yet: nothing is overwritten."""
    found, number = folder, 1
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found


def gallery() -> Path:
    """The folder of specs: beside the packages in the repository, within `graphspec` when installed."""
    import graphspec

    package = Path(graphspec.__file__).parent
    return next(it for it in (package / "specs", package.parent / "specs") if it.is_dir())


def _demo(console: Console, folder: Path) -> int:
    from compiler import train

    recipe = _recipe(folder)
    _check(recipe, console)
    _title(console, f"training, in {display_name(folder)}")
    result = train.run(recipe, console=console)
    if not result.finished:
        return 130
    _answer(result.folder, recipe, folder / "alignment.png", console)
    console.print(f"exact match: {100 * result.measured['test']:.1f} %", highlight=False)
    return 0


def _recipe(folder: Path) -> Recipe:
    """Write the data, and read the recipe of the gallery with its paths put in."""
    from compiler import train
    from compiler.demo import dates

    files = dates.write(folder / "data")
    changes = {f"data.{name}": str(path) for name, path in files.items()}
    report = Report()
    found = train.load(gallery() / "recipes" / "dates.yaml", report, {**changes, "run": str(folder / "run")})
    report.check()
    assert found is not None, "a recipe without faults is read"
    return found


def _check(recipe: Recipe, console: Console) -> None:
    """What `graphspec check` says of the spec, in the sizes of this recipe and its data."""
    from compiler.train import session
    from graphspec.render.summary import summary

    _title(console, f"checking {display_name(recipe.spec)}")
    report = Report()
    job = session.prepare(recipe, False, report)
    report.check()
    assert job is not None, "what cannot be prepared is reported"
    text = summary(job.spec.graph, job.spec.check()).as_text()
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _answer(run: Path, recipe: Recipe, picture: Path, console: Console) -> None:
    """Answer some dates that the model has never seen, and draw where it looks."""
    from compiler import train
    from compiler.demo.alignment import alignment, draw
    from compiler.train.progress import Answer, show

    assert recipe.data.test, "the recipe names a test file"
    pairs = [line.split("\t") for line in recipe.data.test.read_text(encoding="utf-8").splitlines()]
    predictor = train.load_run(run)
    _title(console, "answering dates that were held out")
    chosen = _varied(pairs)
    found = predictor.answer([asked for asked, _ in chosen])
    show(console, [Answer(it.input, it.text, wanted) for it, (_, wanted) in zip(found, chosen, strict=True)])
    asked = next(asked for asked, _ in pairs if len(asked) >= 24 and max(asked) < "\u0250")
    draw(asked, *alignment(predictor, asked), picture)
    console.print(f"\nwhat it looks at while reading `{asked}`: {display_name(picture)}", highlight=False)
    for name in ("diagram.svg", "model.py", "loss.svg"):
        console.print(f"{name}: {display_name(run / name)}", highlight=False)
    console.print(f"ask it: graphspec predict {display_name(run)} '{chosen[0][0]}'", highlight=False)


def _varied(pairs: list[list[str]]) -> list[list[str]]:
    """Five long ones, no two with the same beginning."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        if len(pair[0]) >= 12:
            found.setdefault(pair[0][0], pair)
    return list(found.values())[:SHOWN]


def _title(console: Console, text: str) -> None:
    console.print(f"\n== {text}\n", style="bold", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
