"""The listing of a graph as a table."""

from __future__ import annotations

import pytest

import graphspec
from graphspec.render.table import print_table

TEXT = """graphspec: 1
params: {d: 8, k: 2}
axes: {B: batch, T: position, AXES P: {size: k * k + 1, role: position}}
inputs: {x: B T d, y: B P d}
nodes:
  half: {op: pool, in: x, over: T, kind: mean, kernel: k}
  twice: 2 * y
outputs: {half: half, twice: twice}
"""


@pytest.mark.parametrize(
    ("axes", "half"),
    [("S: {size: T // k, role: position},", ["B S d", "16 · B · S"]), ("", ["B (T // k) d", "16 · B · (T // 2)"])],
)
def test_axes_are_named_in_costs(axes: str, half: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    print_table(graphspec.loads(TEXT.replace("AXES", axes)).graph, {})
    lines = {line.split()[0]: line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert [part.strip() for part in lines["half"].split("  ") if part.strip()][2:] == half
    assert lines["twice"].endswith("40 · B")
