"""What is proved, refuted and left open: the traps of the field, one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphspec
from graphspec.analysis.contracts import causality, verdicts
from graphspec.analysis.flow import FlowAnalysis
from tests.flow.models import CAUSAL, INDEPENDENT, PADDING, decoder, judged, path, verdict

SPECS = Path(__file__).parents[2] / "specs"


# -- causality --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mask",
    [
        "causal",
        "causal & real",
        "causal & window(left=2, right=0)",
        "window(left=2, right=0)",
        "causal & documents(ids)",
        "~(~causal | ~real)",
        "causal & (prefix(3) | chunk(2))",
        "dilated(2) & causal",
    ],
)
def test_causal_masks_make_a_causal_model(mask: str) -> None:
    assert judged(decoder(CAUSAL, INDEPENDENT, mask=mask)) == ["proved", "proved"]


@pytest.mark.parametrize(
    "mask", ["everything", "real", "window(left=2, right=1)", "chunk(2)", "causal | real", "~causal", "documents(ids)"]
)
def test_other_masks_do_not(mask: str) -> None:
    found = verdict(decoder(CAUSAL, mask=mask))
    assert found.status == "refuted"
    assert path(found) == ["body.attention"]


def test_a_padding_mask_in_place_of_a_causal_one_is_refuted_at_the_attention() -> None:
    found = verdict(decoder(CAUSAL, mask="real"))
    assert [hop.node for hop in found.path] == ["after", "body.end", "body.normed", "body.mid", "body.attention", "before", "e"]  # fmt: skip
    (hop,) = (hop for hop in found.path if hop.moves)
    assert (hop.does, hop.why) == ("attend", "as a value, mask: real")
    assert str(hop.span) == "<text>:13:7"
    assert hop.read > hop.reader
    assert found.summary == "`y[t]` reads `x[t + 1]`"


def test_a_mask_dropped_on_one_path_is_refuted_on_that_path() -> None:
    more = ("side: {block: std.attention, in: e, heads: heads}",)
    found = verdict(decoder(CAUSAL, after="body + side", more=more))
    assert path(found) == ["side"]
    assert "body" not in {hop.node.partition(".")[0] for hop in found.path}


def test_a_mean_over_the_sequence_is_no_history() -> None:
    assert path(verdict(decoder(CAUSAL, before="e + mean(e, T)"))) == ["before"]


def test_a_norm_along_the_sequence_reads_all_of_it() -> None:
    found = verdict(decoder(CAUSAL, norm="{op: layer_norm, in: mid, over: [T, d], weight: none, bias: false}"))
    assert found.status == "refuted"
    assert path(found) == ["body.normed"]


def test_a_softmax_along_the_sequence_reads_all_of_it() -> None:
    assert path(verdict(decoder(CAUSAL, after='"body + softmax(body, T)"'))) == ["after"]


def test_the_length_of_the_sequence_is_not_known_beforehand() -> None:
    found = verdict(decoder(CAUSAL, after="body * sqrt(T)"))
    assert found.status == "refuted"
    assert found.summary == "`y` depends on the length of `T`"
    assert found.path[-1].node == "after"


def test_the_length_of_another_sequence_is_no_matter() -> None:
    spec = graphspec.load(SPECS / "transformer.yaml", layers=2)
    marks = FlowAnalysis(spec.graph).whole().outputs[0].marks
    assert not marks.uses_length({"S", "T", "B"})


def test_the_last_token_is_not_causal_but_independent() -> None:
    more = ("last: {op: select, in: e, axis: T, at: -1}",)
    assert judged(decoder(CAUSAL, INDEPENDENT, after="body + last", more=more)) == ["refuted", "proved"]


def test_context_to_the_left_by_shifting() -> None:
    assert verdict(decoder(CAUSAL, before="{op: shift, in: e, axis: T}")).status == "proved"
    back = verdict(decoder(CAUSAL, before="{op: shift, in: e, axis: T, by: -1}"))
    assert back.status == "refuted"
    assert path(back) == ["before"]


def test_a_strictly_earlier_context_licenses_a_shift_back() -> None:
    more = ("past: {op: shift, in: e, axis: T, by: 3}",)
    spec = decoder("reach: {output: y, input: x, left: 3, right: 0}", mask="window(left=0, right=0)", before="e + past", more=more)  # fmt: skip
    assert verdict(spec).status == "proved"


def test_a_shift_may_be_allowed() -> None:
    spec = decoder("causal: {output: y, input: x, shift: 2}", CAUSAL, mask="window(left=0, right=1)")
    assert judged(spec) == ["proved", "refuted"]


def test_what_is_undone_is_not_held_against_the_model() -> None:
    """A concatenated part that is cut off again reads nothing, whatever stands between."""
    more = (
        "first: {op: parameter, shape: [1, d]}",
        "rows: first + 0 * mean(e, T)",
        "lengthened: {op: shift, in: e, axis: T, by: 1}",
    )
    assert verdict(decoder(CAUSAL, before="lengthened", more=(more[0], more[2]))).status == "proved"


def test_cross_attention_reads_all_of_its_source_and_none_of_what_comes_later() -> None:
    spec = graphspec.load(SPECS / "transformer.yaml", layers=3)
    assert judged(spec) == ["proved", "proved", "proved"]
    assert causality(spec.graph, "logits", "target").status == "proved"
    crossed = causality(spec.graph, "logits", "source")
    assert crossed.status == "unknown"
    assert "share no position axis" in crossed.reason


def test_a_bidirectional_encoder_is_fine_until_causality_is_asked() -> None:
    spec = decoder(INDEPENDENT, PADDING, mask="real")
    assert judged(spec) == ["proved", "proved"]
    assert causality(spec.graph, "y", "x").status == "refuted"


def test_the_path_is_in_the_names_and_lines_of_the_spec() -> None:
    found = verdict(decoder(CAUSAL, mask="everything"))
    assert all(hop.span.file.name == "<text>" for hop in found.path)
    assert list(found.explanation()) == [
        "`y[t]` reads `x[t + 1]`",
        "`after`: pointwise, <text>:23:10",
        "`body.attention`: attend (as a value, no mask), [t] → [t + 1], <text>:13:7",
        "`e`: embedding, <text>:20:3",
    ]


def test_a_window_of_many_layers_is_refuted_by_as_many_hops() -> None:
    reach = "reach: {{output: y, input: x, left: {}, right: 0}}"
    spec = decoder(reach.format(6), reach.format(5), mask="window(left=3, right=0)")
    proved, refuted = verdicts(spec.graph)
    assert (proved.status, refuted.status) == ("proved", "refuted")
    assert path(refuted) == ["body.attention", "body.attention"]


def test_a_prefix_is_seen_by_all() -> None:
    prefix = "prefix_causal: {{output: y, input: x, n: {}}}"
    spec = decoder(prefix.format(4), prefix.format(3), CAUSAL, mask="causal | prefix(4)")
    assert judged(spec) == ["proved", "refuted", "refuted"]


def test_no_layer_at_all() -> None:
    assert judged(decoder(CAUSAL, INDEPENDENT, PADDING, mask="everything", turns=0)) == ["proved"] * 3


# -- rows -------------------------------------------------------------------------------------------------------------


def test_a_mean_over_the_batch_mixes_rows() -> None:
    found = verdict(decoder(INDEPENDENT, after="body + mean(body, B)"))
    assert found.status == "refuted"
    assert path(found) == ["after"]
    assert found.summary == "`y[b]` reads `x[b + 1]`"


def test_every_output_and_input_counts() -> None:
    mixed = "body + mean(body, B)"
    assert verdict(decoder("independent: {axis: B, input: x, output: body}", after=mixed)).status == "proved"
    assert (
        verdict(decoder("independent: {axis: B, input: ids}", after=mixed)).status == "refuted"
    )  # how many rows there are


# -- padding and documents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "after", "status"),
    [
        ("real", "body * 1", "proved"),
        ("real & causal", "body * 1", "proved"),
        ("causal", "body * 1", "proved"),  # padding stands right by default
        ("everything", "body * 1", "refuted"),
        ("real | causal", "body * 1", "proved"),
        ("real | window(left=0, right=1)", "body * 1", "refuted"),
        ("~real", "body * 1", "refuted"),
        ("real", "body + mean(body, T)", "refuted"),
        ("real", "body + sum(body * real, T)", "proved"),
        ("causal", "body + sum(body * real, T) / sum(real, T)", "proved"),
        ("real", "body + sum(body * real + 1, T)", "refuted"),
        ("real", "'body + max(body * real, T)'", "unknown"),
        ("real", "'body + sum(where(real, body, 0), T)'", "proved"),
        ("real", "'body + sum(where(real, 0, body), T)'", "refuted"),
    ],
)
def test_padding(mask: str, after: str, status: str) -> None:
    assert verdict(decoder(PADDING, mask=mask, after=after)).status == status


def test_a_mask_for_one_path_does_not_excuse_another() -> None:
    more = ("side: {block: std.attention, in: e, heads: heads}",)
    found = verdict(decoder(PADDING, mask="real", after="body + side", more=more))
    assert found.status == "refuted"
    assert path(found) == ["side"]


def test_a_computed_mask_may_be_held_fixed() -> None:
    more = ("known: x != 0", "side: {block: std.attention, in: e, heads: heads, mask: known}")
    where = "ignores_padding: {output: y, input: x, where: known}"
    assert verdict(decoder(where, mask="window(left=0, right=0)", after="body + side", more=more)).status == "proved"


def test_absolute_positions_tell_padding_on_the_left() -> None:
    left = "ignores_padding: {output: y, input: x, where: real, side: left}"
    more = ("position: {op: sinusoidal_position, over: T, dim: d}",)
    assert verdict(decoder(left, mask="real")).status == "proved"
    assert verdict(decoder(left, mask="real & causal")).status == "proved"
    assert verdict(decoder(left, mask="causal")).status == "refuted"
    found = verdict(decoder(left, mask="real", before="e + position", more=more))
    assert (found.status, found.path[-1].node) == ("refuted", "position")
    assert found.summary == "`y` at `T` = 3 reads `position` at `T` = 3, but would not without the padding before it"
    within = "{block: std.attention, in: e, heads: heads, mask: real & prefix(2)}"
    hidden = verdict(decoder(left, mask="real", more=(f"side: {within}",), after="body + side"))
    assert (hidden.status, hidden.reason) == ("unknown", "`side.attend` tells positions along `T` apart")


INDEX = ("position: {op: index, over: T}",)
SUMMED = ("rows: {op: sinusoidal_position, over: T, dim: d}", "position: sum(rows, T)")
COUNTED = (
    "number: {op: cast, in: real, to: int}",
    'count: "cumsum(number, T)"',
    "position: {op: learned_position, at: count, size: 64, dim: d}",
)


@pytest.mark.parametrize(
    ("rows", "status"), [(INDEX, "refuted"), (SUMMED, "refuted"), (COUNTED, "proved")], ids=["index", "sum", "count"]
)
def test_positions_that_move_with_padding(rows: tuple[str, ...], status: str) -> None:
    left = "ignores_padding: {output: y, input: x, where: real, side: left}"
    assert verdict(decoder(left, mask="real", before="e + 0.1 * position", more=rows)).status == status


def test_rows_by_place_refute_what_reads_their_own_alone() -> None:
    """Attention to all is left open: it reads every row, and only the values tell them apart."""
    equivariant, more = "equivariant: {axis: T}", ("position: {op: sinusoidal_position, over: T, dim: d}",)
    found = verdict(decoder(equivariant, mask="everything", after="body + position", more=more))
    assert (found.status, found.summary) == (
        "refuted",
        "`y` at `T` = 0 reads `position` at `T` = 0, but at 1 does not",
    )
    assert [hop.node for hop in found.path] == ["after", "position"]
    assert verdict(decoder(equivariant, mask="everything", before="e + position", more=more)).status == "unknown"


def test_rotary_positions_tell_distances_only() -> None:
    left = "ignores_padding: {output: y, input: x, where: real, side: left}"
    turned = "side: {block: std.attention, in: e, heads: heads, mask: real, rotary: {theta: 100}}"
    assert verdict(decoder(left, mask="real", after="body + side", more=(turned,))).status == "proved"


@pytest.mark.parametrize(
    ("mask", "status"),
    [
        ("documents(ids)", "proved"),
        ("causal & documents(ids)", "proved"),
        ("causal", "refuted"),
        ("~documents(ids)", "refuted"),
    ],
)
def test_packed_documents(mask: str, status: str) -> None:
    assert verdict(decoder("isolates: {output: y, input: x, documents: ids}", mask=mask)).status == status


def test_packed_documents_as_if_alone() -> None:
    alone = "isolates: {output: y, input: x, documents: ids, alone: true}"
    more = ("position: {op: sinusoidal_position, over: T, dim: d}",)
    assert verdict(decoder(alone, mask="documents(ids)")).status == "proved"
    assert verdict(decoder(alone, mask="documents(ids)", before="e + position", more=more)).status == "refuted"


# -- symmetry and use -------------------------------------------------------------------------------------------------


def test_permutations() -> None:
    equivariant = "equivariant: {axis: T}"
    assert verdict(decoder(equivariant, mask="real")).status == "proved"
    found = verdict(decoder(equivariant, mask="causal"))
    assert (found.status, path(found)) == ("refuted", ["body.attention"])
    assert found.summary == "`y` at `T` = 1 reads `x` at `T` = 0, but at 0 does not read 1"
    assert verdict(decoder("invariant: {axis: T}", mask="real", after="mean(body, T)")).status == "proved"
    assert verdict(decoder("invariant: {axis: T}", mask="real")).status == "unknown"


def test_use() -> None:
    proved, refuted = verdicts(decoder("uses: {input: x}", "uses: {input: ids}").graph)
    assert proved.status == "proved"
    assert proved.path
    assert (refuted.status, refuted.summary) == ("refuted", "`y` reads nothing of `ids`")
