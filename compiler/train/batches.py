"""Which examples make which step, as arrays ready to be fed.

Everything follows from (seed, step): a resumed run reads what the uninterrupted one would have read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from compiler.train.tasks import Feed, Task
from compiler.train.vocabulary import PAD, Marks

IGNORE = -100
"""The label of a position that does not count."""


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, end to end. `values` int32; row i is `values[starts[i] : starts[i + 1]]`."""

    values: np.ndarray
    starts: np.ndarray

    @staticmethod
    def of(rows: Sequence[np.ndarray]) -> Ragged:
        starts = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
        values = np.concatenate(rows).astype(np.int32) if rows else np.zeros(0, np.int32)
        return Ragged(values, starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def row(self, index: int) -> np.ndarray:
        return self.values[self.starts[index] : self.starts[index + 1]]

    def padded(self, indices: np.ndarray, fill: int = PAD) -> np.ndarray:
        """Rows as one array of int64 [len(indices), longest], filled up at the end."""
        lengths = self.lengths[indices]
        places = np.arange(lengths.max())
        real = places < lengths[:, None]
        # Past the end of a row any place within the array will do: it is covered by `fill`.
        found = self.values[np.minimum(self.starts[indices][:, None] + places, len(self.values) - 1)]
        return np.where(real, found, fill).astype(np.int64)


@dataclass(frozen=True)
class Batch:
    """What is fed in one step: arrays by input, the labels if the task has any, how many tokens count in the loss."""

    inputs: dict[str, np.ndarray]
    labels: np.ndarray | None
    counted: int
    rows: np.ndarray = field(repr=False)


class Dataset(Protocol):
    """Examples that can be put together to batches."""

    def __len__(self) -> int: ...

    def lengths(self) -> np.ndarray:
        """Tokens of each example, by which batches are sorted."""
        ...

    def recut(self, random: np.random.Generator) -> Dataset:
        """The same examples, cut anew where there is something to cut; always as many."""
        ...

    def batch(self, rows: np.ndarray) -> Batch: ...


@dataclass(frozen=True)
class Pairs:
    """Inputs with the tokens or labels to answer."""

    task: Task
    source: Ragged
    output: Ragged

    def __len__(self) -> int:
        return len(self.source)

    def lengths(self) -> np.ndarray:
        return self.source.lengths + (self.output.lengths if self.task.target else 0)

    def recut(self, random: np.random.Generator) -> Pairs:
        return self

    def batch(self, rows: np.ndarray) -> Batch:
        inputs = fed(self.task.source, self.source, rows)
        match self.task.name:
            case "classification":
                return Batch(inputs, self.output.padded(rows)[:, 0], len(rows), rows)
            case "labelling":
                labels = self.output.padded(rows, IGNORE)
                return Batch(inputs, labels, int((labels != IGNORE).sum()), rows)
            case _:
                assert self.task.target, "only sequence to sequence has pairs of tokens"
                inputs |= fed(self.task.target, self.output, rows)
                return Batch(inputs, None, int(self.output.lengths[rows].sum()) - len(rows), rows)


@dataclass(frozen=True)
class Windows:
    """Stretches of one long text: up to `length` tokens to predict, and the one before them."""

    task: Task
    tokens: np.ndarray
    length: int
    first: int = 0
    spared: int = 0

    def __len__(self) -> int:
        return max(1, -(-(len(self.tokens) - 1) // self.length) - self.spared)

    def lengths(self) -> np.ndarray:
        return np.minimum(self.length, len(self.tokens) - 1 - self._starts(np.arange(len(self))))

    def recut(self, random: np.random.Generator) -> Windows:
        """Windows that start elsewhere, so that epochs do not cut at the same places; one fewer, to have room."""
        return replace(self, first=int(random.integers(self.length)), spared=1) if len(self) > 1 else self

    def _starts(self, rows: np.ndarray) -> np.ndarray:
        return self.first + rows * self.length

    def batch(self, rows: np.ndarray) -> Batch:
        cut = [self.tokens[start : start + self.length + 1] for start in self._starts(rows)]
        ragged = Ragged.of(cut)
        return Batch(fed(self.task.source, ragged, np.arange(len(rows))), None, len(ragged.values) - len(rows), rows)


def fed(feed: Feed, tokens: Ragged, rows: np.ndarray) -> dict[str, np.ndarray]:
    """One input of the spec, and its padding mask where the spec has one."""
    inputs = {feed.name: tokens.padded(rows, feed.marks.pad)}
    if feed.real:
        inputs[feed.real] = np.arange(inputs[feed.name].shape[1]) < tokens.lengths[rows][:, None]
    return inputs


def targets(rows: Sequence[np.ndarray], marks: Marks) -> Ragged:
    """Wanted outputs between the marks of start and end."""
    return Ragged.of([np.concatenate([[marks.start], row, [marks.end]]) for row in rows])


# -- order -------------------------------------------------------------------------------------------------------------


class Order:
    """The batch of every training step. An epoch goes through the examples once, but for an incomplete last batch."""

    def __init__(self, dataset: Dataset, size: int, bucket: int, seed: int) -> None:
        self.dataset, self.size, self.bucket, self.seed = dataset, size, bucket, seed
        self.steps_per_epoch = max(1, len(dataset.recut(np.random.default_rng(seed))) // size)
        self._epoch, self._cut, self._plan = -1, dataset, list[np.ndarray]()

    def batch(self, step: int) -> Batch:
        """The examples of a step, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._begin(epoch)
        return self._cut.batch(self._plan[place])

    def _begin(self, epoch: int) -> None:
        """Shuffle; sort by length within groups of `bucket` batches; cut into batches; shuffle those."""
        random = np.random.default_rng((self.seed, epoch))
        self._epoch, self._cut = epoch, self.dataset.recut(random)
        rows = random.permutation(len(self._cut))[: self.steps_per_epoch * self.size]
        lengths = self._cut.lengths()
        group = self.size * self.bucket
        batches: list[np.ndarray] = []
        for start in range(0, len(rows), group):
            part = rows[start : start + group]
            part = part[np.argsort(lengths[part], kind="stable")] if self.bucket > 1 else part
            batches += [part[cut : cut + self.size] for cut in range(0, len(part), self.size)]
        self._plan = [batches[place] for place in random.permutation(len(batches))]


def in_order(dataset: Dataset, size: int, most: int | None = None) -> Iterator[Batch]:
    """The first `most` examples once, long ones beside long ones, for measuring."""
    rows = np.arange(len(dataset) if most is None else min(most, len(dataset)))
    rows = rows[np.argsort(dataset.lengths()[rows], kind="stable")]
    for start in range(0, len(rows), size):
        yield dataset.batch(rows[start : start + size])
