"""That a key is there says where the sequence ends, even if nothing of it is read; and where padding lets one know more."""

from __future__ import annotations

import pytest

from tests.flow.models import CAUSAL, PADDING, decoder, judged

SHIFTED = "{op: shift, in: e, axis: T, by: 1}"


def test_a_window_over_what_was_shifted_knows_the_last_key() -> None:
    """Nothing later is read, but the last query has one key less than it has in a longer sequence."""
    assert judged(decoder(CAUSAL, before=SHIFTED, mask="window(left=1, right=1)", turns=1)) == ["unknown"]
    assert judged(decoder(CAUSAL, before=SHIFTED, mask="causal")) == ["proved"]


@pytest.mark.parametrize(("mask", "status"), [("prefix(3)", "unknown"), ("everything", "unknown"), ("real", "proved")])
def test_zeros_are_keys_too(mask: str, status: str) -> None:
    """Padding that is zero takes its share of the weights where the mask shows it."""
    assert judged(decoder(PADDING, before="e * real", mask=mask)) == [status]


def test_zeros_before_are_no_padding_on_the_right() -> None:
    assert judged(decoder(PADDING, before="e * real", mask="causal")) == ["proved"]


def test_the_first_place_is_real_where_padding_is_on_the_right() -> None:
    assert judged(decoder(PADDING, before="e + start", more=("start: {op: select, in: e, axis: T, at: 0}",), mask="real")) == ["proved"]  # fmt: skip
    assert judged(decoder(PADDING, after="{op: select, in: body, axis: T, at: 0}", mask="real")) == ["proved"]


def test_what_stands_before_something_real_is_real() -> None:
    """Attention over what was shifted by one: that place `j + 1` is real says so of `j`."""
    assert judged(decoder(PADDING, before=SHIFTED, mask="real")) == ["proved"]


def test_masks_that_contradict_themselves_read_nothing() -> None:
    assert judged(decoder("isolates: {output: y, input: x, documents: ids}", before="e * 1", mask="chunk(3) & ~chunk(3)")) == ["proved"]  # fmt: skip
    assert judged(decoder("isolates: {output: y, input: x, documents: ids}", before="e * 1", mask="~dilated(2) & dilated(2)")) == ["proved"]  # fmt: skip


def test_the_first_place_reads_what_is_real() -> None:
    """The exception for padded readers falls away where the reader is the first place."""
    found = decoder(
        PADDING, after="{op: select, in: body, axis: T, at: 0}", mask="window(left=1, right=1) & real", turns=3
    )
    assert judged(found) == ["proved"]


def test_where_one_part_ends_shows_the_length() -> None:
    """`[x0, x1, …, x(T-2), x0]` reads nothing later, but its last place is another one in a longer sequence."""
    more = (
        "start: {op: slice, in: body, axis: T, stop: 1}",
        "rest: {op: slice, in: body, axis: T, stop: T - 1}",
        "ends: {op: slice, in: body, axis: T, start: 1}",
    )
    assert judged(decoder(CAUSAL, more=more, after="{op: concat, in: [rest, start], axis: T - 1}")) == ["unknown"]
    assert judged(decoder(CAUSAL, more=more, after="{op: concat, in: [start, rest], axis: 1}")) == ["proved"]
    assert judged(decoder(CAUSAL, more=more, after="{op: concat, in: [ends, start], axis: T - 1}")) == ["refuted"]


def test_what_is_cut_off_again_shows_nothing() -> None:
    more = (
        "start: {op: slice, in: body, axis: T, stop: 1}",
        "long: {op: concat, in: [body, start], axis: T}",
        "attended: {block: std.attention, in: long, heads: heads, mask: causal}",
    )
    assert judged(decoder(CAUSAL, more=more, after="{op: slice, in: attended, axis: T + 1, stop: T}")) == ["proved"]
