"""No diagram has overlaps, lines behind boxes, lines through words, or lines that look like one another."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphspec
from graphspec.render import RenderOptions
from graphspec.render.files import picture
from graphspec.render.picture import Box, Line
from graphspec.render.theme import Direction
from tests import strategies
from tests.drawn import Drawn
from tests.render.geometry import faults
from tests.render.models import HEAD, SPECS, model
from tests.strategies import RandomSpec

DEPTHS = (None, 0, 1, 2, 9)
"""How far blocks are opened in random models."""


@pytest.mark.parametrize("depth", [None, 0, 1, 2])
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_gallery(path: Path, depth: int | None) -> None:
    graph = graphspec.load(path).graph
    for direction in get_args(Direction):
        assert faults(picture(graph, RenderOptions(depth=depth, direction=direction))) == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_gallery_with_all_that_can_be_said(path: Path) -> None:
    graph = graphspec.load(path).graph
    assert faults(picture(graph, RenderOptions(shapes="all", params=True))) == []
    for block in {body.block for body in graph.bodies() if body is not graph.body}:
        assert faults(picture(graph, RenderOptions(focus=block, params=True))) == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_gallery_stands_close(path: Path) -> None:
    """What is pushed out of the way of lines is pushed no further than it must be."""
    drawn = picture(graphspec.load(path).graph, RenderOptions())
    assert drawn.height < 60 * sum(isinstance(piece, Box) for piece in drawn.pieces)


@settings(max_examples=30)
@given(strategies.specs(), st.sampled_from(DEPTHS), st.sampled_from(get_args(Direction)))
def test_random_models(spec: RandomSpec, depth: int | None, direction: Direction) -> None:
    options = RenderOptions(depth=depth, direction=direction)
    assert faults(picture(graphspec.loads(spec.text).graph, options)) == []


@settings(max_examples=30)
@given(strategies.wide_specs(), st.sampled_from(DEPTHS), st.sampled_from(get_args(Direction)))
def test_random_models_of_all_operators(spec: Drawn, depth: int | None, direction: Direction) -> None:
    options = RenderOptions(depth=depth, direction=direction)
    assert faults(picture(graphspec.loads(spec.text).graph, options)) == []


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from(DEPTHS), st.sampled_from(get_args(Direction)))
def test_random_wiring(source: random.Random, depth: int | None, direction: Direction) -> None:
    graph = graphspec.loads(tangle(source)).graph
    assert faults(picture(graph, RenderOptions(depth=depth, direction=direction))) == []


PAIR = """\
  pair:
    in: {h: B T d}
    nodes:
      one: {op: linear, in: h, dim: d}
      two: {op: layer_norm, in: one}
      three: {op: linear, in: one, dim: d}
    out: {first: two, second: three}
"""
"""A block with two outputs."""
HELPERS = ("_wide", "_own")
"""How names of nodes end that only the next node can read."""


def tangle(source: random.Random) -> str:
    """A model whose nodes read whatever stands before them: skips, branches, memories, learned tensors, second outputs,
    values from outside."""
    inner = list(_nodes(source, "s", ["h"], ["context", "extra"]))
    outer = list(_nodes(source, "n", ["e"], ["x"]))
    names = [name for line in outer if not (name := line.partition(":")[0]).endswith(HELPERS)]
    lines = [
        *("blocks:", *PAIR.splitlines(), "  turn:", "    in: {h: B T d, context: B T d, extra: B T d}", "    nodes:"),
        *(f"      {line}" for line in inner),
        f"      all: h + context + {source.choice([at for line in inner if not (at := line.partition(':')[0]).endswith(HELPERS)])}",
        f"    out: all + extra + {inner[-1].partition(':')[0]}",
        *("nodes:", "  e: {op: embedding, in: tokens, size: vocab, dim: d}", *(f"  {line}" for line in outer)),
        f"  stack: {{block: turn, in: {source.choice(names)}, repeat: turns, context: x, extra: {source.choice(names)}}}",
        f"  last: stack + {source.choice(names)} + x",
        "  logits: {op: linear, in: last, share: e, bias: false}",
        f"outputs: {{logits: logits, other: {source.choice(names)}}}",
    ]
    return HEAD + "\n".join(lines) + "\n"


def _nodes(source: random.Random, prefix: str, names: list[str], others: list[str]) -> Iterator[str]:
    for at in range(source.randint(1, 7)):
        name, x, any_ = f"{prefix}{at}", source.choice(names[-3:]), source.choice(names + others)
        forms = (
            "{{block: std.attention, in: {x}, heads: 2, mask: causal}}",
            "{{block: std.attention, in: {x}, heads: 2, context: {any_}}}",
            "{{op: linear, in: {x}, dim: d}}",
            "{{op: layer_norm, in: {x}}}",
            "{x} + {any_} + {x}",
            "silu({x}) * {any_}",
            "{{block: pair, in: {x}}}",
            "{{op: parameter, shape: [d]}}",
            "{{op: concat, a: {x}, b: {any_}, axis: d}}",
        )
        form = source.choice(forms)
        if "concat" in form:
            yield f"{name}_wide: " + form.format(x=x, any_=any_)
            form = "{{op: linear, in: {name}_wide, dim: d}}"
        if "parameter" in form:
            yield f"{name}_own: " + form.format()
            form = "{x} + {name}_own"
        yield f"{name}: " + form.format(x=x, any_=any_, name=name)
        names += [name, f"{name}.second"] if "pair" in form else [name]


def test_odd_repeats() -> None:
    """Turns that hand on what comes from outside, that do nothing, that are none."""
    blocks = """
through:
  in: {h: B T d, other: B T d}
  nodes: {used: {op: linear, in: h, dim: d}}
  out: {hidden: other, side: used}
nothing:
  in: {h: B T d}
  out: h
"""
    nodes = """
one: {block: through, in: x, other: x, repeat: turns}
two: {block: nothing, in: one, repeat: turns}
three: {block: std.ffn, in: two, hidden: 4, repeat: 0}
y: three + sum(one.side, turns)
"""
    assert faults(picture(model(nodes, "y", blocks), RenderOptions())) == []


def test_each_fault_is_found() -> None:
    good = picture(graphspec.load(SPECS[-1]).graph, RenderOptions())
    assert faults(good) == []
    boxes = [piece for piece in good.pieces if isinstance(piece, Box)]
    line = next(piece for piece in good.pieces if isinstance(piece, Line))
    x, low, high = boxes[0].x, boxes[0].y - 99, boxes[0].y + 99

    def found(*added: Box | Line) -> str:
        return " / ".join(faults(replace(good, pieces=(*good.pieces, *added))))

    assert "overlaps" in found(replace(boxes[0], path="other"))
    assert "outside" in found(replace(boxes[0], path="other", x=-500))
    assert "runs behind" in found(replace(line, head="other", points=((x, low), (x, high))))
    assert "slanted" in found(replace(line, points=((x, low), (x + 9, high))))
    assert "lies on" in found(replace(line, tail="a", head="b"))
