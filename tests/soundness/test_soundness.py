"""Verdicts on drawn specs are not contradicted by their models; and the oracles would find a wrong one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

import graphspec
from graphspec.analysis.contracts import Verdict, verdicts
from graphspec.graph import Contract
from graphspec.operators import OPERATORS
from graphspec.operators.flow_mixing import Identity
from tests import strategies
from tests.drawn import Drawn, Seeded, spec
from tests.soundness import log
from tests.soundness.__main__ import contradictions, main, misses, run, runs, table
from tests.soundness.judged import Found, Judged, Truths, judged
from tests.soundness.machine import Machine
from tests.soundness.oracles import LAWS, LENGTH, Seen, broken, contradicted, lawful

QUICK = range(100_000, 100_120)


def test_no_verdict_is_contradicted() -> None:
    assert contradictions(list(run(QUICK, every=5, jobs=1))) == []


def test_the_same_seed_draws_the_same_spec() -> None:
    assert spec(Seeded(7)).text == spec(Seeded(7)).text != spec(Seeded(8)).text


@settings(max_examples=15)
@given(strategies.wide_specs())
def test_hypothesis_draws_valid_specs_of_the_same_parts(drawn: Drawn) -> None:
    graphspec.loads(drawn.text)


# -- the oracles can fail ---------------------------------------------------------------------------------------------

MODEL = """
graphspec: 1
params: {{d: 4, heads: 2, vocab: 11}}
axes: {{B: batch, T: position}}
inputs:
  tokens: {{type: int B T, below: vocab}}
  real: bool B T = true
  ids: int B T = 0
nodes:
  e: {{op: embedding, in: tokens, size: vocab, dim: d}}
  y: {node}
outputs: {{y: y}}
contracts:
  - causal: {{output: y, input: tokens}}
  - ignores_padding: {{output: y, input: tokens, where: real}}
  - independent: {{output: y, axis: B}}
  - uses: {{output: y, input: tokens}}
"""


def wrong(node: str) -> list[str]:
    """The kinds of contracts whose verdicts the model contradicts."""
    graph = graphspec.loads(MODEL.format(node=node)).graph
    said = verdicts(graph)
    seen = Seen(Machine(graph, 0), LENGTH, 0, lawful(graph, said))
    return [verdict.contract.kind for verdict in said if contradicted(graph, verdict, seen)]


BACK = "{op: shift, in: e, axis: T, by: -1}"
SHOWS_ALL = "{block: std.attention, in: e, heads: heads, mask: causal}"


def test_right_verdicts_are_not_contradicted() -> None:
    assert wrong(BACK) == wrong(SHOWS_ALL) == wrong("e + mean(e, B)") == []


def test_a_shift_that_claims_to_stay_in_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["shift"], "flow", Identity())
    assert wrong(BACK) == ["causal", "ignores_padding"]


def test_a_mean_over_rows_that_claims_to_stay_in_its_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["softmax"], "flow", Identity())
    assert wrong('"softmax(e, B)"') == ["independent"]


def test_rows_that_are_mixed_in_some_rows_alone_are_found() -> None:
    """The query tells rows apart only where there is a choice between two real keys."""
    node = '{block: std.attention, in: rows, context: e, heads: heads, mask: "real & prefix(2)"}'
    graph = graphspec.loads(MODEL.format(node=f'{node}\n  rows: "softmax(e, B)"')).graph
    assert Machine(graph, 0).mixes_rows
    assert not Machine(graphspec.loads(MODEL.format(node=SHOWS_ALL)).graph, 0).mixes_rows


def test_a_length_that_counts_breaks_the_independence_of_places() -> None:
    """No other place is read, but the same place alone gives another output."""
    graph = graphspec.loads(MODEL.format(node='"e / T"')).graph
    (told,) = verdicts(replace(graph, contracts=(Contract("independent", (("axis", "T"), ("input", "tokens"))),)))
    assert told.status == "refuted"
    seen = Seen(Machine(graph, 0), LENGTH, 0)
    assert not contradicted(graph, told, seen)
    assert broken(graph, replace(told, status="proved"), replace(seen, lawful=frozenset(LAWS)))


def test_a_place_that_counts_is_seen_where_rows_are_mixed() -> None:
    graph = graphspec.loads(MODEL.format(node='"softmax(e, B) + 0.3 * i"\n  i: {op: index, over: T}')).graph
    named = (("output", "y"), ("input", "tokens"), ("where", "real"), ("side", "left"))
    (told,) = verdicts(replace(graph, contracts=(Contract("ignores_padding", named),)))
    assert told.status == "refuted"
    assert not contradicted(graph, told, Seen(Machine(graph, 0), LENGTH, 0))


@pytest.mark.parametrize("mask", ["documents(ids)", "~documents(ids)"])
def test_a_pair_refutes_only_where_the_world_makes_it_break_the_contract(mask: str) -> None:
    """`y[2]` reads `tokens[1]` in many worlds: only under the second mask in one in which they are of two documents."""
    node = f'{{block: std.attention, in: e, heads: heads, mask: "{mask}"}}'
    graph = graphspec.loads(MODEL.format(node=node)).graph
    contract = Contract("isolates", (("output", "y"), ("input", "tokens"), ("documents", "ids")))
    claim = Verdict(contract, "refuted", "`y` at `T` = 2 reads `tokens` at `T` = 1")
    assert contradicted(graph, claim, Seen(Machine(graph, 0), LENGTH, 0)) == (mask == "documents(ids)")


def test_a_causal_mask_that_shows_everything_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The analysis says `D ≤ 0` of it, and the model shows every key."""
    from tests import reference

    true = reference._by_position
    monkeypatch.setattr(reference, "_by_position", lambda at, mask: true(at, mask) | True)
    assert "causal" in wrong(SHOWS_ALL)


def test_a_refutation_whose_pair_never_moves_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphspec.operators.flow_moves import Shifts

    monkeypatch.setattr(OPERATORS["slice"], "flow", Shifts())
    monkeypatch.setattr(Shifts, "effect", lambda self, use, output: _looks_ahead(use))
    assert "causal" in wrong("{op: slice, in: e, axis: T, stop: T}")


def _looks_ahead(use: object) -> object:
    from graphspec.flow import along
    from graphspec.operators.flow_rules import Effect, Hop, Use

    assert isinstance(use, Use)
    ((port, given),) = use.inputs.items()
    axes = list(use.axes(port, range(len(given.axes))))
    axes[1] = along(1, use.ground(given.sizes[1]), 1, 1)
    return Effect((Hop(port, tuple(axes)),))


# -- the truth, and the table -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "kind", "holds"),
    [
        (BACK, "causal", False),
        ("{op: shift, in: e, axis: T, by: 1}", "causal", True),
        (SHOWS_ALL, "causal", True),
        ("{op: shift, in: e, axis: T, by: 1}", "ignores_padding", True),
        (BACK, "ignores_padding", False),
        ("{block: std.attention, in: e, heads: heads, mask: documents(ids)}", "isolates", True),
        ("{block: std.attention, in: e, heads: heads, mask: documents(ids) | real}", "isolates", False),
        ("{block: std.attention, in: e, heads: heads, mask: causal & ~causal}", "isolates", True),
        ("e + 0 * mean(e, T)", "causal", True),
    ],
)
def test_what_truly_holds(node: str, kind: str, holds: bool) -> None:
    node = node if node.startswith("{") else f'"{node}"'
    assert Truths(graphspec.loads(MODEL.format(node=node)).graph, 0).holds(kind) == holds


def test_what_holds_and_is_not_proved_is_counted() -> None:
    found = [Judged(3, (Found("causal", "unknown", "why", False, True), Found("causal", "proved", "", True, True)))]
    assert misses(found) == ["seed 3: causal holds, but is unknown (why)"]
    assert contradictions(found) == ["seed 3: causal is proved, but not so ()"]
    assert "| causal | 1 | 0 | 1 | 50.0 % | 1 | 50.0 % of 2 |" in table(found)


def test_a_spec_that_cannot_be_judged_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.soundness.judged.verdicts", lambda graph: 1 / 0)
    assert contradictions([judged(1)]) == ["seed 1: ZeroDivisionError: division by zero"]


def test_a_log_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, page = tmp_path / "log.jsonl", tmp_path / "page.md"
    options = ["--seed", "7", "--jobs", "1", "--every", "100", "--log", str(kept), "--write", str(page)]
    assert main(["--count", "1", *options]) == 0
    monkeypatch.setattr("tests.soundness.__main__.judged", lambda seed, measure: Judged(seed, crash="judged anew"))
    assert main(["--count", "2", *options]) == 1
    assert "seed 8: judged anew" in capsys.readouterr().out
    assert "2 random specs, seeds 7 to 8, all judged by the same code.\nFound wrong: **1**" in page.read_text()
    assert runs([3, 4, 5, 9, 10]) == "3 to 5 and 9 to 10"
    monkeypatch.setattr(log, "state", lambda: "the code has changed")
    assert log.known(kept) == {}


def test_the_command_prints_a_spec(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print", "5"]) == 0
    assert capsys.readouterr().out == spec(Seeded(5)).text
