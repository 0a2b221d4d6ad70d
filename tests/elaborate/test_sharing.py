"""A block that is used in the same way in many places is elaborated once, and what is wrong is told as if it were not."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphspec
from graphspec.diagnostics import SpecError
from graphspec.elaborate.nodes import NodesBuilder
from tests.elaborate.nested import nested


def built(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    """How many bodies are gone through to load a spec."""
    count = 0
    build = NodesBuilder.build

    def counted(self: NodesBuilder, *given: object) -> None:
        nonlocal count
        count += 1
        build(self, *given)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patch:
        patch.setattr(NodesBuilder, "build", counted)
        try:
            graphspec.loads(text)
        except SpecError as error:
            assert [found.code for found in error.diagnostics] == ["unknown-attribute"]
    return count


LEAVES = {
    "an operator": "{op: linear, in: x, dim: d}",
    "blocks of the library": "{block: std.attention, in: x, heads: 2, mask: causal}",
    "something wrong": "{op: linear, in: x, dimm: d}",
}


@pytest.mark.parametrize("leaf", LEAVES.values(), ids=LEAVES)
def test_blocks_that_call_each_other_twice_are_gone_through_once(monkeypatch: pytest.MonkeyPatch, leaf: str) -> None:
    few, many = (built(monkeypatch, nested(depth, leaf)) for depth in (6, 12))
    assert many == few + 6


@pytest.mark.parametrize(
    "arguments",
    ["rotary: {theta: 100}", "rotary: rotary", "size: 4 * size // 2", "act: act", "mask: mask & causal", "bias: bias"],
)
def test_arguments_that_say_the_same_are_the_same(monkeypatch: pytest.MonkeyPatch, arguments: str) -> None:
    leaf = "{block: std.attention, in: x, heads: 2, mask: mask, rotary: rotary}"
    params = "{rotary: map = none, size: int = 1, act: function = relu, mask: mask = everything, bias: score = none}"
    few, many = (built(monkeypatch, nested(depth, leaf, params, arguments)) for depth in (3, 6))
    assert many == few + 3


def test_bodies_that_are_used_with_other_sizes_are_others() -> None:
    leaf = "{op: linear, in: x, dim: d, bias: size > 2}"
    same, other = nested(3, leaf, "{size: int = 1}"), nested(3, leaf, "{size: int = 1}", "size: 2 * size")
    other = other.replace("one: {block: level_1, in: x, size: 2 * size}", "one: {block: level_1, in: x}")
    assert [len(graphspec.loads(text).graph.bodies()) for text in (same, other)] == [4, 6]


LIBRARY = """
graphspec: 1
blocks:
  half:
    in: {x: ... d}
    params: {parts: int}
    nodes: {f: {op: linear, in: x, dim: d // parts}, g: {op: linear, dim: d}}
    out: g
"""
USES = """
graphspec: 1
name: uses
params: {d: 8}
axes: {B: batch}
use: {lib: lib.yaml}
inputs: {x: B d}
nodes:
  a: {block: lib.half, in: x, parts: 3}
  b: {block: lib.half, parts: 3}
outputs: {b: b}
"""


def test_what_a_library_warns_of_stands_at_each_use(tmp_path: Path) -> None:
    (tmp_path / "lib.yaml").write_text(LIBRARY, encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(USES, encoding="utf-8")
    warnings = graphspec.load(tmp_path / "spec.yaml").warnings
    assert [(found.code, found.span.line) for found in warnings if found.span] == [("remainder", 9), ("remainder", 10)]


def test_what_is_wrong_in_maps_that_say_the_same_stands_at_each_of_them() -> None:
    leaf = "{block: std.attention, heads: 2, rotary: {theta: 100, of: 1}, in: x}"
    text = nested(1, leaf).replace("    out: y", f"      z: {leaf}\n    out: y + z")
    with pytest.raises(SpecError) as error:
        graphspec.loads(text)
    lines = [(found.code, found.span.line) for found in error.value.diagnostics if found.span]
    assert lines == [("unknown-attribute", 11), ("unknown-attribute", 12)]
