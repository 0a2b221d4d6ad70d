"""A trained model that answers: a run folder → texts in, answers out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from compiler.train import folder, optimise, vocabulary
from compiler.train.batches import Ragged, fed
from compiler.train.corpus import Vocabularies, report_unknown, tokens_of
from compiler.train.data import Faults, Field
from compiler.train.folder import Folder
from compiler.train.generate import answers, continued
from compiler.train.model import answering, only
from compiler.train.recipe import LONGEST, Recipe
from compiler.train.recipe import load as load_recipe
from compiler.train.tasks import Task, choose, output_size
from compiler.train.vocabulary import Labels, Vocabulary
from graphspec.diagnostics import File, Report, display_name
from graphspec.spec import read_spec

_TOGETHER = 64
"""Inputs answered at once."""


@dataclass(frozen=True)
class Answer:
    """What the model says to one input. `ended` is False where it was cut off before END."""

    input: str
    text: str
    ended: bool = True


@dataclass(frozen=True)
class Predictor:
    """A trained model with its vocabularies. Make one with `load`."""

    recipe: Recipe
    task: Task
    vocabularies: Vocabularies
    model: nn.Module
    device: torch.device

    @property
    def source(self) -> Vocabulary:
        return tokens_of(self.vocabularies, str(self.task.source.below))

    @property
    def output(self) -> Vocabulary | Labels:
        return self.vocabularies[str(output_size(self.task))]

    def answer(self, texts: Sequence[str], *, limit: int | None = None) -> list[Answer]:
        """Answer texts, at most `limit` tokens each. Raises `SpecError` for those that the model cannot read."""
        return list(self.stream([File("input", "\n".join(texts))], limit=limit)) if texts else []

    def stream(self, files: Iterable[File], *, limit: int | None = None) -> Iterator[Answer]:
        """Answer every line of texts, in their order. All lines of a text are checked before the first answer."""
        for file in files:
            fields = [Field(line.removesuffix("\r"), number, 1) for number, line in _numbered(file)]
            self._check(file, fields)
            for start in range(0, len(fields), _TOGETHER):
                yield from self._together([field.text for field in fields[start : start + _TOGETHER]], limit)

    def _check(self, file: File, fields: Sequence[Field]) -> None:
        report, faults = Report(), Faults(file)
        longest = self.recipe.batch.longest or LONGEST
        for field in fields:
            if not field.text.strip():
                faults.add("empty-input", "there is nothing to answer", field.span(file))
            elif len(self._encoded(field.text)) > longest:
                faults.add("too-long", f"the model reads at most {longest} tokens", field.span(file))
        if self.recipe.vocabulary.unknown == "error":
            report_unknown(fields, self.source, faults)
        faults.report(report)
        report.check()

    # -- answering ----------------------------------------------------------------------------------------------------

    def _forward(self, **inputs: Tensor) -> Tensor:
        with optimise.autocast(self.recipe, self.device):
            return only(self.model(**inputs), self.task.output).float()

    def _together(self, texts: list[str], limit: int | None) -> list[Answer]:
        encoded = [self._encoded(text) for text in texts]
        with torch.no_grad():
            match self.task.name:
                case "seq2seq":
                    return self._translated(texts, encoded, limit)
                case "language_model":
                    return [self._continued(text, tokens, limit) for text, tokens in zip(texts, encoded, strict=True)]
                case _:
                    return self._labelled(texts, encoded)

    def _encoded(self, text: str) -> np.ndarray:
        """What is continued stands open; what is read as a whole has its marks."""
        return self.source.encode(text) if self.task.name == "language_model" else self.source.encode_whole(text)

    def _inputs(self, encoded: list[np.ndarray]) -> dict[str, Tensor]:
        arrays = fed(self.task.source, Ragged.of(encoded), np.arange(len(encoded)))
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}

    def _translated(self, texts: list[str], encoded: list[np.ndarray], limit: int | None) -> list[Answer]:
        assert self.task.target, "sequence to sequence has a target"
        room = (self.recipe.batch.longest or LONGEST) - 1
        target = self.task.target
        found = answers(self._forward, self._inputs(encoded), target.name, min(limit or room, room), target.marks)
        return [Answer(text, self._read(it.tokens), it.ended) for text, it in zip(texts, found, strict=True)]

    def _continued(self, text: str, tokens: np.ndarray, limit: int | None) -> Answer:
        begin_BT = torch.from_numpy(tokens[None].astype(np.int64)).to(self.device)
        room = (self.recipe.batch.longest or LONGEST) - len(tokens)
        source, most = self.task.source, min(limit or room, room)
        (found,) = continued(self._forward, {}, source.name, begin_BT, most, source.marks)
        return Answer(text, self._read(found.tokens), found.ended)

    def _labelled(self, texts: list[str], encoded: list[np.ndarray]) -> list[Answer]:
        chosen = self._forward(**self._inputs(encoded)).argmax(-1).cpu()
        if self.task.name == "classification":
            return [Answer(text, self._read([number])) for text, number in zip(texts, chosen.tolist(), strict=True)]
        rows = zip(texts, encoded, chosen.tolist(), strict=True)
        return [Answer(text, self._read(row[: len(tokens)])) for text, tokens, row in rows]

    def _read(self, numbers: Sequence[int]) -> str:
        if isinstance(self.output, Labels):
            return " ".join(self.output.names[number] for number in numbers)
        return self.output.decode(numbers)


def _numbered(file: File) -> Iterator[tuple[int, str]]:
    """The lines of a text, a last empty one left out."""
    lines = file.text.split("\n")
    return enumerate(lines[:-1] if lines[-1] == "" and len(lines) > 1 else lines, 1)


def load(path: str | os.PathLike[str], *, device: str = "auto") -> Predictor:
    """The model of a run folder, with the weights of its latest checkpoint. Raises `SpecError` if it is none."""
    from safetensors.torch import load_file

    report, place = Report(), Folder(Path(path))
    _check_folder(place, report)
    folder.lacks_plugins(place, report)
    report.check()
    recipe = load_recipe(place.file(folder.RECIPE), report, {"device": device})
    spec = read_spec(recipe.spec, {}, report) if recipe else None
    task = choose(spec.graph, recipe.task, report, recipe.span("task")) if recipe and spec else None
    where = optimise.device_of(recipe, report) if recipe else torch.device("cpu")
    report.check()
    checkpoint = place.checkpoint()
    assert recipe and spec and task and checkpoint, "what is missing is reported"
    model = answering(spec, replace(recipe, compile="off"), where)
    model.load_state_dict(load_file(checkpoint / folder.MODEL))
    known = vocabulary.load(place.file(folder.VOCABULARY))
    return Predictor(recipe, task.marked(known), known, model, where)


def _check_folder(place: Folder, report: Report) -> None:
    name = display_name(place.path)
    needed = (folder.RECIPE, folder.SPEC, folder.VOCABULARY)
    help = "name a folder that `graphspec train` has written"
    missing = [it for it in needed if not place.file(it).is_file()]
    if not place.path.is_dir():
        report.error("no-run", f"there is no folder `{name}`", None, help=help)
    elif missing:
        lacks = " and ".join(f"`{it}`" for it in missing)
        report.error("no-run", f"`{name}` is no run: it lacks {lacks}", None, help=help)
    elif place.checkpoint() is None:
        help = f"go on with `graphspec train {display_name(place.file(folder.RECIPE))} --resume`"
        report.error("no-checkpoint", f"the run in `{name}` has not saved any weights yet", None, help=help)
