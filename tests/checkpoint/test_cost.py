"""What reading a checkpoint costs: no more memory than it is large, and little more time than copying it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import compiler
import graphspec
from compiler.checkpoint import import_weights

SPEC = """
graphspec: 1
name: wide
params: {d: 64, n: 8}
axes: {B: batch}
inputs: {x: B d}
blocks:
  pair: {in: {y: B d}, nodes: {up: {op: linear, in: y, dim: 4 * d}, down: {op: linear, dim: d}}, out: down}
nodes: {layers: {block: pair, in: x, repeat: n}}
outputs: {y: layers}
checkpoints:
  plain: {nodes: {"layers.{i}": "h.{i}"}, blocks: {pair: {"{up,down}": "{u,d}"}}}
  turned:
    nodes: {"layers.{i}": "h.{i}"}
    blocks: {pair: {"{up,down}": {from: "{u,d}", rearrange: "columns rows -> rows columns"}}}
"""
MEMORY = """
import sys
from pathlib import Path
import compiler, graphspec
from compiler.checkpoint import import_weights, load

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

def run(folder, size):
    spec, file = graphspec.load(Path(folder) / "spec.yaml", d=size), Path(folder) / "theirs.safetensors"
    if sys.argv[1] == "import":
        import_weights(spec, file, file.with_name("ours.safetensors"), "turned")
    else:
        load(spec, file, "turned", device="cpu")

run(sys.argv[2], 64)  # what is imported late is there now
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = peak()
run(sys.argv[3], 768)
print(peak() - before)
"""


def made(folder: Path, d: int) -> Path:
    """A file of 64 d² numbers and a few more, in the layout `turned`; `plain` has the same bytes."""
    folder.mkdir(exist_ok=True)
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    tensors: dict[str, torch.Tensor] = {}
    for layer in range(8):
        for name, shape in (("u", (d, 4 * d)), ("d", (4 * d, d))):
            tensors[f"h.{layer}.{name}.weight"] = torch.full(shape, float(layer))
            tensors[f"h.{layer}.{name}.bias"] = torch.zeros(shape[1])
    file = folder / "theirs.safetensors"
    save_file(tensors, file)
    return file


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory was used")
@pytest.mark.parametrize(("command", "times"), [("import", 0.0), ("load", 1.0)])
def test_memory(tmp_path: Path, command: str, times: float) -> None:
    """Importing needs a tensor at a time, loading the model itself and a tensor at a time."""
    small, large = made(tmp_path / "small", 64), made(tmp_path / "large", 768)
    size, tensor = large.stat().st_size, 4 * 4 * 768**2
    arguments = [command, str(small.parent), str(large.parent)]
    run = subprocess.run([sys.executable, "-c", MEMORY, *arguments], capture_output=True, text=True, check=True)
    assert int(run.stdout) < times * size + 3 * tensor + 32e6  # what the allocator keeps varies


def paired(reference: Callable[[], object], ours: Callable[[], object], rounds: int = 5) -> float:
    """How many times as much of the processor's time as the reference ours takes, at best; both run in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, found in zip((reference, ours), times, strict=True):
            start = time.process_time()
            call()
            found.append(time.process_time() - start)
    return min(times[1]) / min(times[0])


def turned(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.mT.contiguous() if tensor.dim() == 2 else tensor.clone()


@pytest.mark.slow
@pytest.mark.parametrize("map", ["plain", "turned"])
def test_speed(tmp_path: Path, map: str) -> None:
    """Within 1.3 times of reading, copying and writing with the library of the format; beside making the model."""
    file = made(tmp_path, 1024)
    spec = graphspec.load(tmp_path / "spec.yaml", d=1024)
    if map == "plain":
        save_file({name: turned(it) for name, it in load_file(file).items()}, file)
    turn = turned if map == "turned" else torch.clone

    def copied() -> dict[str, torch.Tensor]:
        return {name: turn(it) for name, it in load_file(file).items()}

    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "written.safetensors"
    ratio = paired(lambda: save_file(copied(), theirs), lambda: import_weights(spec, file, ours, map, overwrite=True))
    assert ratio < 1.3, f"importing takes {ratio:.2f} times as much"
    made_too = lambda: (compiler.compile(spec, device="meta"), copied())  # noqa: E731
    ratio = paired(made_too, lambda: compiler.load(spec, file, map, device="cpu"))
    assert ratio < 1.3, f"loading takes {ratio:.2f} times as much"
