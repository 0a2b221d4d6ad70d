"""Where a change is told to stand: where it is written, also if a variant wrote it."""

from __future__ import annotations

from pathlib import Path

import graphspec
from graphspec.difference.values import Difference

BASE = """\
graphspec: 1
name: base
params: {d: 8}
axes: {B: batch, T: position}
inputs: {start: B T d}
blocks:
  step:
    in: {x: B T d}
    nodes:
      attention: {block: std.attention, in: x, heads: 2, mask: causal}
      ffn: {block: std.ffn, in: attention, hidden: 4 * d}
      norm: {op: layer_norm, in: ffn, eps: 1e-5}
      end: x + norm
    out: end
nodes:
  layers: {block: step, in: start, repeat: 3}
outputs: {y: layers}
"""
VARIANT = """\
graphspec: 1
name: variant
extends: base.yaml
override:
  layers.repeat: 2
  step.attention.mask: everything
  step.ffn.activation: silu
  step.norm.eps: 1e-6
  step.end: x - norm
"""


def compared(folder: Path, before: str, after: str) -> Difference:
    """Of two files, one of which may be `base.yaml`, which the other may extend."""
    names = ["base.yaml" if text == BASE else name for name, text in (("old.yaml", before), ("new.yaml", after))]
    for name, text in (("base.yaml", BASE), *zip(names, (before, after), strict=True)):
        (folder / name).write_text(text, encoding="utf-8")
    return graphspec.diff(*(folder / name for name in names))


def written(found: Difference) -> dict[str, list[str | None]]:
    """By node, the files and lines of the node and of what it says otherwise."""
    rows = {}
    for change in found.as_dict()["nodes"]:
        places = [change["after_at"], *(field["after_at"] for field in change["fields"])]
        rows[change["places"][0]] = [":".join(place.rpartition("/")[2].split(":")[:2]) for place in places]
    return rows


def test_what_a_variant_overrides_stands_in_the_variant(tmp_path: Path) -> None:
    found = compared(tmp_path, BASE, VARIANT)
    assert written(found) == {
        "layers": ["base.yaml:16", "new.yaml:5"],
        "layers.*.attention.attend": ["base.yaml:10", "new.yaml:6"],
        "layers.*.ffn.down": ["base.yaml:11", "new.yaml:7"],
        "layers.*.norm": ["base.yaml:12", "new.yaml:8"],
        "layers.*.end": ["new.yaml:9", "new.yaml:9"],
    }
    lines = [line.rstrip() for line in str(found).splitlines()]
    assert any("eps  " in line and line.endswith("new.yaml:8:13") for line in lines)


def test_of_a_node_that_is_written_anew_nothing_else_is_the_cause(tmp_path: Path) -> None:
    other = BASE.replace("mask: causal}", "mask: causal, bias: false}")
    found = compared(tmp_path, other, VARIANT)
    assert written(found)["layers.*.attention.{q,k,v,o}"] == ["base.yaml:10", "base.yaml:10"]
    assert written(found)["layers.*.attention.attend"] == ["base.yaml:10", "new.yaml:6"]


def test_what_the_earlier_spec_overrode_is_known_too(tmp_path: Path) -> None:
    found = compared(tmp_path, VARIANT, BASE).as_dict()["nodes"]
    (norm,) = [change for change in found if change["places"] == ["layers.*.norm"]]
    assert norm["fields"][0]["before_at"].endswith("old.yaml:8:13")
    assert norm["fields"][0]["after_at"].endswith("base.yaml:12:7")
