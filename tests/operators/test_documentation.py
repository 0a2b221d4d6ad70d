"""The worked example of docs/operators.md is run: checked, compiled, verified, and what is printed is what is made."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import compiler
import graphspec
from compiler.lower.custom import FOREIGN
from compiler.plugins import load_plugins
from compiler.target import Target
from graphspec.analysis.contracts import verdicts
from graphspec.analysis.cost import Costs
from graphspec.operators import OPERATORS

PAGE = (Path(__file__).parents[2] / "docs/operators.md").read_text(encoding="utf-8")
PLUGIN, SOURCE = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(SPEC,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def averaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[graphspec.Spec]:
    (tmp_path / "ema.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "averaged.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    load_plugins([str(tmp_path / "ema.py")])
    try:
        yield graphspec.load(tmp_path / "averaged.yaml")
    finally:
        del OPERATORS.custom["ema"], FOREIGN["ema"], sys.modules["ema"]


def test_its_contracts_are_proved(averaged: graphspec.Spec) -> None:
    assert [found.status for found in verdicts(averaged.graph)] == ["proved", "proved"]
    flops = Costs(averaged.graph).flops().value({"B": 1, "T": 1, "d": 16, "vocab": 32})
    assert flops == 16 * 4 + 16 + 2 * 16 * 32


def test_it_is_compiled_to_the_source_that_is_shown(averaged: graphspec.Spec) -> None:
    model = compiler.compile(averaged, Target(device="cpu"))
    imports, _, body = SOURCE.partition("\n\n\n")
    assert imports in model.source
    made = re.sub(r'^ +""".*?"""\n\n', "", model.source[model.source.index("class Averaged") :], flags=re.M | re.S)
    assert made == body


def test_it_computes_what_it_says(averaged: graphspec.Spec) -> None:
    model = compiler.compile(averaged, Target(device="cpu"))
    tokens = torch.tensor([[3, 1, 4]])
    found = model.capture("average", tokens=tokens)["average"]
    kept, x = torch.sigmoid(torch.tensor(2.0)), model.get_submodule("embedding")(tokens)
    by_hand = 2 * (1 - kept) * (x[:, 2] + kept * x[:, 1] + kept**2 * x[:, 0])
    torch.testing.assert_close(found[:, 2], by_hand)
