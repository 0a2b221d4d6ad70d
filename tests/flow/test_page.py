"""The examples of docs/contracts.md have the verdicts that stand beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import graphspec
from graphspec.analysis.contracts.kinds import KINDS

PAGE = (Path(__file__).parents[2] / "docs/contracts.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(graphspec: 1\n.*?)```", PAGE, re.DOTALL)
PROMISED = re.compile(r"^  - (\w+): .*# (proved|refuted|unknown)$", re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: PROMISED.findall(text)[0][0])
def test_an_example_has_the_verdicts_beside_it(example: str) -> None:
    found = [(verdict.contract.kind, verdict.status) for verdict in graphspec.loads(example).check()]
    assert found == PROMISED.findall(example)


def test_every_kind_and_argument_is_on_the_page() -> None:
    shown = {kind for example in EXAMPLES for kind, _ in PROMISED.findall(example)}
    assert shown == set(KINDS)
    named = {argument for kind in KINDS.values() for argument in kind.arguments}
    assert {argument for argument in named if f"`{argument}" not in PAGE and f"{argument}:" not in PAGE} == set()
