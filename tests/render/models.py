"""Small models for the tests of diagrams, and what a diagram says in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import graphspec
from graphspec.graph import Graph
from graphspec.render import RenderOptions
from graphspec.render.scene import Item, Scene
from graphspec.render.scenes import scene_of

ROOT = Path(__file__).parents[2]
SPECS = [path for path in sorted((ROOT / "specs").rglob("*.yaml")) if "recipes" not in path.parts]

HEAD = """\
graphspec: 1
name: small
params: {d: 8, heads: 2, vocab: 11, turns: 3}
axes: {B: batch, T: position, S: position}
inputs:
  tokens: {type: int B T, below: vocab}
  x: B T d
  memory: B S d
  real: bool B T = true
"""


def model(nodes: str, out: str, blocks: str = "") -> Graph:
    """A model with the inputs `tokens`, `x`, `memory` and `real`; inputs that are not read are warned of, not refused."""
    indented = "".join(f"  {line}\n" for line in nodes.strip().splitlines())
    inner = "blocks:\n" + "".join(f"  {line}\n" for line in blocks.strip().splitlines()) if blocks else ""
    return graphspec.loads(f"{HEAD}{inner}nodes:\n{indented}outputs: {{result: {out}}}\n").graph


def outline(graph: Graph, options: RenderOptions | None = None) -> list[str]:
    """The items of a diagram from below, each container followed by what is in it, indented."""
    return list(_outline(scene_of(graph, options or RenderOptions()), ""))


def _outline(scene: Scene, indent: str) -> Iterator[str]:
    for item in scene.items:
        if item.form in ("box", "mark", "container"):
            yield indent + _words(item)
        if item.inner:
            yield from _outline(item.inner, indent + "  ")


def _words(item: Item) -> str:
    return " ".join(filter(None, [item.title, item.mark, item.times])) + (
        f" [{item.kind}]" if item.kind != "mark" else ""
    )
