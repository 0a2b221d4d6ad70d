"""Every spec of the gallery is whole; published sizes come out exactly."""

from pathlib import Path

import pytest

import graphspec
from graphspec.analysis.cost import Costs
from graphspec.graph import parameter_paths
from graphspec.render.canonical import block_names, to_text

ROOT = Path(__file__).parents[2]
SPECS = [path for path in sorted((ROOT / "specs").rglob("*.yaml")) if "recipes" not in path.parts]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_loads_without_warnings(path: Path) -> None:
    assert graphspec.load(path).warnings == ()


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_canonical_text_gives_the_same_graph(path: Path) -> None:
    graph = graphspec.load(path).graph
    text = to_text(graph)
    again = graphspec.loads(text).graph
    assert to_text(again) == text
    assert list(parameter_paths(again.body)) == list(parameter_paths(graph.body))
    assert len(block_names(again)) == len(block_names(graph))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_counting_by_blocks_equals_counting_every_tensor(path: Path) -> None:
    graph = graphspec.load(path).graph
    costs = Costs(graph)
    total = 0
    for _, parameter in parameter_paths(graph.body):
        size = 1
        for axis in parameter.shape:
            size *= costs.number(axis)
        total += size
    assert costs.number(costs.parameters()) == total


def count(spec: graphspec.Spec) -> int:
    costs = Costs(spec.graph)
    return costs.number(costs.parameters())


def test_published_sizes() -> None:
    counts = {
        path.stem: Costs(graph).number(Costs(graph).parameters())
        for path in SPECS
        for graph in [graphspec.load(path).graph]
    }
    published = {
        "llama": 8_030_261_248,
        "mistral": 7_241_732_096,
        "mixtral": 46_702_792_704,
        "deepseek_v2": 15_706_484_224,
        "qwen3": 8_190_735_360,
        "gemma2": 9_241_705_984,
        "gpt2": 124_439_808,
        "gpt_neox": 20_554_567_680,
        "bert": 109_482_240,
        "bart": 406_291_456,
        "whisper": 37_760_640,
        "clip": 151_277_313,
        "bloom": 559_214_592,
        "t5": 60_506_624,
    }
    assert {name: counts[name] for name in published} == published
    # 12 d² + 13 d for each of 6 layers, 256 · d for words and positions, 2 d for the last norm, d = 384
    assert counts["language_model"] == 6 * (12 * 384**2 + 13 * 384) + 2 * 256 * 384 + 2 * 384


def test_names_of_tensors_are_the_spec_s() -> None:
    names = [name for name, _ in parameter_paths(graphspec.load(ROOT / "specs/transformer.yaml", layers=2).graph.body)]
    assert "encoder.0.attention.q.weight" in names
    assert "decoder.1.cross_attention.o.bias" in names
    assert "source_embedding.weight" in names
    assert not any(name.startswith(("logits", "target_embedding")) for name in names)


def test_flops_of_a_dense_model_are_twice_its_matrices() -> None:
    graph = graphspec.load(ROOT / "specs/llm/llama.yaml").graph
    found = Costs(graph).flops_per_token()
    assert found is not None
    matrices = 8_030_261_248 - 128256 * 4096  # the embedding is looked up
    assert found[0] == pytest.approx(2 * matrices, rel=0.001)
    assert found[1] == pytest.approx(32 * 4 * 4096, rel=0.05)
