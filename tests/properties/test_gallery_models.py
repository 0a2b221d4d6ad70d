"""Every spec of the gallery, made small: executed shapes are the inferred ones, and what is proved holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import compiler
import graphspec
from graphspec.analysis.cost import Costs
from graphspec.graph import parameter_paths

SPECS = Path(__file__).parents[2] / "specs"
SMALL = {
    "transformer.yaml": {"layers": 2, "d_model": 16, "heads": 4, "vocab": 11},
    "llm/llama.yaml": {"depth": 2, "d_model": 16, "heads": 4, "kv_heads": 2, "d_ff": 24, "vocab": 11},
    "llm/llama31.yaml": {"depth": 2, "d_model": 16, "heads": 4, "kv_heads": 2, "d_ff": 24, "vocab": 11},
    "llm/mistral.yaml": {"depth": 2, "d_model": 16, "heads": 4, "kv_heads": 2, "d_ff": 24, "vocab": 11, "window": 3},
    "llm/mixtral.yaml": {"depth": 2, "d_model": 16, "heads": 4, "kv_heads": 2, "d_ff": 24, "experts": 3, "vocab": 11},
    "llm/deepseek_v2.yaml": {
        "depth": 3,
        "d_model": 16,
        "heads": 4,
        "plain": 4,
        "turned": 2,
        "value_dim": 3,
        "rank": 6,
        "d_ff": 24,
        "d_expert": 5,
        "experts": 7,
        "vocab": 11,
    },
    "llm/qwen3.yaml": {"depth": 2, "d_model": 16, "heads": 4, "kv_heads": 2, "head_dim": 6, "d_ff": 24, "vocab": 11},
    "llm/gemma2.yaml": {"depth": 3, "d_model": 16, "heads": 4, "kv_heads": 2, "head_dim": 6, "d_ff": 24, "vocab": 11},
    "llm/gpt2.yaml": {"depth": 2, "d_model": 16, "heads": 4, "vocab": 11, "longest": 8},
    "llm/opt.yaml": {"depth": 2, "d_model": 16, "heads": 4, "d_ff": 24, "vocab": 11, "longest": 8},
    "llm/falcon.yaml": {"depth": 2, "d_model": 16, "heads": 4, "vocab": 11},
    "llm/falcon40b.yaml": {"depth": 2, "d_model": 16, "heads": 4, "kv_heads": 2, "vocab": 11},
    "llm/mamba.yaml": {"depth": 2, "d_model": 16, "state": 4, "rank": 3, "vocab": 11},
    "llm/gpt_neox.yaml": {"depth": 2, "d_model": 32, "heads": 4, "vocab": 11},
    "encoders/bert.yaml": {"layers": 2, "d_model": 16, "heads": 4, "vocab": 11, "longest": 8, "segments": 11},
    "encoder_decoder/bart.yaml": {"layers": 2, "d_model": 16, "heads": 4, "vocab": 11, "longest": 8},
    "llm/bloom.yaml": {"depth": 2, "d_model": 16, "heads": 4, "vocab": 11},
    "encoder_decoder/t5.yaml": {"layers": 2, "d_model": 16, "heads": 4, "d_kv": 6, "d_ff": 24, "vocab": 11},
    "speech/whisper.yaml": {
        "layers": 2,
        "d_model": 16,
        "heads": 4,
        "vocab": 11,
        "mels": 3,
        "frames": 8,
        "longest": 8,
    },
    "vision/clip.yaml": {
        "d_text": 16,
        "text_layers": 2,
        "text_heads": 4,
        "vocab": 11,
        "longest": 8,
        "d_image": 12,
        "image_layers": 2,
        "image_heads": 4,
        "image": 8,
        "patch": 4,
        "shared": 10,
    },
    "vision/vit.yaml": {"layers": 2, "d_model": 16, "heads": 4, "image": 8, "patch": 4, "classes": 5},
    "tasks/classifier.yaml": {"layers": 2, "d_model": 16, "heads": 4, "vocab": 11, "longest": 8},
    "tasks/tagger.yaml": {"layers": 2, "d_model": 16, "heads": 4, "vocab": 11},
    "tasks/language_model.yaml": {"depth": 2, "d_model": 16, "heads": 4, "vocab": 11, "longest": 8},
}
SIZES = {"B": 2, "C": 2, "F": 9, "S": 5, "T": 6}


def test_every_spec_is_here() -> None:
    found = {path.relative_to(SPECS).as_posix() for path in SPECS.rglob("*.yaml") if "recipes" not in path.parts}
    assert found == set(SMALL)


def inputs_of(spec: graphspec.Spec) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    given: dict[str, torch.Tensor] = {}
    costs = Costs(spec.graph)
    for source in spec.graph.body.inputs:
        shape = [costs.at(size, SIZES) or 0 for size in source.type.sizes]
        if source.type.dtype == "int":
            given[source.name] = torch.randint(0, 11, shape, generator=generator)
        elif source.type.dtype == "float":
            given[source.name] = torch.randn(shape, generator=generator)
        else:
            given[source.name] = torch.arange(shape[1]) < torch.tensor([[shape[1]], [shape[1] - 2]])
    return given


@pytest.mark.parametrize("name", SMALL)
def test_executed_shapes_are_the_inferred_ones(name: str) -> None:
    spec = graphspec.load(SPECS / name, **SMALL[name])
    costs, sizes = Costs(spec.graph), {a.name: SIZES[a.name] for a in spec.graph.axes if a.size is None}
    model = compiler.compile(spec).eval()
    nodes = [node for node in spec.graph.body.nodes if not node.anonymous]
    with torch.no_grad():
        captured = model.capture(*(node.name for node in nodes), **inputs_of(spec))
    for node in nodes:
        assert [costs.at(size, sizes) for size in node.type.sizes] == list(captured[node.name].shape), node.name
    shapes = {path: tuple(costs.number(size) for size in p.shape) for path, p in parameter_paths(spec.graph.body)}
    assert {path: tuple(tensor.shape) for path, tensor in model.state_dict().items()} == shapes


def only(outputs: object, name: str) -> torch.Tensor:
    """One output of a model that may have several."""
    return outputs if isinstance(outputs, torch.Tensor) else getattr(outputs, name)


@pytest.mark.parametrize("name", SMALL)
def test_what_is_proved_holds(name: str) -> None:
    spec = graphspec.load(SPECS / name, **SMALL[name])
    proved = [verdict.contract for verdict in spec.check() if verdict.status == "proved"]
    assert "independent" in [contract.kind for contract in proved]
    model = compiler.compile(spec).double().eval()
    given = {name: it.double() if it.is_floating_point() else it for name, it in inputs_of(spec).items()}
    with torch.no_grad():
        for contract in proved:
            name_of = str(contract.get("output") or spec.graph.body.outputs[0][0])
            before = only(model(**given), name_of)
            source = str(contract.get("input") or next(iter(given)))
            changed = {**given, source: given[source].clone()}
            if contract.kind == "causal":
                changed[source][:, 3] = (changed[source][:, 3] + 1) % 11
                assert bool(((only(model(**changed), name_of) - before).abs()[:, :3] < 1e-9).all())
            elif contract.kind == "independent":
                changed[source][1] = (changed[source][1] + 1) % 11
                assert bool(((only(model(**changed), name_of) - before).abs()[0] < 1e-9).all())
            elif contract.kind == "ignores_padding":
                real = given[str(contract.get("where"))]
                changed[source] = torch.where(real, given[source], (given[source] + 1) % 11)
                compared = (only(model(**changed), name_of) - before).abs()
                if before.dim() == 3 and before.shape[:2] == real.shape:
                    compared = compared[real]
                assert bool((compared < 1e-9).all())
