"""The corpus against what PyTorch computes: every leak shows, and nothing that is proved moves."""

from __future__ import annotations

import pytest

import graphspec
from compiler.verify import verify
from tests.leaks.test_leaks import SPECS


@pytest.mark.parametrize("name", SPECS)
def test_the_verdicts_are_true_of_the_model_that_runs(name: str) -> None:
    findings = verify(graphspec.load(SPECS[name]), seeds=1).findings
    assert findings
    for verdict, wanted in (("proved", {"agrees"}), ("refuted", {"agrees", "unmoved"}), ("unknown", {"violated"})):
        assert {found.status for found in findings if found.verdict == verdict} <= wanted
    shown = {found.contract for found in findings if found.verdict == "refuted" and found.status == "agrees"}
    assert shown == {found.contract for found in findings if found.verdict == "refuted"}
