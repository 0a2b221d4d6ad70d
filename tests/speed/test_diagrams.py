"""How long diagrams take: of the gallery, of deep models, of large ones."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

import graphspec
from graphspec.render import layout, to_dot
from tests.speed.test_speed import GALLERY, ROOT, best

needs_graphviz = pytest.mark.skipif(not list(layout._engines("svg")), reason="there is no Graphviz")


def processor_seconds(*arguments: str) -> float:
    """What a command takes of the processor, with all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "compiler.cli", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@needs_graphviz
@pytest.mark.slow
@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_the_svg_of_a_spec_as_a_process(path: Path, tmp_path: Path) -> None:
    run = ("render", str(path), "-o", str(tmp_path / "model.svg"))
    assert min(processor_seconds(*run) for _ in range(2)) < 1


def test_a_thousand_layers_are_drawn_as_fast_as_two() -> None:
    """The best of three ratios: what grows with depth would show in all of them."""

    def drawn(layers: int) -> Callable[[], object]:
        graph = graphspec.load(ROOT / "specs/transformer.yaml", layers=layers).graph
        return lambda: to_dot(graph)

    few, many = drawn(2), drawn(1000)
    ratios = [best(many, 3) / best(few, 3) for _ in range(3)]
    assert min(ratios) < 1.2, ratios


HEAD = """\
graphspec: 1
name: large
params: {d: 64, heads: 4}
axes: {B: batch, T: position}
inputs: {x: B T d}
"""


def chain(count: int, indent: str, start: str) -> list[str]:
    """Residual layers of four nodes each; the lines, and the name of the last."""
    names = [start, *(f"s{at}" for at in range(count // 4))]
    lines: list[str] = []
    for at, (x, y) in enumerate(pairwise(names)):
        lines += [f"n{at}: {{op: layer_norm, in: {x}}}", f"a{at}: {{block: std.attention, in: n{at}, heads: heads}}"]
        lines += [f"f{at}: {{op: linear, in: a{at}, dim: d}}", f"{y}: {x} + f{at}"]
    return [*(indent + line for line in lines), names[-1]]


def flat(count: int) -> str:
    """All in one body."""
    *lines, last = chain(count, "  ", "x")
    return HEAD + "\n".join(["nodes:", *lines, f"outputs: {{y: {last}}}"]) + "\n"


def nested(count: int, each: int = 20) -> str:
    """Blocks of a few nodes, no two alike, each repeated."""
    blocks: list[str] = ["blocks:"]
    for at in range(count // each):
        *lines, last = chain(each, "      ", "h")
        lines[0] = lines[0].replace("layer_norm", f"layer_norm, label: Norm {at}")
        blocks += [f"  b{at}:", "    in: {h: B T d}", "    nodes:", *lines, f"    out: {last}"]
    names = ["x", *(f"r{at}" for at in range(count // each))]
    nodes = [f"  {y}: {{block: b{at}, in: {x}, repeat: 2}}" for at, (x, y) in enumerate(pairwise(names))]
    return HEAD + "\n".join([*blocks, "nodes:", *nodes, f"outputs: {{y: {names[-1]}}}"]) + "\n"


@needs_graphviz
@pytest.mark.slow
@pytest.mark.parametrize("write", [flat, nested])
def test_two_thousand_nodes_as_a_process(write: Callable[[int], str], tmp_path: Path) -> None:
    spec, picture = tmp_path / "large.yaml", tmp_path / "large.svg"
    spec.write_text(write(2000), encoding="utf-8")
    assert processor_seconds("render", str(spec), "-o", str(picture)) < 10
    assert picture.read_text(encoding="utf-8").count("<text") > 1500
