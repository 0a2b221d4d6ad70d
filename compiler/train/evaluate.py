"""How good a model is: exact match, accuracy, perplexity."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from compiler.train.batches import IGNORE, Batch, Dataset, Pairs, in_order
from compiler.train.generate import Forward, answers
from compiler.train.tasks import Feed, Task

Stop = Callable[[], bool]
"""Whether to give up, because the user asked for it."""


@dataclass(frozen=True)
class Shown:
    """One answer: what was asked, what was answered, what was wanted, as tokens or labels."""

    row: int
    answered: tuple[int, ...]
    wanted: tuple[int, ...]

    @property
    def right(self) -> bool:
        return self.answered == self.wanted


@dataclass
class Measured:
    """A metric over a dataset, with the answers that it is about if there are any."""

    metric: str
    value: float = math.nan
    examples: int = 0
    shown: list[Shown] = field(default_factory=list)


def measure(
    forward: Forward,
    task: Task,
    dataset: Dataset,
    metric: str,
    *,
    size: int,
    device: torch.device,
    most: int | None = None,
    stop: Stop = lambda: False,
) -> Measured:
    """One metric over the first `most` examples. `forward` is the model without its objective, in evaluation mode."""
    found = Measured(metric)
    score, count = 0.0, 0
    with torch.no_grad():
        for batch in in_order(dataset, size, most):
            if stop():
                break
            part, counted = _METRICS[metric](forward, task, dataset, batch, device, found)
            score, count = score + part, count + counted
            found.examples += len(batch.rows)
    if count:
        found.value = math.exp(min(score / count, 700)) if metric == "perplexity" else score / count
    found.shown.sort(key=lambda it: it.row)
    return found


def on(device: torch.device, batch: Batch) -> dict[str, Tensor]:
    """The inputs of a batch as tensors."""
    return {name: torch.from_numpy(array).to(device, non_blocking=True) for name, array in batch.inputs.items()}


def wanted_of(task: Task, batch: Batch, inputs: dict[str, Tensor]) -> Tensor:
    """The choice that is right at each place of the output, `IGNORE` where none counts.

    A model that continues its input is asked for the next token, so that the last place has none.
    """
    if batch.labels is not None:
        return torch.from_numpy(batch.labels).to(next(iter(inputs.values())).device)
    tokens_BT, pad = inputs[task.wanted.name], task.wanted.marks.pad
    following_BT = F.pad(tokens_BT[:, 1:], (0, 1), value=pad)
    return following_BT.masked_fill(following_BT == pad, IGNORE)


def _perplexity(
    forward: Forward, task: Task, dataset: Dataset, batch: Batch, device: torch.device, found: Measured
) -> tuple[float, int]:
    inputs = on(device, batch)
    logits, wanted = forward(**inputs).float(), wanted_of(task, batch, inputs)
    loss = F.cross_entropy(logits.flatten(0, -2), wanted.flatten(), ignore_index=IGNORE, reduction="sum")
    return loss.item(), int((wanted != IGNORE).sum())


def _accuracy(
    forward: Forward, task: Task, dataset: Dataset, batch: Batch, device: torch.device, found: Measured
) -> tuple[float, int]:
    inputs = on(device, batch)
    chosen, wanted = forward(**inputs).argmax(-1), wanted_of(task, batch, inputs)
    counts = wanted != IGNORE
    if task.labelled:
        found.shown += _labels_shown(batch, chosen, wanted, counts)
    return float(((chosen == wanted) & counts).sum()), int(counts.sum())


def _exact_match(
    forward: Forward, task: Task, dataset: Dataset, batch: Batch, device: torch.device, found: Measured
) -> tuple[float, int]:
    if task.target is None:
        inputs = on(device, batch)
        chosen, wanted = forward(**inputs).argmax(-1), wanted_of(task, batch, inputs)
        shown = list(_labels_shown(batch, chosen, wanted, wanted != IGNORE))
    else:
        assert isinstance(dataset, Pairs), "sequence to sequence learns from pairs"
        shown = _answered(forward, task.target, dataset, batch, device)
    found.shown += shown
    return float(sum(it.right for it in shown)), len(shown)


def _labels_shown(batch: Batch, chosen: Tensor, wanted: Tensor, counts: Tensor) -> Iterator[Shown]:
    for place, row in enumerate(batch.rows.tolist()):
        real = counts[place]
        yield Shown(row, _listed(chosen[place][real]), _listed(wanted[place][real]))


def _answered(forward: Forward, target: Feed, dataset: Pairs, batch: Batch, device: torch.device) -> list[Shown]:
    """Greedy answers. One longer than all wanted ones of the batch is wrong already, so decoding stops there."""
    inputs = {name: value for name, value in on(device, batch).items() if not name_of_target(dataset.task, name)}
    wanted = [tuple(dataset.output.row(row)[1:-1].tolist()) for row in batch.rows.tolist()]
    found = answers(forward, inputs, target.name, max(len(it) for it in wanted) + 1, target.marks)
    rows = batch.rows.tolist()
    return [Shown(row, it.tokens, want) for row, it, want in zip(rows, found, wanted, strict=True)]


def name_of_target(task: Task, name: str) -> bool:
    """Whether an input is the target or its mask, which decoding makes itself."""
    return task.target is not None and name in (task.target.name, task.target.real)


def _listed(values: Tensor) -> tuple[int, ...]:
    return tuple(values.reshape(-1).tolist())


_METRICS = {"perplexity": _perplexity, "accuracy": _accuracy, "exact_match": _exact_match}
