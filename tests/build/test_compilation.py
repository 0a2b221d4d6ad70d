"""torch.compile by blocks and whole: what it takes, how often, and that the model stays what it was."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import graphspec
from compiler.build import compile
from compiler.build.compilation import blocks
from compiler.runtime import Model
from compiler.target import Objective, Target
from tests.build.test_compile import transformer
from tests.emit.test_source import PATTERN

# torch's own, while it traces a block whose input is no leaf
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")

GOAL = Target(objective="next_token(logits, target)")


def compiled(how: str, backend: str = "aot_eager", **settings: int) -> Model:
    return compile(transformer(drop=0, **settings), GOAL, compile=how, backend=backend)  # pyright: ignore[reportArgumentType]


def batch(length: int = 5, rows: int = 2, source_length: int = 7) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(length)
    source, target = (torch.randint(0, 50, (rows, n), generator=generator) for n in (source_length, length))
    return {"source": source, "target": target}


def gradients(model: Model, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    model.zero_grad()
    made = model(**inputs)
    (made if isinstance(made, Tensor) else made.loss).backward()
    return {name: it.grad for name, it in model.named_parameters() if it.grad is not None}


@pytest.mark.parametrize("how", ["blocks", "whole"])
def test_another_number_of_documents_makes_one_more_graph_at_most(how: str) -> None:
    """Where documents begin is a tensor as long as there are documents, which nothing but the data tells."""
    spec = graphspec.load("docs/benchmarks/packed.yaml", depth=2, d_model=32, heads=2, d_ff=32, vocab=50)
    target = Target("cuda", "bf16", Objective("next_token", "logits", "tokens"), returns="loss", kernel="varlen")
    models = [compile(spec, target, device="cpu", compile=it, backend="aot_eager") for it in (how, "off")]  # pyright: ignore
    tokens = torch.arange(24).view(2, 12)
    for ends in ([3], [3, 5, 8], [1, 2, 3, 4, 10]):
        document = torch.bucketize(torch.arange(12), torch.tensor(ends)).expand(2, 12)
        found = [gradients(model, {"tokens": tokens, "document": document}) for model in models]
        torch.testing.assert_close(*found)
    assert models[0].compilation is not None and models[0].compilation.graphs <= 2


@pytest.fixture(scope="module")
def by_blocks() -> Model:
    return compiled("blocks", layers=3)


@pytest.fixture(scope="module")
def eager() -> Model:
    return compiled("off", layers=3)


def test_each_distinct_block_is_compiled_once(by_blocks: Model, eager: Model) -> None:
    """Three layers of an encoder and three of a decoder: two graphs; the gradients are those of the eager model."""
    torch.testing.assert_close(gradients(by_blocks, batch()), gradients(eager, batch()))
    found = by_blocks.compilation
    assert found is not None and (found.graphs, found.distinct) == (2, 2)


@pytest.mark.slow
def test_lengths_that_change_give_one_more_graph_each(by_blocks: Model, eager: Model) -> None:
    for length in (5, 6, 8, 9, 11):
        torch.testing.assert_close(by_blocks(**batch(length)).loss, eager(**batch(length)).loss)
    assert by_blocks.compilation is not None and by_blocks.compilation.graphs <= 4


@pytest.mark.slow
def test_no_limit_of_torch_is_reached(eager: Model) -> None:
    """By lengths that change each for itself, are equal by accident, and in a last batch that is smaller."""
    model = compiled("blocks", layers=3)
    for sizes in ((5, 2, 7), (6, 2, 9), (7, 4, 7), (8, 8, 8), (5, 3, 11), (4, 1, 6), (9, 2, 8)):
        torch.testing.assert_close(model(**batch(*sizes)).loss, eager(**batch(*sizes)).loss)
    assert model.compilation is not None and model.compilation.graphs <= 12, "torch allows eight for each of two"


def test_the_names_of_the_state_are_those_of_the_spec(by_blocks: Model, eager: Model) -> None:
    assert by_blocks.state_dict().keys() == eager.state_dict().keys()
    by_blocks.load_state_dict(eager.state_dict())


@pytest.mark.parametrize("how", ["blocks", pytest.param("whole", marks=pytest.mark.slow)])
def test_copies_pickles_captures_and_evaluation(how: str) -> None:
    model = compiled(how, layers=1)
    wanted = model(**batch()).logits
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301 # our own
        torch.testing.assert_close(copied(**batch()).logits, wanted)
        assert copied.compilation is not model.compilation and copied.compilation.graphs == model.compilation.graphs
    assert model.capture("decoder.0.norm3", **batch())["decoder.0.norm3"].shape[1] == 5
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(**batch()).logits, wanted)


@pytest.mark.slow
def test_whole_is_one_graph() -> None:
    model = compiled("whole", layers=2)
    gradients(model, batch())
    assert model.compilation is not None and (model.compilation.graphs, model.compilation.distinct) == (1, 1)


def test_hooks_on_a_block_still_run(by_blocks: Model) -> None:
    seen: list[str] = []
    handle = by_blocks.get_submodule("decoder.1").register_forward_hook(lambda *_: seen.append("ran"))
    by_blocks(**batch())
    handle.remove()
    assert seen == ["ran"]


def test_what_is_taken() -> None:
    """Turns of the outermost repeats; without a repeat the blocks; without a block the whole model."""
    paths = [path for path, _ in blocks(graphspec.loads(PATTERN, depth=2).graph.body)]
    assert paths == ["layers.0", "layers.1"]
    head = "graphspec: 1\nname: m\naxes: {B: batch}\ninputs: {x: B 4}\n"
    called = graphspec.loads(head + "nodes: {y: {block: std.ffn, in: x, hidden: 8}}\noutputs: {y: y}\n")
    assert [path for path, _ in blocks(called.graph.body)] == ["y"]
    bare = graphspec.loads(head + "nodes: {y: {op: linear, in: x, dim: 4}}\noutputs: {y: y}\n")
    made = compile(bare, compile="blocks", backend="aot_eager")
    assert made.compilation is not None and made.compilation.distinct == 1
    made(torch.randn(2, 4))
    assert made.compilation.graphs == 1


def test_an_unknown_way_is_an_error() -> None:
    with pytest.raises(graphspec.SpecError, match="unknown-target") as caught:
        compiled("block")
    assert "`blocks`" in str(caught.value)


@pytest.mark.slow
def test_inductor_keeps_what_it_makes(tmp_path: Path) -> None:
    """In the folder that the user chose, else in the cache of this program."""
    program = (
        "import compiler, graphspec, torch, os\n"
        "spec = graphspec.load('specs/transformer.yaml', layers=1, d_model=16, heads=2, vocab=50)\n"
        "model = compiler.compile(spec, compile='blocks')\n"
        "model(torch.ones(2, 5, dtype=torch.long), torch.ones(2, 5, dtype=torch.long)).sum().backward()\n"
        "print(os.environ['TORCHINDUCTOR_CACHE_DIR'])"
    )
    for name, chosen in (("XDG_CACHE_HOME", tmp_path / "a"), ("TORCHINDUCTOR_CACHE_DIR", tmp_path / "b")):
        kept = {key: value for key, value in os.environ.items() if key != "TORCHINDUCTOR_CACHE_DIR"}
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            env={**kept, name: str(chosen)},
            capture_output=True,
            text=True,
            check=True,
        )
        folder = Path(done.stdout.strip())
        assert folder.is_relative_to(chosen) and any(folder.rglob("*.py"))
