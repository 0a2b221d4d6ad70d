"""Batches: what stands in them follows from seed and step alone."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.train.batches import IGNORE, Order, Pairs, Ragged, Windows, in_order, targets
from compiler.train.tasks import Feed, Task, TaskName
from compiler.train.vocabulary import END, OWN, PAD, START
from graphspec.axes import dim

SOURCE, TARGET = Feed("source", "source_real", dim("vocab")), Feed("target", None, dim("vocab"))
LENGTHS = (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8)


def task(name: TaskName) -> Task:
    return Task(name, SOURCE, TARGET if name == "seq2seq" else None, "logits", dim("vocab"))


def pairs(name: TaskName = "seq2seq") -> Pairs:
    rows = [np.full(length, 4 + place, np.int32) for place, length in enumerate(LENGTHS)]
    return Pairs(task(name), Ragged.of(rows), targets(rows, OWN) if name == "seq2seq" else Ragged.of(rows))


def test_a_batch_is_padded_and_says_what_is_real() -> None:
    batch = pairs().batch(np.array([0, 1]))
    assert batch.inputs["source"].tolist() == [[4, 4, 4], [5, PAD, PAD]]
    assert batch.inputs["source_real"].tolist() == [[True, True, True], [True, False, False]]
    assert batch.inputs["target"].tolist() == [[START, 4, 4, 4, END], [START, 5, END, PAD, PAD]]
    assert batch.labels is None
    assert batch.counted == 6  # every token but the two STARTs is predicted


def test_labels_of_padding_do_not_count() -> None:
    batch = pairs("labelling").batch(np.array([1, 6]))
    assert batch.labels is not None
    assert batch.labels.tolist() == [[5, IGNORE], [10, 10]]
    assert batch.counted == 3


def test_the_same_seed_gives_the_same_batches_at_any_step() -> None:
    order, again = Order(pairs(), 3, 2, seed=1), Order(pairs(), 3, 2, seed=1)
    straight = [order.batch(step).rows.tolist() for step in range(12)]
    assert straight == [again.batch(step).rows.tolist() for step in range(12)]
    assert straight[7] == Order(pairs(), 3, 2, seed=1).batch(7).rows.tolist()
    assert straight != [Order(pairs(), 3, 2, seed=2).batch(step).rows.tolist() for step in range(12)]


@pytest.mark.parametrize("bucket", [1, 2, 100])
def test_an_epoch_has_every_example_once_and_epochs_differ(bucket: int) -> None:
    order = Order(pairs(), 3, bucket, seed=0)
    epochs = [[order.batch(step).rows.tolist() for step in range(at, at + 4)] for at in (0, 4)]
    assert [sorted(row for batch in epoch for row in batch) for epoch in epochs] == [list(range(12))] * 2
    assert epochs[0] != epochs[1]


def test_buckets_save_padding() -> None:
    def padding(bucket: int) -> int:
        order = Order(pairs(), 3, bucket, seed=0)
        return sum(int((order.batch(step).inputs["source"] == PAD).sum()) for step in range(4))

    assert padding(4) < padding(1)


def test_fewer_examples_than_a_batch_make_one_batch() -> None:
    assert sorted(Order(pairs(), 64, 16, seed=0).batch(5).rows.tolist()) == list(range(12))


def test_measuring_goes_through_the_first_examples_once() -> None:
    rows = [batch.rows.tolist() for batch in in_order(pairs(), 4, most=7)]
    assert sorted(row for batch in rows for row in batch) == list(range(7))
    assert [len(it) for it in rows] == [4, 3]


def test_windows_predict_each_token_once() -> None:
    tokens = np.arange(10, 21, dtype=np.int32)
    windows = Windows(task("language_model"), tokens, 4)
    batch = windows.batch(np.arange(len(windows)))
    predicted = batch.inputs["source"][:, 1:]
    assert predicted[predicted != PAD].tolist() == list(range(11, 21))
    assert batch.counted == 10
    assert windows.lengths().tolist() == [4, 4, 2]


def test_windows_of_an_epoch_are_cut_elsewhere_but_lie_within_the_text() -> None:
    windows = Windows(task("language_model"), np.arange(100, dtype=np.int32), 7)
    firsts: set[int] = set()
    for seed in range(30):
        cut = windows.recut(np.random.default_rng(seed))
        firsts.add(cut.first)
        batch = cut.batch(np.arange(len(cut)))
        assert len(cut) == len(windows) - 1
        assert (cut.lengths() > 0).all()
        assert batch.counted == cut.lengths().sum()
    assert firsts == set(range(7))


def test_a_text_of_one_window_stays_as_it_is() -> None:
    windows = Windows(task("language_model"), np.arange(5, dtype=np.int32), 4)
    assert Order(windows, 8, 1, seed=0).batch(3).inputs["source"].tolist() == [[0, 1, 2, 3, 4]]
