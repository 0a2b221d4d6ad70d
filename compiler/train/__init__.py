"""Training: a recipe and data → a run folder with a model that answers.

report = Report()
recipe = train.load("specs/recipes/dates.yaml", report)
report.check()
result = train.run(recipe)
predictor = train.load_run(result.folder)
predictor.answer(["4 July 1976"])
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from compiler.train.recipe import Recipe, from_flags, is_recipe, load

if TYPE_CHECKING:
    from rich.console import Console

    from compiler.train.predict import Predictor
    from compiler.train.session import Result

__all__ = ["Recipe", "from_flags", "is_recipe", "load", "load_run", "run"]


def run(recipe: Recipe, *, resume: bool = False, console: Console | None = None) -> Result:
    """Train a model as the recipe says and write its run folder. Raises `SpecError` with every fault found.

    An existing run is gone on with if `resume` says so and the recipe is the same, else refused. Ctrl-C saves and
    returns a result that is not `finished`.
    """
    from compiler.train import session  # torch takes seconds to import; recipes are read without it

    return session.run(recipe, resume=resume, console=console)


def load_run(folder: str | os.PathLike[str], *, device: str = "auto") -> Predictor:
    """The trained model of a run folder, ready to answer. Raises `SpecError` if it is none."""
    from compiler.train import predict

    return predict.load(folder, device=device)
