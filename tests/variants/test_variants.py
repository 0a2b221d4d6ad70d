"""A spec that extends another changes what it says it changes, and nothing by accident."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copytree

import pytest

import graphspec
from compiler.train.folder import settled_text
from graphspec import Spec, SpecError
from graphspec.diagnostics import Diagnostic

BASE = """graphspec: 1
name: base
title: The base
params: {d: 4, n: 2, eps: 1e-5}
axes: {B: batch, T: position}
inputs: {x: B T d}
blocks:
  pair:
    in: {y: B T d}
    nodes:
      norm: {op: layer_norm, in: y, eps: eps}
      up: {op: linear, in: norm, dim: 2 * d}
      down: {op: linear, in: up, dim: d}
    out: y + down
nodes:
  layers: {block: pair, in: x, repeat: n}
  last: {op: layer_norm, eps: eps}
outputs: {y: last}
init: {"*": normal(0.02), "layers.*.up": zeros}
contracts: [{independent: {axis: B}}]
checkpoints:
  theirs:
    nodes: {"layers.{i}": "h.{i}", last: norm}
    blocks: {pair: {norm: ln, "{up,down}": "{u,d}"}}
"""


def variant(folder: Path, text: str, **overrides: int) -> Spec:
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    path = folder / "variant.yaml"
    path.write_text(f"graphspec: 1\nextends: base.yaml\n{text}", encoding="utf-8")
    return graphspec.load(path, **overrides)


def fault(folder: Path, text: str, code: str) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        variant(folder, text)
    found = [it for it in caught.value.diagnostics if it.code == code]
    assert found, caught.value
    return found[0]


def marked(found: Diagnostic) -> str:
    assert found.span is not None
    line = found.span.file.line(found.span.line)
    return f"{Path(found.span.file.name).name}: {line[found.span.column - 1 : found.span.end_column - 1]}"


def attribute(spec: Spec, node: str, name: str) -> object:
    pair = spec.graph.body.node("layers").does.bodies[0]
    return getattr(pair.node(node).does, name)


def test_a_parameter_a_node_and_an_attribute_are_changed_by_path(tmp_path: Path) -> None:
    text = 'override:\n  n: 3\n  pair.up.dim: 3 * d\n  pair.up.bias: false\n  pair.down: {op: linear, in: "relu(up)", dim: d}\n'
    spec = variant(tmp_path, text)
    assert spec.graph.sizes["n"] == 3
    assert str(attribute(spec, "up", "dim")) == "3 * d"
    assert attribute(spec, "up", "bias") is False  # which the base does not say
    names = [node.name for node in spec.graph.body.node("layers").does.bodies[0].nodes]
    assert names[:3] == ["norm", "up", "down~1"]
    assert spec.name == "base"


def test_parameters_are_still_set_from_outside(tmp_path: Path) -> None:
    assert variant(tmp_path, "override: {n: 3}\n", n=5).graph.sizes["n"] == 5


def test_names_are_added_to_sections_and_blocks(tmp_path: Path) -> None:
    text = (
        "name: more\nparams: {k: 2}\ninputs: {real: bool B T = true}\n"
        "blocks: {pair: {nodes: {more: k * down}}}\n"
        "override: {pair.out: y + more}\nnodes: {twice: last * real}\noutputs: {twice: twice}\n"
        "contracts: [{independent: {axis: B, output: twice}}]\n"
    )
    spec = variant(tmp_path, text)
    assert (spec.name, spec.graph.title) == ("more", "The base")
    assert [name for name, _ in spec.graph.body.outputs] == ["y", "twice"]
    assert len(spec.check()) == 2
    assert len(spec.checkpoints) == 1


def test_lists_and_patterns_are_replaced_as_a_whole(tmp_path: Path) -> None:
    text = 'override:\n  contracts: [{causal: {output: y, input: x}}]\n  "init.layers.*.up": ones\n'
    text += "  checkpoints.theirs.blocks.pair.norm: input_norm\n"
    spec = variant(tmp_path, text)
    assert [it.kind for it in spec.graph.contracts] == ["causal"]
    assert [it.init.kind for it in spec.graph.init] == ["normal", "ones"]
    from compiler.checkpoint import layout_of
    from graphspec.diagnostics import Report

    layout = layout_of(spec, "theirs", Report())
    assert layout is not None
    assert "h.0.input_norm.weight" in {name for it in layout.tensors for name in it.names}


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    text = "remove: [pair.norm, checkpoints.theirs.blocks.pair.norm]\noverride: {pair.up.in: y}\n"
    assert not variant(tmp_path, text).graph.body.node("layers").does.bodies[0].has_node("norm")
    dangling = fault(tmp_path, "remove: [pair.norm]\n", "unknown-name")
    assert marked(dangling) == "base.yaml: norm"  # who reads it stands there


@pytest.mark.parametrize(
    ("text", "code", "at", "said"),
    [
        ("override: {m: 3}", "unknown-path", "m", "known names"),
        ("override: {piar.up.dim: 3}", "unknown-path", "piar", "did you mean `pair`"),
        ("override: {pair.upp.dim: 3}", "unknown-path", "upp", "did you mean `up`"),
        ("override: {pair.up.dmi: 3}", "unknown-attribute", "dmi", "did you mean `dim`"),
        ("override: {pair.up.dim.x: 3}", "unknown-path", "x", "has nothing inside"),
        ("override: {pair.upp: x}", "unknown-path", "upp", "did you mean `up`"),
        ("override: {pair.up.dim: z}", "unknown-name", "z", ""),
        ("override: [n]", "wrong-form", "[n]", "map of paths"),
        ("remove: [pair.nrom]", "unknown-path", "nrom", "did you mean `norm`"),
        ("remove: [{a: b}]", "wrong-form", "{a: b}", "list of paths"),
        ("params: {n: 3}", "already-there", "n", "write `n: …` under `override:`"),
        ("blocks: {pair: {nodes: {up: y}}}", "already-there", "up", "write `pair.up: …` under"),
        ("blocks: {pair: {out: y}}", "already-there", "out", "write `pair.out: …` under"),
        ("nodes: {last: {eps: 1}}", "already-there", "last", "write `last: …` under"),
        ("paramz: {k: 3}", "unknown-key", "paramz", "did you mean `params`"),
    ],
)
def test_a_fault_stands_where_it_was_written(tmp_path: Path, text: str, code: str, at: str, said: str) -> None:
    found = fault(tmp_path, text + "\n", code)
    where = marked(found)
    assert where.startswith("variant.yaml: ")
    assert at in where
    assert said in f"{found.message} {found.help}"


def test_chains_and_folders(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/blocks.yaml").write_text(
        "graphspec: 1\nblocks: {double: {in: {z: ... e}, nodes: {w: 2 * z}, out: w}}\n", encoding="utf-8"
    )
    (tmp_path / "far/root.yaml").write_text(
        BASE.replace("params:", "use: {mine: blocks.yaml}\nparams:").replace(
            "last: {op", "two: {block: mine.double}\n  last: {op"
        ),
        encoding="utf-8",
    )
    (tmp_path / "base.yaml").write_text("graphspec: 1\nextends: far/root.yaml\noverride: {n: 7}\n", encoding="utf-8")
    (tmp_path / "top.yaml").write_text("graphspec: 1\nextends: base.yaml\noverride: {d: 8}\n", encoding="utf-8")
    spec = graphspec.load(tmp_path / "top.yaml")
    assert (spec.graph.sizes["n"], spec.graph.sizes["d"]) == (7, 8)
    assert [path.name for path in spec.source.bases] == ["base.yaml", "root.yaml"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("../x.yaml", "library-outside"), ("bse.yaml", "no-base"), ("top.yaml", "extends-cycle"), ("[a]", "wrong-form")],
)
def test_a_base_that_cannot_be(tmp_path: Path, path: str, code: str) -> None:
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "top.yaml").write_text(f"graphspec: 1\nextends: {path}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=code):
        graphspec.load(tmp_path / "top.yaml")


def test_without_a_file_or_a_base() -> None:
    with pytest.raises(SpecError, match="no-base"):
        graphspec.loads("graphspec: 1\nextends: base.yaml\n")
    with pytest.raises(SpecError, match="no-base"):
        graphspec.loads(BASE + "override: {n: 3}\n")


def test_the_example_of_the_page(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs/language.md").read_text(encoding="utf-8")
    (example,) = (it for it in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "extends:" in it)
    copytree(root / "specs/llm", tmp_path / "llm")
    (tmp_path / "near.yaml").write_text(example, encoding="utf-8")
    spec = graphspec.load(tmp_path / "near.yaml")
    assert not spec.warnings
    assert spec.graph.sizes["vocab"] == 32000


def test_a_variant_written_out_is_whole(tmp_path: Path) -> None:
    spec = variant(tmp_path, "override: {n: 3, pair.up.dim: 3 * d}\n", d=8)
    (tmp_path / "alone").mkdir()
    path = tmp_path / "alone/spec.yaml"
    path.write_text(settled_text(spec), encoding="utf-8")
    again = graphspec.load(path)
    assert again.graph.body == spec.graph.body
    assert again.graph.sizes == spec.graph.sizes
    assert settled_text(again) == path.read_text(encoding="utf-8")
