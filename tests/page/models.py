"""Specs for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import graphspec
from graphspec.page.bundle import page_of
from graphspec.page.data import Facts
from graphspec.page.facts import facts_of
from graphspec.render import RenderOptions
from graphspec.render.names import plain
from graphspec.spec import Spec

ROOT = Path(__file__).parents[2]
TRANSFORMER = ROOT / "specs/transformer.yaml"
LEAKY = TRANSFORMER.read_text(encoding="utf-8").replace("mask: causal", "mask: everything")

ATTACK = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">&lt;b&gt; ' ` \\u003c"

HOSTILE = f"""\
graphspec: 1
name: hostile
title: '{ATTACK.replace("'", "''")}'
about: '<!-- <script> {ATTACK.replace("'", "''")}'
params: {{d: 8}}
axes: {{B: batch, T: position}}
inputs: {{x: B T d}}                # {ATTACK}
nodes:
  up: {{op: linear, in: x, dim: d, label: '{ATTACK.replace("'", "''")}'}}
  ünder: {{op: linear, in: up, dim: d, label: '"quoted" & <b>bold</b> \u202e ﷽ 𝕏'}}
outputs: {{y: ünder}}
"""
SHOWN = plain(ATTACK)
"""The title as it is to be read."""


TURNS = """\
graphspec: 1
name: turns
params: {d: 8, n: 3}
axes: {B: batch, T: position}
inputs: {x: B T d}
blocks:
  turn:
    in: {h: B T d}
    params: {kind: function}
    nodes:
      ffn: {block: std.ffn, in: h, hidden: 2 * d, activation: kind}
    out: h + ffn
nodes:
  stack: {block: turn, in: x, repeat: 2 * n, cycle: {kind: [relu, gelu]}}
outputs: {y: stack}
"""
"""Turns that look alike until their blocks are opened."""


def told(spec: Spec, **options: Any) -> Facts:
    """What the page of a spec is told."""
    return facts_of(spec.graph, spec.source.file, spec.check(), spec.warnings, RenderOptions(**options))


@cache
def large_page() -> str:
    """The page of two thousand nodes."""
    return page_of(told(graphspec.loads(large())))


def large(blocks: int = 100, inner: int = 10) -> str:
    """A model of so many different blocks in a row, each of twice so many different nodes."""
    return "\n".join(_large(blocks, inner)) + "\n"


def _large(blocks: int, inner: int) -> Iterator[str]:
    yield "graphspec: 1\nname: large\nparams: {d: 64}\naxes: {B: batch, T: position}\ninputs: {x: B T d}\nblocks:"
    for block in range(blocks):
        yield f"  b{block}:\n    in: {{h: B T d}}\n    nodes:"
        before = "h"
        for at in range(inner):
            yield f"      n{at}_{block}: {{op: linear, in: {before}, dim: d}}"
            yield f"      s{at}_{block}: {before} + n{at}_{block}"
            before = f"s{at}_{block}"
        yield f"    out: {before}"
    yield "nodes:"
    for block in range(blocks):
        yield f"  c{block}: {{block: b{block}, in: {f'c{block - 1}' if block else 'x'}}}"
    yield f"outputs: {{y: c{blocks - 1}}}\ncontracts:\n  - causal: {{output: y, input: x}}"
