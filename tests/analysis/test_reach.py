"""What an output reads of an input: in words, from node to node, and exactly."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import graphspec
from graphspec.analysis.reach import Reach, Stage
from graphspec.analysis.words import letters, offset, said, sentences
from graphspec.axes import Axis, Dim, TensorType, dim
from graphspec.flow import EVERYWHERE, Interval, Piece, Relation
from tests.flow.brute import matrix
from tests.flow.models import CAUSAL, decoder
from tests.flow.test_contracts import SHORTENED

SPECS = Path(__file__).parents[2] / "specs"
S = Dim.symbol("S")


def growth(reach: Reach) -> list[str]:
    return [f"{stage.node} {stage.after}".strip() + ": " + _words(stage, reach) for stage in reach.stages]


def _words(stage: Stage, reach: Reach) -> str:
    return " and ".join(sentences(stage.relation, reach.input, reach.size, stage.index)).replace("`", "")


# -- in words ---------------------------------------------------------------------------------------------------------


def a_piece(
    rates: dict[int, Fraction | int],
    relative: tuple[int | None, int | None],
    low: Dim | int = 0,
    high: Dim | int = S - 1,
) -> Piece:
    kept = tuple((axis, Fraction(rate)) for axis, rate in rates.items())
    return Piece(kept, Interval.of(*relative) if kept else EVERYWHERE, Interval(dim(low), dim(high)))


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([], "nothing"),
        ([a_piece({0: 1}, (0, 0))], "`x[t]`"),
        ([a_piece({0: 1}, (-3, -3))], "`x[t − 3]`"),
        ([a_piece({0: 1}, (-255, 0))], "`x[t − 255 … t]`"),
        ([a_piece({0: 1}, (None, 0))], "`x[0 … t]`"),
        ([a_piece({0: 1}, (0, None))], "`x[t … S − 1]`"),
        ([a_piece({0: 2}, (-1, 1))], "`x[2·t − 1 … 2·t + 1]`"),
        ([a_piece({0: Fraction(1, 2)}, (0, 0))], "`x[t/2]`"),
        ([a_piece({0: Fraction(3, 2)}, (0, 1))], "`x[3·t/2 … 3·t/2 + 1]`"),
        ([Piece(((0, Fraction(-1)),), Interval.at(S - 1), Interval.first(S))], "`x[S − 1 − t]`"),
        ([a_piece({0: 4, 1: 1}, (0, 0))], "`x[4·t + h]`"),
        ([a_piece({}, (None, None))], "all of `x`"),
        ([a_piece({}, (None, None), 0, 3)], "the first 4 of `x`"),
        ([a_piece({}, (None, None), S - 4)], "the last 4 of `x`"),
        ([a_piece({}, (None, None), S - 1)], "the last of `x`"),
        ([a_piece({}, (None, None), 2, 2)], "`x[2]`"),
        ([a_piece({}, (None, None), 2, 5)], "`x[2 … 5]`"),
        ([a_piece({0: 1}, (-3, 0), 0, 9)], "`x[t − 3 … t]` within the first 10"),
        ([a_piece({0: 1}, (-3, -2), 0, S - 3)], "`x[t − 3 … t − 2]`"),
        ([a_piece({0: 1}, (2, 3), 2)], "`x[t + 2 … t + 3]`"),
        ([Piece(((0, Fraction(1)),), Interval(dim(-2), S - 1), Interval.first(S))], "`x[t − 2 … S − 1]`"),
        ([a_piece({0: 1}, (-3, 0)), a_piece({}, (None, None), 0, 1)], "`x[t − 3 … t]` and the first 2 of `x`"),
        ([a_piece({0: 1}, (-3, 0)), a_piece({}, (None, None))], "all of `x`"),
    ],
)  # fmt: skip
def test_words(pieces: list[Piece], words: str) -> None:
    assert said(tuple(pieces), "x", S, ("t", "h")) == words


def test_letters_are_those_of_the_axes_and_never_alike() -> None:
    axes = (Axis(dim("T")), Axis(dim("T"), primed=True), Axis(dim("time")), Axis(dim(4)), Axis(dim("d_model")))
    assert letters(TensorType("float", axes)) == ("t", "t′", "t′′", "i", "d")


@pytest.mark.parametrize(("by", "words"), [(0, "t"), (2, "t + 2"), (-2, "t − 2")])
def test_offsets(by: int, words: str) -> None:
    assert offset("t", by) == words


# -- at any size ------------------------------------------------------------------------------------------------------


def test_a_decoder_reads_what_came_before() -> None:
    found = graphspec.load(SPECS / "llm/llama.yaml").reach()
    assert str(found) == "`logits[t]` reads `tokens[0 … t]`"
    assert growth(found)[:2] == ["embedding: tokens[t]", "layers k: tokens[0 … t]"]


def test_an_encoder_is_read_as_a_whole_and_its_mask_as_control() -> None:
    spec = graphspec.load(SPECS / "transformer.yaml")
    assert str(spec.reach(input="source")) == "`logits` reads all of `source`"
    assert str(spec.reach("logits", "target")) == "`logits[t]` reads `target[0 … t]`"
    control = "`logits` reads all of `source_real` (through masks, routes or positions)"
    assert str(spec.reach(input="source_real")) == control


def test_a_window_grows_by_a_law() -> None:
    found = decoder(CAUSAL, mask="window(left=4, right=1)", turns=3).reach("y", "x")
    assert str(found) == "`y[t]` reads `x[t − 12 … t + 3]`"
    assert growth(found) == [
        "e: x[t]",
        "before: x[t]",
        "body k: x[t − 4·k … t + k]",
        "body: x[t − 12 … t + 3]",
        "after: x[t − 12 … t + 3]",
    ]


def test_the_letter_for_turns_is_no_axis() -> None:
    spec = graphspec.loads(PATTERN.replace("T", "K").format(turns=f"cycle: {{seen: [{NEAR}]}}"))
    assert growth(spec.reach()) == ["e: x[k]", "body n: x[k − n … k]", "body: x[k − 6 … k]"]


def test_what_is_read_before_the_turns_counts() -> None:
    found = decoder(CAUSAL, mask="window(left=4, right=0)", before="{op: shift, in: e, axis: T, by: 2}").reach("y", "x")
    assert "body k: x[t − 4·k − 2 … t − 2]" in growth(found)


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "mask", ["window(left=4, right=1)", "causal & window(left=2) | prefix(3)", "causal", "chunk(3)"]
)
def test_the_law_is_what_so_many_turns_do(mask: str, turns: int) -> None:
    law = next(stage for stage in decoder(CAUSAL, mask=mask, turns=4).reach("y", "x").stages if stage.after)
    done = decoder(CAUSAL, mask=mask, turns=turns).reach("y", "x")
    assert law.after == "k"
    assert _at(law.relation, turns) == tuple(Piece(p.rates, p.relative, p.absolute) for p in done.relation)


def _at(relation: Relation, k: int) -> Relation:
    def filled(interval: Interval) -> Interval:
        return Interval(*(bound and bound.substitute({"k": dim(k)}) for bound in (interval.low, interval.high)))

    return tuple(Piece(item.rates, filled(item.relative), filled(item.absolute)) for item in relation)


PATTERN = """\
graphspec: 1
name: pattern
params: {{d: 8, vocab: 11}}
axes: {{B: batch, T: position}}
inputs: {{x: {{type: int B T, below: vocab}}}}
blocks:
  one:
    in: {{h: B T d}}
    params: {{seen: mask}}
    nodes: {{a: {{block: std.attention, in: h, heads: 2, mask: seen}}}}
    out: h + a
nodes:
  e: {{op: embedding, in: x, size: vocab, dim: d}}
  body: {{block: one, repeat: 6, {turns}}}
outputs: {{y: body}}
"""
NEAR, FAR = "causal & window(left=1)", "causal & window(left=5)"


def test_a_pattern_grows_by_periods() -> None:
    spec = graphspec.loads(PATTERN.format(turns=f"cycle: {{seen: [{NEAR}, {FAR}]}}"))
    assert growth(spec.reach()) == ["e: x[t]", "body 2·k: x[t − 6·k … t]", "body: x[t − 18 … t]"]


def test_unequal_turns_are_told_run_by_run() -> None:
    masks = [NEAR, NEAR, NEAR, NEAR, FAR, FAR]
    spec = graphspec.loads(PATTERN.format(turns=f"each: {{seen: [{', '.join(masks)}]}}"))
    assert growth(spec.reach()) == ["e: x[t]", "body 4: x[t − 4 … t]", "body 6: x[t − 14 … t]"]


def test_turns_that_add_nothing_are_not_told() -> None:
    masks = ["causal", NEAR, "causal", FAR]
    spec = graphspec.loads(
        PATTERN.replace("repeat: 6", "repeat: 4").format(turns=f"each: {{seen: [{', '.join(masks)}]}}")
    )
    assert growth(spec.reach()) == ["e: x[t]", "body 1: x[0 … t]"]


def test_no_turns_and_no_nodes() -> None:
    assert growth(decoder(CAUSAL, turns=0).reach("y", "x")) == ["e: x[t]", "before: x[t]", "body: x[t]", "after: x[t]"]
    assert str(decoder(CAUSAL).reach("e", "ids")) == "`e` reads nothing"
    assert decoder(CAUSAL).reach("e", "ids").stages == ()


def test_the_length_may_count_too() -> None:
    text = "`y[t]` reads `x[0 … t]`, and depends on the length of `T`"
    assert str(decoder(CAUSAL, after="body * sqrt(T)").reach("y", "x")) == text


def test_other_axes() -> None:
    spec = decoder(CAUSAL)
    assert str(spec.reach("y", "x", "B")) == "`y[b]` reads `x[b]`"
    mixed = decoder(CAUSAL, after="body + mean(body, B)")
    assert str(mixed.reach("y", "x", "B")) == "`y` reads all of `x`, and depends on the length of `B`"


# -- exactly ----------------------------------------------------------------------------------------------------------


def rows(reach: Reach, **lengths: int) -> tuple[str, ...]:
    table = reach.table(**lengths)
    assert table is not None
    return table.rows


def test_the_table() -> None:
    assert rows(decoder(CAUSAL).reach("y", "x"), T=3) == ("#..", "##.", "###")
    assert rows(decoder(CAUSAL, mask="chunk(2)", turns=3).reach("y", "x"), T=5) == (
        "##...",
        "##...",
        "..##.",
        "..##.",
        "....#",
    )
    assert rows(decoder(CAUSAL, mask="everything", after="mean(body, T)").reach("y", "x"), T=3) == ("###",)


def test_the_table_claims_no_more_than_the_sentence() -> None:
    found = graphspec.loads(SHORTENED.format(by="k - 1")).reach("y", "x")
    assert str(found) == "`y[t]` reads `x[0 … t]`"
    assert [row.rstrip(".") for row in rows(found, S=2)] == [row[: at + 1] for at, row in enumerate(rows(found, S=2))]


def test_a_mask_that_reads_a_tensor_is_taken_as_it_lets_most_through() -> None:
    assert rows(decoder(CAUSAL, mask="causal & ~real").reach("y", "x"), T=3) == ("#..", "##.", "###")


def test_by_default_it_is_long_enough_to_show_the_bounds() -> None:
    assert decoder(CAUSAL, mask="window(left=5, right=0)", turns=3).reach("y", "x").table().lengths == {"T": 19}  # pyright: ignore[reportOptionalMemberAccess]
    assert decoder(CAUSAL, mask="window(left=50, right=0)").reach("y", "x").table().lengths == {"T": 12}  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize("length", [0, 10_000])
def test_a_length_that_cannot_be(length: int) -> None:
    assert decoder(CAUSAL).reach("y", "x").table(T=length) is None


@pytest.mark.parametrize(
    "mask", ["causal", "window(left=2, right=1)", "chunk(3)", "causal | prefix(2)", "dilated(2) & causal", "~causal"]
)
@pytest.mark.parametrize("before", ["e * 1", "{op: shift, in: e, axis: T}", "e + mean(e, T)"])
def test_what_is_read_lies_within_the_relation(mask: str, before: str) -> None:
    found = decoder(CAUSAL, mask=mask, before=before).reach("y", "x")
    read = np.array([[seen == "#" for seen in row] for row in rows(found, T=7)])
    assert not (read & ~_allowed(found, 7)).any()


def _allowed(found: Reach, length: int) -> np.ndarray:
    """The relation pair by pair, along the output's axis that corresponds."""
    assert found.place is not None
    moved = tuple(
        Piece(tuple((0, rate) for _, rate in item.rates), item.relative, item.absolute) for item in found.relation
    )
    return matrix(moved, (length,), length, lengths={"T": length})


FIXED = """\
graphspec: 1
name: fixed
params: {d: 3, image: 8}
axes: {B: batch, H: {size: image, role: position}}
inputs: {x: B H d}
nodes: {y: {op: convolution, in: x, over: H, dim: d, kernel: 4, stride: 4}}
outputs: {y: y}
"""


def test_what_cannot_be_followed_exactly_stays_open() -> None:
    """A number of positions that the spec fixes is another axis once it is divided."""
    found = graphspec.loads(FIXED).reach()
    assert str(found) == "`y[h]` reads `x[4·h … 4·h + 3]`"
    assert rows(found) == ("????????",)


# -- what is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "code", "help"),
    [
        (("logit", "target"), "unknown-name", "did you mean `logits`?"),
        (("logits", "targt"), "unknown-name", "did you mean `target`?"),
        (("logits", "target", "S"), "unknown-name", "known axes: `B`, `T`"),
        ((None, None), "reach-argument", "say which: `source`, `target`, `source_real`"),
    ],
)
def test_names_that_are_not_there(names: tuple[str | None, ...], code: str, help: str) -> None:
    with pytest.raises(graphspec.SpecError) as caught:
        graphspec.load(SPECS / "transformer.yaml").reach(*names)
    (found,) = caught.value.diagnostics
    assert (found.code, found.help) == (code, help)


IMAGE = """\
graphspec: 1
name: image
params: {d: 4}
axes: {B: batch, H: position, W: position}
inputs: {x: B H W d}
nodes: {y: "x + mean(x, W)"}
outputs: {y: y}
"""


def test_which_of_several_axes() -> None:
    spec = graphspec.loads(IMAGE)
    assert str(spec.reach(axis="H")) == "`y[h]` reads `x[h]`"
    assert str(spec.reach(axis="W")) == "`y` reads all of `x`, and depends on the length of `W`"
    with pytest.raises(graphspec.SpecError, match="say which: `H`, `W`"):
        spec.reach()
