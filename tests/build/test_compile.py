"""A compiled model is an ordinary module: its tensors, their start, and what people do with modules."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

import graphspec
from compiler.build import compile, memory
from compiler.build.initialise import FILLS, fill
from compiler.runtime import Model, files
from compiler.target import Target
from graphspec.graph import parameter_paths
from graphspec.operators import INITIALISERS, Initialiser
from tests.emit.test_source import PATTERN
from tests.lower.cases import CASES, spec

ROOT = Path(__file__).parents[2]
SMALL = {"layers": 2, "d_model": 16, "heads": 4, "vocab": 50}


def transformer(**settings: int) -> graphspec.Spec:
    return graphspec.load(ROOT / "specs" / "transformer.yaml", **{**SMALL, **settings})


@pytest.fixture(scope="module")
def model() -> Model:
    return compile(transformer()).eval()


@pytest.fixture
def inputs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    real = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    source, target = (torch.randint(0, 50, (2, length), generator=generator) for length in (7, 5))
    return {"source": source, "target": target, "source_real": real}


# --- learned tensors


def test_the_state_dict_bears_the_names_of_the_spec(model: Model) -> None:
    attention = [f"{part}.{kind}" for part in "qkvo" for kind in ("weight", "bias")]
    layer = [f"attention.{name}" for name in attention]
    layer += [f"{part}.{kind}" for part in ("norm1", "ffn.up", "ffn.down", "norm2") for kind in ("weight", "bias")]
    names = [name for name in model.state_dict() if not name.startswith("decoder.")]
    assert names == ["source_embedding.weight", *(f"encoder.{turn}.{name}" for turn in range(2) for name in layer)]
    assert "decoder.1.cross_attention.q.weight" in model.state_dict()


def test_a_tied_tensor_is_there_once_and_learns_from_both(model: Model, inputs: dict[str, Tensor]) -> None:
    assert not any(name.startswith(("logits", "target_embedding")) for name in model.state_dict())
    fresh = compile(transformer())
    fresh(**inputs).sum().backward()
    gradient = fresh.get_parameter("source_embedding.weight").grad
    assert gradient is not None
    assert bool((gradient.abs().sum(-1) > 0).all()), "every row is reached through the logits"


def test_only_a_bias_of_its_own() -> None:
    made = compile(graphspec.loads(spec(CASES["tied weights"])))
    assert list(made.state_dict()) == ["embedding.weight", "biased.bias"]


def test_shared_turns_have_no_index_and_parameters_no_suffix() -> None:
    made = compile(graphspec.loads(spec(CASES["repeats"])))
    assert {"tied.a.weight", "many.2.a.weight", "once.a.bias"} < made.state_dict().keys()
    assert list(compile(graphspec.loads(spec(CASES["a free parameter"]))).state_dict()) == ["scale"]


def test_what_is_frozen_does_not_learn() -> None:
    nodes = """
nodes:
  a: {op: linear, in: x, dim: d, trainable: false}
  out: {op: layer_norm, in: a}
"""
    made = compile(graphspec.loads(spec(f"inputs: {{x: B T d}}{nodes}")))
    assert [name for name, p in made.named_parameters() if p.requires_grad] == ["out.weight", "out.bias"]


def test_nodes_that_nobody_reads_keep_their_tensors() -> None:
    nodes = "nodes: {a: {op: linear, in: x, dim: e}, unread: {op: linear, in: a, dim: d}, out: x * 2}"
    made = compile(graphspec.loads(spec(f"inputs: {{x: B T d}}\n{nodes}\n")))
    assert "unread.weight" in made.state_dict()
    assert "self.unread(" not in made.source
    assert torch.equal(made(torch.ones(1, 2, 8)), torch.full((1, 2, 8), 2.0))


# --- how they start


def test_adding_a_node_moves_no_other() -> None:
    before = compile(graphspec.loads(spec("inputs: {x: B T d}\nnodes: {a: {op: linear, in: x, dim: d}, out: a * 2}\n")))
    nodes = "nodes: {z: {op: linear, in: x, dim: d}, a: {op: linear, in: z, dim: d}, out: a * 2}"
    after = compile(graphspec.loads(spec(f"inputs: {{x: B T d}}\n{nodes}\n")))
    assert torch.equal(before.get_parameter("a.weight"), after.get_parameter("a.weight"))


def test_seeds_differ_and_repeat() -> None:
    first, again, other = (compile(transformer(), seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["encoder.0.ffn.up.weight"], other["encoder.0.ffn.up.weight"])
    assert not torch.equal(first["encoder.0.ffn.up.weight"], first["encoder.1.ffn.up.weight"])


def test_rules_by_name() -> None:
    nodes = """
nodes:
  a: {op: linear, in: x, dim: d}
  b: {op: linear, in: a, dim: d, init: constant(5)}
  out: {op: layer_norm, in: b}
init: {"*": constant(2), "a": constant(3), "*.bias": constant(1)}
"""
    made = compile(graphspec.loads(spec(f"inputs: {{x: B T d}}{nodes}")))
    found = {name: tensor.flatten()[0].item() for name, tensor in made.state_dict().items()}
    assert found == {"a.weight": 3, "a.bias": 1, "b.weight": 5, "b.bias": 1, "out.weight": 1, "out.bias": 1}


STATISTICS = {
    "normal(0.5)": (0.5, None),
    "truncated_normal(0.5)": (0.5 * 0.88, 1.0),
    "uniform(0.3)": (0.3 / 3**0.5, 0.3),
    "xavier_uniform": ((2 / 700) ** 0.5, (6 / 700) ** 0.5),
    "xavier_normal(2)": (2 * (2 / 700) ** 0.5, None),
    "kaiming_uniform": ((1 / 400) ** 0.5, (3 / 400) ** 0.5),
    "kaiming_normal": ((1 / 400) ** 0.5, None),
    "unit_rows": ((1 / 400) ** 0.5, None),
    "constant(0.25)": (0.0, 0.25),
    "zeros": (0.0, 0.0),
    "ones": (0.0, 1.0),
}


@pytest.mark.parametrize("text", STATISTICS)
def test_distributions(text: str) -> None:
    kind, _, numbers = text.rstrip(")").partition("(")
    tensor = torch.empty(300, 400)
    fill(tensor, Initialiser(kind, tuple(map(float, filter(None, [numbers])))), "a.weight", 0)
    deviation, bound = STATISTICS[text]
    assert tensor.std().item() == pytest.approx(deviation, rel=0.02, abs=1e-6)
    if bound is not None:
        assert tensor.abs().max().item() == pytest.approx(bound, rel=0.01)


def test_every_distribution_is_known() -> None:
    assert FILLS.keys() == INITIALISERS.keys()
    assert {text.partition("(")[0] for text in STATISTICS} == FILLS.keys()


# --- size


def test_96_layers_on_meta_take_no_time() -> None:
    graph = transformer(layers=96, d_model=512).graph
    start = time.process_time()
    made = compile(graph, device="meta")
    assert time.process_time() - start < 2
    assert all(p.is_meta for p in made.parameters())
    assert memory.parameter_bytes(graph) == 4 * sum(p.numel() for p in made.parameters())


def test_what_cannot_fit_is_refused_before_anything_is_allocated() -> None:
    with pytest.raises(graphspec.SpecError, match=r"too-large-to-build.*TiB, but cpu has") as caught:
        compile(transformer(layers=1000, d_model=2**20))
    assert "device=meta" in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(graphspec.SpecError, match="no-device"):
        compile(transformer(), device="cuda")


# --- an ordinary module


def test_python_sees_the_source(model: Model) -> None:
    assert inspect.getsource(type(model)) in model.source
    assert Path(inspect.getfile(type(model))).read_text(encoding="utf-8") == model.source
    assert model.graph.name == "transformer"
    assert model.target.device in ("cpu", "cuda")


def test_a_traceback_shows_the_line(model: Model) -> None:
    with pytest.raises(IndexError) as caught:
        model(torch.full((1, 2), 50), torch.zeros(1, 2, dtype=torch.long))
    assert "source_embedding = self.source_embedding(source)" in "".join(traceback.format_exception(caught.value))


def test_copies_and_pickles(model: Model, inputs: dict[str, Tensor]) -> None:
    model.capture("encoder", **inputs)  # what is cached for it does not travel
    expected = model(**inputs)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        assert torch.equal(twin(**inputs), expected)
        assert twin.source == model.source
        assert twin.get_parameter("source_embedding.weight") is not model.get_parameter("source_embedding.weight")
        assert torch.equal(twin.capture("encoder", **inputs)["encoder"], model.capture("encoder", **inputs)["encoder"])


def test_a_pickle_loads_where_nothing_was_compiled(model: Model, inputs: dict[str, Tensor], tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps((model, inputs, model(**inputs))))
    program = """
import pickle, sys, torch
model, inputs, expected = pickle.load(open(sys.argv[1], "rb"))
assert torch.equal(model(**inputs), expected)
assert model.capture("decoder.0", **inputs)["decoder.0"].shape == (2, 5, 16)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "model.pkl")]
    place = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, env=place, timeout=120)
    assert list((tmp_path / "cache").rglob("transformer_*.py"))


def test_a_file_that_was_changed_is_written_again(model: Model) -> None:
    source = model.source + "# a copy of its own\n"
    path = Path(files.load(source, "changed").__file__ or "")
    path.write_text("raise SystemExit", encoding="utf-8")
    files.load(source, "changed")
    assert path.read_text(encoding="utf-8") == source
    path.unlink()


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    found = files.folder.__wrapped__()
    assert not found.is_relative_to(blocked)
    assert found.stat().st_mode & 0o077 == 0


def test_inputs_by_place_or_by_name(model: Model, inputs: dict[str, Tensor]) -> None:
    everything = torch.ones_like(inputs["source_real"])
    assert torch.equal(model(*inputs.values()), model(**inputs))
    without = model(inputs["source"], target=inputs["target"])
    torch.testing.assert_close(without, model(inputs["source"], inputs["target"], everything))


def test_several_outputs_have_names(inputs: dict[str, Tensor]) -> None:
    made = compile(transformer(), Target(objective="next_token(logits, target)"))(**inputs)
    assert made._fields == ("logits", "loss")
    made.loss.backward()


def test_other_kinds_of_numbers(model: Model, inputs: dict[str, Tensor]) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        made = model(**inputs)
    assert made.dtype == torch.bfloat16
    torch.testing.assert_close(made.float(), model(**inputs), rtol=0.1, atol=0.1)
    wide = copy.deepcopy(model).double()
    assert wide(**inputs).dtype == torch.float64


def test_training_drops_and_evaluation_does_not(model: Model, inputs: dict[str, Tensor]) -> None:
    assert torch.equal(model(**inputs), model(**inputs))
    training = copy.deepcopy(model).train()
    assert not torch.equal(training(**inputs), training(**inputs))


@pytest.fixture
def lone_process(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("lone_process")
def test_data_parallel(inputs: dict[str, Tensor]) -> None:
    wrapped = nn.parallel.DistributedDataParallel(
        compile(transformer(), Target(objective="next_token(logits, target)"))
    )
    wrapped(**inputs).loss.backward()
    assert all(p.grad is not None for p in wrapped.parameters())


def test_the_compiler_of_torch_takes_it_whole(inputs: dict[str, Tensor]) -> None:
    made = compile(transformer(layers=1), Target(objective="next_token(logits, target)")).eval()
    whole = torch.compile(made, fullgraph=True, backend="aot_eager")
    loss = whole(**inputs).loss
    torch.testing.assert_close(loss, made(**inputs).loss)
    loss.backward()


def test_layers_that_take_turns_are_taken_whole() -> None:
    """Also in training, with dropout, and where a mask is left out."""
    made = compile(graphspec.loads(PATTERN, depth=3))
    whole = torch.compile(made, fullgraph=True, backend="aot_eager")
    tokens, document = torch.arange(12).view(2, 6), torch.tensor([[0, 0, 1, 1, 1, 2]] * 2)
    whole(tokens, document).out.sum().backward()
    assert all(p.grad is not None for p in made.parameters())


def test_the_graph_knows_the_same_tensors(model: Model) -> None:
    known = {name: p.init for name, p in parameter_paths(model.graph.body)}
    assert known.keys() == model.state_dict().keys()
