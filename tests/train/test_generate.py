"""Greedy decoding: END is respected, and rows are answered as if each stood alone."""

from __future__ import annotations

import torch
from torch import Tensor

from compiler.train.generate import answers, continued
from compiler.train.vocabulary import END, PAD, START, UNKNOWN

CHOICES = 12


def countdown(calls: list[int]):
    """A model that writes as many 7s as the source says, then END, however often it likes special tokens better."""

    def forward(source: Tensor, target: Tensor) -> Tensor:
        calls.append(len(target))
        logits = torch.zeros(*target.shape, CHOICES)
        logits[..., [PAD, START, UNKNOWN]] = 9
        wanted = torch.where((target == 7).sum(1) < source[:, 0], 7, END)
        logits[torch.arange(len(target)), -1, wanted] = 5
        return logits

    return forward


def test_each_row_stops_at_its_own_end() -> None:
    calls: list[int] = []
    found = answers(countdown(calls), {"source": torch.tensor([[2], [0], [4], [2]])}, "target", 10)
    assert [it.tokens for it in found] == [(7, 7), (), (7, 7, 7, 7), (7, 7)]
    assert all(it.ended for it in found)


def test_rows_that_have_ended_are_computed_no_more() -> None:
    calls: list[int] = []
    answers(countdown(calls), {"source": torch.tensor([[2], [0], [4], [2]])}, "target", 10)
    assert calls == [4, 3, 3, 1, 1]


def test_an_answer_without_end_is_cut_off() -> None:
    found = answers(countdown([]), {"source": torch.tensor([[1], [99]])}, "target", 3)
    assert [(it.tokens, it.ended) for it in found] == [((7,), True), ((7, 7, 7), False)]


def test_a_text_is_continued_from_its_last_token() -> None:
    def successor(tokens: Tensor) -> Tensor:
        return torch.nn.functional.one_hot((tokens + 1) % CHOICES, CHOICES).float()

    (found,) = continued(successor, {}, "tokens", torch.tensor([[4, 5, 6]]), 4)
    assert found.tokens == (7, 8, 9, 10)
