"""Where a sequence ends is known only to who reads beyond; masks that step, masks that show nothing."""

from __future__ import annotations

import pytest

from graphspec.analysis.masks import check_masks
from graphspec.diagnostics import Report
from tests.flow.models import CAUSAL, decoder, verdict

REGISTERS = (
    "more: {op: parameter, shape: [3, d]}",
    "longer: {op: concat, a: body, b: more, axis: T + 3}",
    'seen: {block: std.attention, in: longer, heads: heads, mask: "%s"}',
)


def registers(mask: str) -> tuple[str, ...]:
    return tuple(line % mask if "%s" in line else line for line in REGISTERS)


@pytest.mark.parametrize(
    ("mask", "after", "status"),
    [
        ("causal", "{op: slice, in: seen, axis: T + 3, stop: T}", "proved"),
        ("window(left=2, right=0)", "{op: slice, in: seen, axis: T + 3, stop: T}", "proved"),
        ("window(left=2, right=1)", "{op: slice, in: seen, axis: T + 3, stop: T}", "refuted"),
        ("everything", "{op: slice, in: seen, axis: T + 3, stop: T}", "refuted"),
    ],
)
def test_tokens_behind_the_sequence_and_cut_off_again(mask: str, after: str, status: str) -> None:
    assert verdict(decoder(CAUSAL, more=registers(mask), after=after)).status == status


def test_the_last_places_know_where_they_stand() -> None:
    """Without reading any other place: what stands behind the sequence begins at its end."""
    after = "{op: slice, in: longer, axis: T + 3, start: 3}"
    assert verdict(decoder(CAUSAL, more=registers("causal"), after=after)).status != "proved"


def test_a_stream_cut_and_joined_again() -> None:
    more = (
        "head: {op: slice, in: body, axis: T, stop: 2}",
        "tail: {op: slice, in: body, axis: T, start: 2}",
        "both: {op: concat, a: head, b: tanh(tail), axis: T}",
    )
    prefixed = "(window(left=2, right=0) | prefix(2)) & causal"
    assert verdict(decoder(CAUSAL, mask=prefixed, more=more, after="both * 1")).status == "proved"
    leaking = verdict(decoder(CAUSAL, mask="window(left=2, right=0) | prefix(2)", more=more, after="both * 1"))
    assert leaking.status != "proved"


@pytest.mark.parametrize(
    ("mask", "status"),
    [
        ("chunk(3) & dilated(3)", "proved"),
        ("chunk(4) & dilated(3)", "refuted"),
        ("prefix(2) & dilated(3)", "proved"),
        ("prefix(5) & dilated(3)", "refuted"),
        ("window(left=5, right=2) & dilated(3)", "proved"),
        ("window(left=5, right=3) & dilated(3)", "refuted"),
        ("window(right=5) & dilated(2) & dilated(3)", "proved"),
        ("window(right=6) & dilated(2) & dilated(3)", "refuted"),
    ],
)
def test_offsets_are_multiples_of_a_step(mask: str, status: str) -> None:
    assert verdict(decoder(CAUSAL, mask=mask, turns=1)).status == status


def test_what_counts_zeros_is_not_refuted() -> None:
    """An attention that sees nothing gives zeros, and their sum does not depend on their number."""
    more = ('nothing: {block: std.attention, in: e, heads: heads, mask: "real & ~real", bias: false}',)
    found = verdict(decoder(CAUSAL, more=more, after="body + sum(nothing * real, T)"))
    assert found.status != "refuted"


def test_a_mask_that_shows_nothing_is_told() -> None:
    report = Report()
    check_masks(decoder(CAUSAL, mask="causal & ~causal").graph, report)
    assert {(found.code, found.severity) for found in report.diagnostics} == {("blind-mask", "warning")}
    report = Report()
    check_masks(decoder(CAUSAL, mask="real & causal").graph, report)
    assert report.diagnostics == ()


@pytest.mark.parametrize(
    "late",
    [
        '{block: std.attention, in: e, heads: heads, mask: "causal & ~window(left=2, right=0)"}',
        "{op: shift, in: e, axis: T, by: 3}",
    ],
)
def test_a_choice_among_equal_rows_is_no_reading(late: str) -> None:
    """The first rows are zeros: what weighs them against each other changes nothing."""
    first = 'first: {block: std.attention, in: late, heads: heads, mask: "prefix(3)"}'
    spec = decoder("uses: {output: after, input: x}", more=(f"late: {late}", first), after="mean(first, T)")
    assert verdict(spec).status != "proved"
    assert verdict(decoder("uses: {output: after, input: x}")).status == "proved"
