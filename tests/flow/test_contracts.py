"""Contracts beyond causality: modes, strides, reach, use, symmetry, budgets."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings

import compiler
import graphspec
from graphspec.analysis.contracts import Verdict, causality, verdicts
from graphspec.analysis.cost import Costs
from graphspec.analysis.flow import FlowAnalysis
from graphspec.analysis.replay import Replay, Setting
from graphspec.analysis.sure import SureFlow
from graphspec.axes import dim
from graphspec.flow import Interval, Marks, piece, relation
from graphspec.operators import OPERATORS
from graphspec.operators.flow_rules import Effect, Hop, Use
from graphspec.render.summary import flops_text, summary
from tests import strategies
from tests.flow.brute import matrix
from tests.flow.models import CAUSAL, INDEPENDENT, PADDING, decoder, judged, path, verdict
from tests.strategies import RandomSpec

NEAR = "window(left=3, right=0)"

# -- training and evaluation ------------------------------------------------------------------------------------------


class MixesInTraining:
    """As a norm over a batch: all rows and positions in training, each for itself in evaluation."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        last = len(given.axes) - 1
        places = [None if use.training and at < last else at for at in range(last + 1)]
        lengths = use.lengths(*given.sizes[:last]) if use.training else frozenset()
        return Effect((Hop(port, use.axes(port, places)),), Marks(lengths=lengths))


@pytest.fixture
def modal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["layer_norm"], "flow", MixesInTraining())


@pytest.mark.usefixtures("modal")
@pytest.mark.parametrize("contract", [CAUSAL, INDEPENDENT, PADDING])
def test_the_verdict_says_where_the_modes_differ(contract: str) -> None:
    found = verdict(decoder(contract, mask="causal & real"))
    assert found.status == "refuted"
    assert found.modes == (("training", "refuted"), ("evaluation", "proved"))
    assert found.summary.startswith("refuted in training, proved in evaluation: `y")
    assert path(found) == ["body.normed"]
    assert next(found.explanation()) == found.summary


@pytest.mark.usefixtures("modal")
def test_a_contract_may_name_its_mode() -> None:
    named = "causal: {{output: y, input: x, mode: {}}}"
    training, evaluation = verdicts(decoder(named.format("training"), named.format("evaluation")).graph)
    assert (training.status, training.modes) == ("refuted", ())
    assert (evaluation.status, evaluation.modes) == ("proved", ())


@pytest.mark.usefixtures("modal")
def test_what_is_wrong_in_both_modes_is_said_once() -> None:
    found = verdict(decoder(CAUSAL, mask="everything"))
    assert (found.status, found.modes) == ("refuted", ())
    assert found.summary == "`y[t]` reads `x[t + 1]`"


def test_one_analysis_is_enough_where_no_operator_depends_on_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphspec.analysis.contracts import questions

    made: list[bool] = []

    class Counted(questions.FlowAnalysis):
        def __init__(self, graph: graphspec.graph.Graph, padding: object, training: bool) -> None:
            super().__init__(graph, None, training)
            made.append(training)

    monkeypatch.setattr(questions, "FlowAnalysis", Counted)
    verdicts(decoder(CAUSAL, INDEPENDENT).graph)
    assert made == [True]


def test_a_norm_over_the_batch_is_independent_in_evaluation_alone() -> None:
    found = verdict(decoder(INDEPENDENT, norm="{op: batch_norm, in: mid}"))
    assert (found.status, found.modes) == ("refuted", (("training", "refuted"), ("evaluation", "proved")))
    assert path(found) == ["body.normed"]


# -- axes of other lengths --------------------------------------------------------------------------------------------


def half(start: str, mask: str) -> graphspec.Spec:
    after = f'{{op: slice, in: body, axis: T, start: "{start}", stop: "{start} + T // 2"}}'
    return decoder(CAUSAL, mask=mask, after=after, turns=1)


@pytest.mark.parametrize(
    ("start", "mask", "status"),
    [
        ("0", "causal", "proved"),
        ("0", "window(left=1, right=1)", "proved"),  # `y[i]` stands for `x[2i]` and `x[2i + 1]`
        ("0", "window(left=1, right=2)", "refuted"),
        ("T // 2", "causal", "refuted"),
    ],
)
def test_an_output_of_half_the_length(start: str, mask: str, status: str) -> None:
    assert verdict(half(start, mask)).status == status


SHORTENED = """graphspec: 1
params: {{d: 8, heads: 2, k: 4, vocab: 11}}
axes: {{B: batch, S: position, T: {{size: S * k, role: position}}}}
inputs: {{x: {{type: int B T, below: vocab}}}}
nodes:
  e: {{op: embedding, in: x, size: vocab, dim: d}}
  moved: {{op: shift, in: e, axis: T, by: {by}}}
  groups: {{op: rearrange, pattern: "B (S k) d -> B S (k d)"}}
  short: {{op: linear, dim: d}}
  middle: {{block: std.pre_norm_encoder_layer, repeat: 2, heads: heads, hidden: 16, mask: causal}}
  long: {{op: rearrange, pattern: "B S d -> B (S k) d"}}
  y: e + long
outputs: {{y: y}}
contracts: [causal: {{}}]
"""


@pytest.mark.parametrize(("by", "status"), [("k - 1", "proved"), ("k", "proved"), ("k - 2", "unknown")])
def test_a_stack_over_groups_of_places(by: str, status: str) -> None:
    """The Hourglass Transformer (Nawrot et al. 2021): causal if what is grouped was moved by a group less one."""
    (found,) = graphspec.loads(SHORTENED.format(by=by)).check()
    assert found.status == status


@pytest.mark.parametrize(
    ("padding", "kernel", "status"),
    [("causal", 3, "proved"), ("causal", 8, "proved"), ("[1, 1]", 3, "refuted"), ("[1, 2]", 4, "refuted")],
)
def test_a_convolution_in_strides(padding: str, kernel: int, status: str) -> None:
    """With padding behind, the zeros there tell the length."""
    after = f"{{op: convolution, in: body, over: [T], dim: d, kernel: {kernel}, stride: 2, padding: {padding}}}"
    assert verdict(decoder(CAUSAL, after=after)).status == status


class Doubles:
    """Place `i` from place `2i` of the same axis: a stride whose result has been made as long again."""

    def effect(self, use: Use, output: int) -> Effect:
        ((port, given),) = use.inputs.items()
        axes = list(use.axes(port, range(len(given.axes))))
        axes[1] = relation([piece({1: Fraction(2)}, Interval.at(0), Interval.first(use.ground(given.sizes[1])))])
        return Effect((Hop(port, tuple(axes)),))


def test_a_stride_without_a_shorter_axis_is_not_causal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["layer_norm"], "flow", Doubles())
    found = verdict(decoder(CAUSAL))
    assert found.status == "refuted"
    assert path(found) == ["body.normed"]


def test_axes_that_do_not_correspond_must_be_explained() -> None:
    after = "{op: concat, in: [body, body], axis: T}"
    found = causality(decoder(INDEPENDENT, after=after).graph, "y", "x")
    assert (found.status, found.reason) == ("unknown", "`(2 * T)` and `T` do not correspond place by place")
    stated = "causal: {output: y, input: x, at: 1}"
    assert verdict(decoder(stated, after=after)).status == "proved"


def test_padding_of_an_output_of_another_length_is_not_stated() -> None:
    """It reads real entries alone, or else nobody can say which of its places are padding."""
    shorter = "{op: slice, in: body, axis: T, stop: T // 2}"
    left = "ignores_padding: {output: y, input: x, where: real, side: left}"
    assert verdict(decoder(left, mask="real", after=shorter)).status == "unknown"
    guarded = "{op: slice, in: kept, axis: T, stop: T // 2}"
    more = ("kept: e * real",)
    right = "ignores_padding: {output: y, input: x, where: real}"
    assert verdict(decoder(right, mask="real", after=guarded, more=more)).status == "proved"


# -- documents and padding --------------------------------------------------------------------------------------------


def test_a_position_by_distance_is_as_if_alone_one_by_place_is_not() -> None:
    alone = "isolates: {output: y, input: x, documents: ids, alone: true}"
    assert verdict(decoder(alone, mask="causal & documents(ids)")).status == "proved"
    assert verdict(decoder(alone, mask="causal")).status == "refuted"
    found = verdict(decoder(alone, mask="documents(ids) & chunk(4)"))
    assert (found.status, found.reason) == ("unknown", "`body.attention.attend` tells positions along `T` apart")


def test_padding_on_the_left_wants_no_length_and_no_place() -> None:
    left = "ignores_padding: {output: y, input: x, where: real, side: left}"
    assert verdict(decoder(left, mask="real & window(left=2, right=2)")).status == "proved"
    assert verdict(decoder(left, mask="real & prefix(2)")).status == "unknown"
    assert verdict(decoder(left, mask="real", after="body * sqrt(T)")).status != "proved"
    assert verdict(decoder(left, mask="~causal | window(left=0, right=0)")).status == "proved"


# -- reach ------------------------------------------------------------------------------------------------------------

REACH = "reach: {{output: y, input: x, {}}}"


@pytest.mark.parametrize(
    ("bounds", "mask", "status"),
    [
        ("left: 6, right: 0", NEAR, "proved"),
        ("left: 5", NEAR, "refuted"),
        ("right: 0", NEAR, "proved"),
        ("left: 3 * turns, right: turns - 2", NEAR, "proved"),
        ("prefix: 4", NEAR, "refuted"),
        ("left: 6, right: 0, prefix: 2", f"{NEAR} | prefix(2)", "proved"),
        ("left: 6, right: 0, prefix: 1", f"{NEAR} | prefix(2)", "refuted"),
        ("at_least: 6", NEAR, "proved"),
        ("at_least: 7", NEAR, "refuted"),
        ("at_least: 9", "causal", "proved"),
        ("at_least: 200", "causal", "proved"),
        ("at_least: 1", "window(left=0, right=5)", "refuted"),
        ("at_least: 9", "prefix(1) | window(left=0, right=0)", "proved"),
        ("left: 6, right: 0, at_least: 6", NEAR, "proved"),
        ("left: 6, right: 0, at_least: 7", NEAR, "refuted"),
    ],
)
def test_reach(bounds: str, mask: str, status: str) -> None:
    assert verdict(decoder(REACH.format(bounds), mask=mask)).status == status


@pytest.mark.parametrize(
    ("least", "mask", "status"),
    [
        (131072, "window(left=4096, right=0)", "proved"),
        (131073, "window(left=4096, right=0)", "refuted"),
        (10**6, "causal & real", "proved"),
        (1000, "causal & window(left=500, right=3) | documents(ids) & window(left=20, right=20)", "proved"),
        (1000, "dilated(2) & causal", "unknown"),
    ],
)
def test_a_reach_beyond_all_replays(least: int, mask: str, status: str) -> None:
    assert verdict(decoder(REACH.format(f"at_least: {least}"), mask=mask, turns=32)).status == status


def test_reach_at_least_is_proved_by_a_path() -> None:
    found = verdict(decoder(REACH.format("at_least: 6"), mask=NEAR))
    assert path(found) == ["body.attention", "body.attention"]
    assert found.summary == "`y[t]` reads `x[t − 6]`"


# -- use --------------------------------------------------------------------------------------------------------------

ALL = "uses: {input: x, all: true}"


@pytest.mark.parametrize(
    ("mask", "after", "status"),
    [
        ("everything", "body * 1", "proved"),
        ("real", "body * 1", "proved"),
        ("causal | real", "body * 1", "proved"),
        ("causal", "body * 1", "refuted"),
        (NEAR, "body * 1", "refuted"),
        ("window(left=8, right=8)", "body * 1", "refuted"),  # complete at the first sizes that are tried
        ("causal", "{op: select, in: body, axis: T, at: -1}", "proved"),
        ("causal", "{op: select, in: body, axis: T, at: 0}", "refuted"),
        ("causal", "{op: select, in: body, axis: T, at: 5}", "refuted"),
        (NEAR, "mean(body, T)", "proved"),
        ("chunk(2)", "body + mean(body, T)", "proved"),
        ("everything", "{op: slice, in: body, axis: T, stop: T // 2}", "unknown"),
    ],
)
def test_use_of_every_entry(mask: str, after: str, status: str) -> None:
    assert verdict(decoder(ALL, mask=mask, after=after)).status == status


def test_what_is_not_read() -> None:
    found = verdict(decoder(ALL, mask="causal"))
    assert found.summary == "`y` at `T` = 0 does not read `x` at `T` = 1"


PATCHES = """
graphspec: 1
params: {{d: 8, heads: 2, side: 4, turns: {turns}}}
axes: {{B: batch, P: {{size: side * side, role: position}}}}
inputs: {{x: B P 6}}
nodes:
  e: {{op: linear, in: x, dim: d}}
  rows: {{op: learned_position, over: P, size: side * side, dim: d}}
  y: {{block: std.pre_norm_encoder_layer, in: e + rows, repeat: turns, heads: heads, hidden: 16, mask: "{mask}"}}
outputs: {{y: y}}
contracts: [{{uses: {{input: x, all: true}}}}]
"""


@pytest.mark.parametrize(
    ("mask", "turns", "status"),
    [
        ("everything", 1, "proved"),
        ("window(left=15, right=15)", 1, "proved"),  # the axis is no longer
        ("window(left=5, right=5)", 3, "proved"),
        ("window(left=7, right=7)", 2, "refuted"),
        ("chunk(side) | dilated(side)", 2, "proved"),  # a row, then a column
        ("chunk(side)", 2, "refuted"),
        ("chunk(side)", 5, "unknown"),  # what a chunk may see is bounded by a window
    ],
)
def test_use_of_every_patch(mask: str, turns: int, status: str) -> None:
    assert verdict(graphspec.loads(PATCHES.format(mask=mask, turns=turns))).status == status


def test_use_along_an_axis() -> None:
    assert judged(decoder("uses: {input: x, all: true, axis: B}", "uses: {input: x, axis: B}")) == ["refuted", "proved"]


def test_a_part_that_is_cut_off_again_is_not_used() -> None:
    """The features of the mean stand beside the others, and are not among those that are kept."""
    more = ("both: {op: concat, in: [e, pooled], axis: d}", "pooled: mean(e, T) + 0 * e")
    spec = decoder(ALL, mask="window(left=0, right=0)", before="{op: slice, in: both, axis: 2 * d, stop: d}", more=more)
    assert verdict(spec).status != "proved"


# -- symmetry ---------------------------------------------------------------------------------------------------------

EQUIVARIANT, INVARIANT = "equivariant: {axis: T}", "invariant: {axis: T}"
LEARNED = ("position: {op: learned_position, over: T, size: 64, dim: d}",)


@pytest.mark.parametrize(
    ("mask", "status"),
    [("everything", "proved"), ("real", "proved"), ("causal", "refuted"), (NEAR, "refuted"), ("chunk(2)", "refuted")],
)
def test_attention_without_positions_is_equivariant(mask: str, status: str) -> None:
    assert verdict(decoder(EQUIVARIANT, mask=mask)).status == status


def test_positions_break_it() -> None:
    found = verdict(decoder(EQUIVARIANT, mask="everything", before="e + position", more=LEARNED))
    assert (found.status, found.reason) == ("unknown", "`position` tells positions along `T` apart")


def test_pooling_is_invariant() -> None:
    assert verdict(decoder(INVARIANT, mask="everything", after="mean(body, T)")).status == "proved"
    assert verdict(decoder(INVARIANT, mask="causal", after="mean(body, T)")).status == "unknown"


def test_what_a_pooling_leaves_out_refutes_invariance() -> None:
    found = verdict(decoder(INVARIANT, mask=NEAR, after="{op: select, in: body, axis: T, at: 0}"))
    assert found.status == "refuted"
    assert found.summary == "`y` reads `x` at `T` = 0, but not at 1"


def test_each_place_for_itself_is_not_invariant() -> None:
    found = verdict(decoder(INVARIANT, mask="window(left=0, right=0)"))
    assert (found.status, found.summary) == ("refuted", "`y` at `T` = 0 reads `x` at `T` = 0, but not at 1")


def test_the_path_of_a_broken_symmetry_is_the_asymmetric_hop() -> None:
    found = verdict(decoder(EQUIVARIANT, mask="everything", before="{op: shift, in: e, axis: T}", turns=0))
    assert (found.status, path(found)) == ("refuted", ["before"])


PARTS = (
    'same: {block: std.attention, in: e, heads: heads, mask: "causal & ~causal"}',
    "row: {op: parameter, shape: [1, d]}",
    "rest: {op: slice, in: same, axis: T, stop: T - 1}",
    "parts: {op: concat, a: row, b: rest, axis: 1}",
)


def test_rows_that_read_nothing_may_still_differ() -> None:
    """The first row is a learned one, all others are alike: nothing is read, and yet a permutation shows."""
    found = verdict(decoder(EQUIVARIANT, mask="everything", more=PARTS, after="body + parts"))
    assert (found.status, found.reason) == ("unknown", "`parts` tells positions along `T` apart")
    left = "ignores_padding: {output: y, input: x, where: real, side: left}"
    assert verdict(decoder(left, mask="real", more=PARTS, after="body + parts")).status != "proved"
    assert verdict(decoder(EQUIVARIANT, mask="everything", more=PARTS, after="body + same")).status == "proved"
    assert verdict(decoder(EQUIVARIANT, more=PARTS, before="same", after="body * 1")).status != "proved"


def test_an_output_along_another_axis_is_not_permuted_alike() -> None:
    """Tokens behind one more entry: permuted, they are in other places, and the output has no such axis."""
    longer = "{op: concat, a: row, b: body, axis: 1}"
    assert verdict(decoder(EQUIVARIANT, mask="everything", more=PARTS[1:2], after=longer)).status != "proved"


@settings(max_examples=12)
@given(strategies.specs(causal=False))
def test_permutations_of_a_compiled_model(random: RandomSpec) -> None:
    """Proved: the outputs are permuted as the inputs are. Refuted: for some permutation they are not."""
    head, _, _ = random.text.partition("contracts:")
    spec = graphspec.loads(f"{head}contracts: [{{equivariant: {{axis: T}}}}]\n")
    status = verdict(spec).status
    if status == "unknown":
        return
    model = compiler.compile(spec).double().eval()
    tokens = torch.arange(6)[None] % strategies.VOCAB
    gaps = [gap(model, tokens, real, random.pooled) for real in ([1] * 6, [0] * 6, [1, 1, 0, 1, 0, 0])]
    assert (max(gaps) < 1e-9) == (status == "proved"), (random.text, status, gaps)


def gap(model: torch.nn.Module, tokens: torch.Tensor, real: list[int], pooled: bool) -> float:
    """By how much outputs of permuted inputs differ from permuted outputs."""
    held, found = torch.tensor([real], dtype=torch.bool), 0.0
    with torch.no_grad():
        plain = model(tokens, real=held)
        for seed in range(4):
            order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
            permuted = model(tokens[:, order], real=held[:, order])
            found = max(found, float((permuted - (plain if pooled else plain[:, order])).abs().max()))
    return found


# -- budgets ----------------------------------------------------------------------------------------------------------

PARAMETERS = 1256


def budget(*contracts: str) -> tuple[Verdict, ...]:
    return verdicts(decoder(*contracts).graph)


def test_parameters() -> None:
    within, beyond = budget(f"parameters: {{at_most: {PARAMETERS}}}", "parameters: {at_most: 1e3}")
    assert (within.status, within.summary) == ("proved", "1,256 parameters")
    assert beyond.status == "refuted"
    assert beyond.summary == "1,256 parameters, 256 over the budget; the largest: `body` 1,168, `e` 88"


def test_flops_at_stated_sizes_are_those_that_are_shown() -> None:
    spec = decoder("flops: {at_most: 2e6, T: 128}", "flops: {at_most: 2e6, B: 2, T: 128}")
    one, two = verdicts(spec.graph)
    costs = Costs(spec.graph)
    assert f"{costs.at(costs.flops(), {'B': 1, 'T': 128}):,}" in one.summary
    assert (one.status, two.status) == ("proved", "refuted")
    assert "at B = 2, T = 128" in two.summary


def test_there_is_no_token_along_two_axes() -> None:
    text = """graphspec: 1
axes: {B: batch, H: position, W: position}
inputs: {x: B H W 3}
nodes: {y: {op: linear, in: x, dim: 4}}
outputs: {y: y}
contracts: [flops: {at_most: 1}]
"""
    with pytest.raises(graphspec.SpecError, match="no number of FLOPs per token"):
        graphspec.loads(text).check()
    assert flops_text(Costs(graphspec.loads(text).graph)) == "24 · B · H · W"


def test_flops_per_token_leave_out_what_grows_with_the_length() -> None:
    within, beyond = budget("flops: {at_most: 2192}", "flops: {at_most: 2191}")
    assert within.status == "proved"
    assert within.summary == "2,192 FLOPs per token (and 64 for each position of length)"
    assert beyond.summary.endswith("1 over the budget; the largest: `body` 2,176, `before` 8, `after` 8")


def test_memory_is_that_of_learned_tensors_and_at_stated_sizes_of_the_ends() -> None:
    learned, halved, with_ends = budget("memory: {at_most: 1}", "memory: {at_most: 1, bytes: 2}", "memory: {at_most: 1, T: 16}")  # fmt: skip
    assert learned.summary.startswith(f"{4 * PARAMETERS:,} bytes, ")
    assert halved.summary.startswith(f"{2 * PARAMETERS:,} bytes, ")
    ends = 16 * (8 + 8 + 1) + 4 * 16 * 8  # x, ids, real; y
    assert with_ends.summary.startswith(f"{4 * PARAMETERS + ends:,} bytes at B = 1, T = 16, ")


def test_a_budget_in_terms_of_parameters() -> None:
    assert judged(decoder("parameters: {at_most: 20 * d * d}", "parameters: {at_most: d * d}")) == ["proved", "refuted"]


def test_budgets_are_shown_with_what_was_found() -> None:
    spec = decoder("parameters: {at_most: 1e6}")
    text = summary(spec.graph, verdicts(spec.graph)).as_text()
    assert "✓ proved   parameters (at_most: 1,000,000): 1,256 parameters" in text


# -- what surely is read ----------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(strategies.specs())
def test_what_surely_is_read_is_read_at_every_length(random: RandomSpec) -> None:
    graph = graphspec.loads(random.text).graph
    state = SureFlow(graph).whole().outputs[0]
    relation = state.reads["tokens"][1] if "tokens" in state.reads else ()
    for length in (1, 2, 7):
        lengths = {"B": 2, "T": length}
        claimed = matrix(relation, (1,) if random.pooled else (1, length), length, lengths=lengths)
        replay = Replay(FlowAnalysis(graph), Setting("tokens", 1, lengths))
        read = replay.frame.outputs[0].reads[..., :-1].reshape(claimed.shape)
        assert not (claimed & ~read).any(), random.text


def test_a_wrong_claim_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dilated masks are intervals with holes: taken for whole ones, they claim what is not read."""
    from graphspec.analysis import sure

    spec = decoder(CAUSAL, mask="dilated(2) & causal")

    def low() -> object:
        relation = SureFlow(spec.graph).whole().outputs[0].reads["x"][1]
        return [item.relative.low for item in relation]

    assert low() == [dim(0)]
    monkeypatch.setattr(sure, "_is_interval", lambda mask, use: True)
    assert low() == [None]
