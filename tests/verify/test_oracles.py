"""The oracles can fail: a lowering that is broken is found by the contract that it breaks, and its node is named."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import graphspec
from compiler import verify as room
from compiler.lower import LOWERINGS
from compiler.lower.code import Code
from compiler.lower.site import Site
from compiler.verify import Finding, Verification
from graphspec.operators import OPERATORS
from graphspec.operators.flow_mixing import Identity
from tests.flow.models import CAUSAL, INDEPENDENT, PADDING, decoder

Breaking = Callable[[str, str, Callable[[str], str]], None]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Breaking:
    """`broken(operator, node, change)`: the code of one node, changed."""

    def breaking(operator: str, node: str, change: Callable[[str], str]) -> None:
        sound = LOWERINGS[operator]

        def lower(at: Site) -> Code | tuple[Code, ...]:
            made = sound(at)
            return Code(change(made.text)) if isinstance(made, Code) and at.node.name == node else made

        monkeypatch.setitem(LOWERINGS, operator, lower)  # pyright: ignore[reportArgumentType]

    return breaking


def verify(spec: graphspec.Spec, seeds: int = 1, ways: tuple[str, ...] = ("as compiled",)) -> Verification:
    return room.verify(spec, seeds=seeds, ways=ways)


def violated(found: Verification) -> list[Finding]:
    assert found.failed == any(it.status == "violated" for it in found.findings)
    return [it for it in found.findings if it.status == "violated"]


def culprits(found: Verification) -> set[str]:
    return {it.violation.culprit.path for it in violated(found) if it.violation and it.violation.culprit}


def leaky(text: str) -> Callable[[str], str]:
    return lambda made: f"(lambda y: {text})({made})"


def test_a_causal_mask_that_is_dropped(broken: Breaking) -> None:
    broken("attention", "attend", lambda made: made.replace("is_causal=True", "is_causal=False"))
    found = verify(decoder(CAUSAL, INDEPENDENT), ways=())
    assert {it.kind for it in violated(found)} == {"causal"}
    assert culprits(found) == {"body.0.attention.attend"}
    assert {it.lowering for it in violated(found)} == {"as compiled", "SDPA math", "SDPA flash", "fused"}, (
        "not written out"
    )
    assert "first at `body.0.attention.attend` (attend)" in found.as_text()


def test_padding_that_is_not_masked(broken: Breaking) -> None:
    broken("attention", "attend", lambda made: re.sub(r"attn_mask=\w+", "attn_mask=None", made))
    found = verify(decoder(PADDING, INDEPENDENT, mask="real"))
    assert {it.kind for it in violated(found)} == {"ignores_padding"}
    assert culprits(found) == {"body.0.attention.attend"}


def test_a_row_that_leaks(broken: Breaking) -> None:
    broken("linear", "down", leaky("y + 1e-3 * y.mean(0, keepdim=True)"))
    found = verify(decoder(CAUSAL, INDEPENDENT))
    assert {it.kind for it in violated(found)} == {"independent"}
    assert culprits(found) == {"body.0.ffn.down"}
    assert {it.mode for it in violated(found)} == {"evaluation", "training"}


@pytest.mark.parametrize(
    ("contract", "mask", "probe"),
    [(CAUSAL, "causal", "only the first"), (PADDING, "real", "less of padding")],
)
def test_a_scale_by_the_length(broken: Breaking, contract: str, mask: str, probe: str) -> None:
    """Nothing that keeps the length shows it."""
    broken("linear", "up", leaky("y * y.shape[-2]"))
    found = verify(decoder(contract, mask=mask))
    assert culprits(found) == {"body.0.ffn.up"}
    assert all(it.violation and probe in it.violation.probe for it in violated(found))


def test_a_number_of_rows_that_is_used(broken: Breaking) -> None:
    broken("linear", "up", leaky("y * len(y)"))
    found = verify(decoder(INDEPENDENT))
    assert culprits(found) == {"body.0.ffn.up"}
    assert all(it.violation and "alone" in it.violation.probe for it in violated(found))


def test_a_path_without_gradient(broken: Breaking) -> None:
    broken("linear", "up", leaky("y + (y.detach().argmax(-1, keepdim=True).roll(-1, 1) > 5)"))
    assert culprits(verify(decoder(CAUSAL), seeds=2)) == {"body.0.ffn.up"}


def test_what_only_training_breaks(broken: Breaking) -> None:
    broken("linear", "up", leaky("y + 0.1 * y.mean(1, keepdim=True) * self.training"))
    found = verify(decoder(CAUSAL))
    assert {it.mode for it in violated(found)} == {"training"}


SYMMETRIC = "equivariant: {output: y, axis: T}"
ISOLATES = "isolates: {output: y, input: x, documents: ids}"
ALONE = "isolates: {output: y, input: x, documents: ids, alone: true}"


@pytest.mark.parametrize(
    ("contract", "mask", "change"),
    [
        (SYMMETRIC, "everything", "y + y.cumsum(1)"),
        ("ignores_padding: {output: y, input: x, where: real, side: left}", "real", "y * y.shape[1]"),
        (ISOLATES, "documents(ids)", "y + y.roll(1, 1)"),
        (ALONE, "documents(ids)", "y * y.shape[1]"),
        ("prefix_causal: {output: y, input: x, n: 3}", "causal | prefix(3)", "y + y.roll(-1, 1)"),
        ("reach: {output: y, input: x, left: 4, right: 0}", "window(left=2, right=0)", "y + y.roll(5, 1)"),
    ],
)
def test_every_other_kind(broken: Breaking, contract: str, mask: str, change: str) -> None:
    spec = decoder(contract, mask=mask)
    sound = verify(spec, seeds=2)
    assert {(it.verdict, it.status) for it in sound.findings} == {("proved", "agrees")}, sound.as_text()
    broken("linear", "down", leaky(change))
    assert culprits(verify(spec, seeds=2)) == {"body.0.ffn.down"}


STRIDED = """
graphspec: 1
params: {d: 8}
axes: {B: batch, T: position}
inputs: {x: B T d}
nodes:
  a: {op: linear, in: x, dim: d}
  y: {op: convolution, in: a, over: T, dim: d, kernel: 4, stride: 2, padding: causal}
outputs: {y: y}
contracts: [{causal: {output: y, input: x}}, {independent: {axis: B}}]
"""


def test_an_output_with_fewer_positions(broken: Breaking) -> None:
    spec = graphspec.loads(STRIDED)
    assert {(it.verdict, it.status) for it in verify(spec, seeds=2).findings} == {("proved", "agrees")}
    broken("convolution", "y", leaky("y + y.roll(-1, 1)"))
    assert culprits(verify(spec)) == {"y"}
    assert {it.kind for it in violated(verify(spec))} == {"causal"}


def test_a_use_that_is_lost(broken: Breaking) -> None:
    spec = decoder("uses: {output: y, input: x}", "reach: {output: y, input: x, at_least: 2}")
    assert not verify(spec).failed
    broken("linear", "down", leaky("y * 0"))
    broken("embedding", "e", leaky("y * 0"))
    found = verify(spec)
    assert {it.kind for it in violated(found)} == {"uses", "reach"}
    assert "`y` never moves: `x` changed" in found.as_text()


# --- rules of flow


LEAK = """
graphspec: 1
params: {d: 8, vocab: 11}
axes: {B: batch, T: position}
inputs: {tokens: {type: int B T, below: vocab}}
nodes:
  embedding: {op: embedding, in: tokens, size: vocab, dim: d}
  logits: {op: shift, in: embedding, axis: T, by: -1}
outputs: {logits: logits}
contracts: [{causal: {output: logits, input: tokens}}]
"""


def test_a_rule_that_contradicts_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPERATORS["shift"], "flow", Identity())
    found = verify(graphspec.loads(LEAK))
    assert culprits(found) == {"logits"}
    assert {it.verdict for it in violated(found)} == {"proved"}
    assert "`logits` (shift), <text>:8" in found.as_text()


def test_what_is_refuted_is_seen_to_move() -> None:
    for spec in (graphspec.loads(LEAK), decoder(CAUSAL, mask="everything")):
        found = verify(spec)
        assert {(it.verdict, it.status) for it in found.findings} == {("refuted", "agrees")}
        assert not found.failed
        assert all(it.violation and it.violation.amount > 0 for it in found.findings)


def test_what_is_refuted_and_never_moves_is_said(broken: Breaking) -> None:
    broken("attention", "attend", lambda made: f"({made}) * 0")
    found = verify(decoder(CAUSAL, mask="everything"))
    assert {it.status for it in found.findings if it.lowering == "as compiled"} == {"unmoved"}
    assert "it is refuted, but no probe moves anything" in found.as_text()
    assert not found.failed


def test_a_use_that_is_refuted_must_not_be_seen(broken: Breaking) -> None:
    spec = decoder("uses: {output: y, input: ids}")
    assert {(it.verdict, it.status) for it in verify(spec).findings} == {("refuted", "agrees")}
