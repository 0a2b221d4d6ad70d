"""Vocabularies: every text they were built from comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.train import vocabulary
from compiler.train.vocabulary import END, PAD, SPECIALS, START, UNKNOWN, Labels, Unit, Vocabulary

# Halves of surrogate pairs stand in no file.
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5)


@given(texts=TEXTS)
@pytest.mark.parametrize("unit", ["characters", "bytes"])
def test_what_is_encoded_is_decoded(unit: Unit, texts: list[str]) -> None:
    known = vocabulary.build(unit, texts)
    for text in texts:
        numbers = known.encode(text)
        assert known.decode(numbers.tolist()) == text
        assert all(len(SPECIALS) <= number < known.size for number in numbers)
        assert known.unknown(text) == []


def test_words_are_what_stands_between_spaces() -> None:
    known = vocabulary.build("words", ["the cat  sat", "the mat"])
    assert known.tokens == ("the", "cat", "mat", "sat")
    assert known.decode(known.encode("the  dog sat").tolist()) == "the <unknown> sat"
    assert known.unknown("the dog sat") == [("dog", 4)]


def test_padding_is_zero_and_special_tokens_come_first() -> None:
    known = vocabulary.build("characters", ["ba"])
    assert (PAD, START, END, UNKNOWN) == (0, 1, 2, 3)
    assert known.tokens == ("a", "b")
    assert known.encode("ab?").tolist() == [4, 5, UNKNOWN]
    assert [known.name(number) for number in range(6)] == [*SPECIALS, "a", "b"]
    assert known.decode([START, 4, 5, END, PAD]) == "ab"


def test_rare_tokens_are_left_out() -> None:
    assert vocabulary.build("characters", ["aab", "ac"], least=2).tokens == ("a",)


def test_a_vocabulary_without_tokens_knows_nothing() -> None:
    assert Vocabulary("characters", ()).encode("ab").tolist() == [UNKNOWN, UNKNOWN]


def test_labels_are_in_their_natural_order() -> None:
    assert vocabulary.collect(["10", "9", "10"]).names == ("9", "10")
    assert vocabulary.collect(["pos", "neg"]).numbers == {"neg": 0, "pos": 1}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = {"vocab": vocabulary.build("characters", ["a\u2028\u00e9"]), "labels": Labels(("x", "y"))}
    vocabulary.save(tmp_path / "v.json", list(saved.items()))
    assert vocabulary.load(tmp_path / "v.json") == saved
