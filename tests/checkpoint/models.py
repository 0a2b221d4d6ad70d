"""Small specs with maps, and files in another layout."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

import graphspec
from graphspec import Spec

HEAD = """
graphspec: 1
name: small
params: {d: 4, n: 2, heads: 2}
axes: {B: batch}
inputs: {x: B d}
"""
BODY = """
blocks:
  pair:
    in: {y: B d}
    nodes: {up: {op: linear, in: y, dim: 3 * d}, down: {op: linear, dim: d}}
    out: down
nodes: {first: {op: linear, in: x, dim: d}, layers: {block: pair, repeat: n}}
outputs: {y: layers}
"""
MAP = """
checkpoints:
  theirs:
    nodes: {first: front, "layers.{i}": "h.{i}"}
    blocks: {pair: {"{up,down}": "{u,d}"}}
"""


def linears(nodes: str, lines: str) -> Spec:
    """A spec of nodes that all read `x`, with the lines of a map named `theirs`."""
    names = [line.split(":")[0].strip() for line in nodes.strip().splitlines()]
    outputs = ", ".join(f"{name}_out: {name}" for name in names)
    body = "\n".join(f"  {line.strip()}" for line in nodes.strip().splitlines())
    mapped = "\n".join(f"      {line.strip()}" for line in lines.strip().splitlines())
    text = f"{HEAD}\nnodes:\n{body}\noutputs: {{{outputs}}}\ncheckpoints:\n  theirs:\n    nodes:\n{mapped}\n"
    return graphspec.loads(text)


def numbered(**shapes: tuple[int, ...]) -> dict[str, Tensor]:
    """Tensors in which no number stands twice; `__` in a name is a dot."""
    made: dict[str, Tensor] = {}
    start = 0
    for name, shape in shapes.items():
        size = int(torch.tensor(shape).prod())
        made[name.replace("__", ".")] = torch.arange(start, start + size, dtype=torch.float32).reshape(shape)
        start += size
    return made


def saved(tensors: dict[str, Tensor], file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file
