"""Verdicts on drawn specs are not contradicted by their models; and the oracles would find a wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

import graphspec
from graphspec.analysis.contracts import verdicts
from graphspec.operators import OPERATORS
from graphspec.operators.flow_mixing import Identity
from tests import strategies
from tests.drawn import Drawn, Seeded, spec
from tests.soundness.__main__ import contradictions, main, misses, run, table
from tests.soundness.judged import Found, Judged, Truths, judged
from tests.soundness.machine import Machine
from tests.soundness.oracles import LENGTH, Seen, contradicted, lawful

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


def test_the_command_prints_a_spec(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print", "5"]) == 0
    assert capsys.readouterr().out == spec(Seeded(5)).text
