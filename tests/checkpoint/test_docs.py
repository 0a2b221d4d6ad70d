"""The examples of docs/checkpoints.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import compiler
import graphspec
from compiler.checkpoint import export_weights, layout_of, mapping_text
from graphspec.checkpoints.patterns import parse_pattern
from graphspec.diagnostics import Report

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/checkpoints.md").read_text(encoding="utf-8")
SPEC, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(TABLE,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
PATTERNS = re.findall(r"^\| `([^`:]*->[^`:]*)` \|", PAGE, re.MULTILINE)


def test_the_map_means_what_the_page_prints() -> None:
    report = Report()
    layout = layout_of(graphspec.loads(SPEC), "theirs", report)
    report.check()
    assert layout is not None
    printed = [line.split() for line in mapping_text(layout).splitlines()]
    assert [line.split() for line in TABLE.splitlines()] == printed[: len(TABLE.splitlines())]


def test_weight_norm_is_torch_s_and_goes_back(tmp_path: Path) -> None:
    (section,) = (it for it in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "normed_linear" in it)
    head = "graphspec: 1\nname: normed\naxes: {B: batch}\ninputs: {z: B 5}\n"
    nodes = "nodes: {y: {block: normed_linear, in: z, width: 3}}\noutputs: {y: y}\n"
    spec = graphspec.loads(head + nodes + section.replace("  torch:\n", "  torch:\n    nodes: {y: layer}\n"))
    torch.manual_seed(0)
    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(5, 3))
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(1.7)
    theirs = {f"layer.{name}": it for name, it in layer.state_dict().items()}
    save_file(theirs, tmp_path / "theirs.safetensors")
    model = compiler.load(spec, tmp_path / "theirs.safetensors", "torch", device="cpu")
    x = torch.randn(4, 5)
    torch.testing.assert_close(model(x), layer(x))
    save_file(model.state_dict(), tmp_path / "own.safetensors")
    export_weights(spec, tmp_path / "own.safetensors", tmp_path, "torch")
    back = load_file(tmp_path / "model.safetensors")
    assert back.keys() == theirs.keys()
    assert all(torch.equal(back[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_can_be_read(pattern: str) -> None:
    assert parse_pattern(pattern).text == pattern


def test_every_section_is_described() -> None:
    from graphspec.document import Entry, MapEntry

    keys = MapEntry.model_fields.keys() - Entry.model_fields.keys()
    assert {key for key in keys if f"| `{key}` |" not in PAGE} == set()
