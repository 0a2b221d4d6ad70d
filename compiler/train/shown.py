"""Answers as text."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.train.batches import Dataset, Pairs
from compiler.train.corpus import Corpus
from compiler.train.evaluate import Shown
from compiler.train.progress import Answer
from compiler.train.vocabulary import Labels


def texts(corpus: Corpus, dataset: Dataset, shown: Sequence[Shown]) -> list[Answer]:
    """What was asked, answered and wanted, for people to read."""
    if not isinstance(dataset, Pairs):
        return []
    asked = {it.row: corpus.source.decode(dataset.source.row(it.row)) for it in shown}
    return [Answer(asked[it.row], _read(corpus, it.answered), _read(corpus, it.wanted)) for it in shown]


def _read(corpus: Corpus, numbers: tuple[int, ...]) -> str:
    if isinstance(corpus.output, Labels):
        return " ".join(corpus.output.names[number] for number in numbers)
    return corpus.output.decode(numbers)
