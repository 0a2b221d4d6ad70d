"""Contracts that make no sense are reported where the argument stands, with the nearest name."""

from __future__ import annotations

import pytest

from graphspec.analysis.contracts import check_contracts, verdicts
from graphspec.diagnostics import Diagnostic, Report
from tests.flow.models import decoder


def found(contract: str, **how: str) -> Diagnostic:
    report = Report()
    check_contracts(decoder(contract, **how).graph, report)  # type: ignore[arg-type]
    (diagnostic,) = report.diagnostics
    return diagnostic


@pytest.mark.parametrize(
    ("contract", "message", "help"),
    [
        ("causl: {output: y}", "there is no contract `causl`", "did you mean `causal`?"),
        ("causal: {outptu: y, input: x}", "`causal` has no argument `outptu`", "did you mean `output`?"),
        ("causal: {output: yy, input: x}", "there is no output or node `yy`", "did you mean `y`?"),
        ("causal: {output: y, input: rael}", "there is no input `rael`", "did you mean `real`?"),
        ("causal: {output: y, input: x, axis: Q}", "there is no axis `Q`", "known axes: `B`, `T`"),
        ("causal: {output: y, input: x, shift: T}", "`shift` of `causal` is a whole number, not `T`", ""),
        ("independent: {output: y}", "`independent` needs `axis`", "write `axis: …`"),
        (
            "ignores_padding: {where: x}",
            "`x` is `int B T`, but `where` needs truth values",
            "name an input of truth values",
        ),
        (
            "ignores_padding: {where: real, side: up}",
            "`side` of `ignores_padding` is `right` or `left`, not `up`",
            "known words: `left`, `right`",
        ),
        (
            "causal: {input: x, mode: trainig}",
            "`mode` of `causal` is `training` or `evaluation`, not `trainig`",
            "did you mean `training`?",
        ),
        (
            "reach: {input: x}",
            "`reach` says nothing of how far",
            "say how far: `left: …`, `right: …`, `prefix: …` or `at_least: …`",
        ),
        ("reach: {input: x, at_least: 0}", "`at_least` of `reach` is a whole number from 1 on, not `0`", ""),
        ("parameters: {at_most: d / 3}", "`at_most` of `parameters` is a whole number from 0 on, not `d / 3`", ""),
        ("flops: {at_most: 10, TT: 3}", "`flops` has no argument `TT`", "did you mean `T`?"),
        (
            "flops: {at_most: 10, B: 3}",
            "`flops` states some sizes, but not that of `T`",
            "write `T: …`, or no sizes at all",
        ),
        ("parameters: {at_most: 10, T: 3}", "`parameters` has no argument `T`", "known arguments: `at_most`"),
        ("uses: {input: x, axis: S}", "there is no axis `S`", "known axes: `B`, `T`"),
        ("isolates: {documents: idss}", "there is no input `idss`", "did you mean `ids`?"),
        (
            "causal: {output: y, input: x, axis: B}",
            "`y` (`B T d`) and `x` (`int B T`) share no position axis",
            "name an output and an input along the same axis",
        ),
        ("causal: {output: y}", "the model has several inputs", "say which with `input:`"),
    ],
)
def test_senseless_contracts(contract: str, message: str, help: str) -> None:
    diagnostic = found(contract)
    assert diagnostic.code == (
        "unknown-contract" if "contract `" in message and "causl" in message else "contract-argument"
    )
    assert (diagnostic.message, diagnostic.help) == (message, help)
    assert diagnostic.span is not None
    assert diagnostic.span.line == 26


def test_the_place_is_the_argument() -> None:
    diagnostic = found("causal: {output: y, input: xx}")
    assert diagnostic.span is not None
    line = "  - causal: {output: y, input: xx}"
    assert line[diagnostic.span.column - 1 :].startswith("xx")


def test_a_pooled_output_has_no_past() -> None:
    diagnostic = found("causal: {output: y, input: x}", after="mean(body, T)")
    assert diagnostic.message == "`y` (`B d`) and `x` (`int B T`) share no position axis"


def test_all_problems_at_once() -> None:
    report = Report()
    check_contracts(decoder("causal: {outptu: y, axxis: T}", "causl: {output: y}").graph, report)
    assert len(report.diagnostics) == 3


def test_a_contract_that_makes_no_sense_is_not_decided() -> None:
    (verdict,) = verdicts(decoder("causal: {output: nowhere, input: x}").graph)
    assert verdict.status == "unknown"


def test_sensible_contracts_report_nothing() -> None:
    report = Report()
    spec = decoder(
        "causal: {output: y, input: x}", "uses: {input: x}", "causal: {output: body, input: x, axis: T, shift: 1}"
    )
    check_contracts(spec.graph, report)
    assert not report.diagnostics
