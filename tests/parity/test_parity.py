"""Checkpoints of the reference implementation give its outputs, and go back as they came."""

from __future__ import annotations

import json
import operator
from fnmatch import fnmatchcase
from functools import reduce
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import compiler
import graphspec
from compiler.checkpoint import export_weights, import_weights, read_spec_for
from graphspec.diagnostics import SpecError
from tests.parity.reference import FAMILIES, LEFT, REAL, Family, inputs, make, save

SPECS = Path(__file__).parents[2] / "specs"
MAP = "huggingface"
TOLERANCE = 1e-5
OURS = {
    "input_ids": ("tokens", "source"),
    "attention_mask": ("tokens_real", "source_real"),
    "token_type_ids": ("segment",),
    "decoder_input_ids": ("target", "tokens"),
    "input_features": ("sound",),
    "pixel_values": ("pixels",),
}


def answers(model: nn.Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our outputs by name, for inputs under the reference's names."""
    names = {source.name for source in model.graph.body.inputs}
    ours = {own: tensor for name, tensor in given.items() for own in OURS[name] if own in names}
    ours = {name: as_ours(name, tensor) for name, tensor in ours.items()}
    with torch.no_grad():
        made = model(**ours)
    outputs = [name for name, _ in model.graph.body.outputs]
    return dict(zip(outputs, (made,) if isinstance(made, Tensor) else made, strict=True))


def as_ours(name: str, tensor: Tensor) -> Tensor:
    """Truth values for masks, channels last for pictures and sound."""
    if name == "sound":
        return tensor.mT
    return tensor.bool() if name.endswith("_real") else tensor.permute(0, 2, 3, 1) if name == "pixels" else tensor


def difference(family: Family, reference: nn.Module, model: nn.Module, real: Tensor = REAL) -> float:
    """The largest difference of an output at the real positions, relative to the size of its numbers."""
    given = inputs(family, real)
    with torch.no_grad():
        wanted = reference(**given)
    found = answers(model, given)
    worst = 0.0
    for ours, theirs in family.outputs.items():
        expected, actual = wanted[theirs], found[ours]
        assert actual.shape == expected.shape
        assert expected.std() > 0.1, "the outputs are too alike to tell anything"
        far = (actual - expected).abs()
        far = far[real] if far.shape[:2] == real.shape else far
        worst = max(worst, float(far.max() / max(1.0, float(expected.abs().max()))))
    return worst


WHOLE = [name for name, family in FAMILIES.items() if not family.only_numbers]


@pytest.fixture(scope="module", params=FAMILIES)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Family, nn.Module, Path]:
    family = FAMILIES[request.param]
    model = make(family)
    return family, model, save(model, tmp_path_factory.mktemp(request.param))


def test_the_outputs_are_the_reference_s(saved: tuple[Family, nn.Module, Path]) -> None:
    family, reference, folder = saved
    model = compiler.load(SPECS / family.spec, folder, map=MAP)
    assert difference(family, reference, model) < TOLERANCE


def skip_without_padding(family: Family, model: nn.Module) -> None:
    told = {it.name for it in model.graph.body.inputs}.intersection(OURS["attention_mask"])
    if "attention_mask" not in inputs(family) or not told:
        pytest.skip("this spec is not told of padding")


def test_padding_on_the_left(saved: tuple[Family, nn.Module, Path]) -> None:
    family, reference, folder = saved
    model = compiler.load(SPECS / family.spec, folder, map=MAP)
    skip_without_padding(family, model)
    assert difference(family, reference, model, LEFT) < TOLERANCE
    assert difference(family, reference, model, torch.ones_like(LEFT)) < TOLERANCE


def test_padding_is_exercised(saved: tuple[Family, nn.Module, Path]) -> None:
    """The comparison can fail: what is real at one place is padding at another."""
    family, _, folder = saved
    model = compiler.load(SPECS / family.spec, folder, map=MAP)
    skip_without_padding(family, model)
    every = inputs(family, torch.ones_like(LEFT))
    for real in (REAL, LEFT):
        padded, bare = answers(model, inputs(family, real)), answers(model, every)
        for name in family.outputs:
            assert not torch.allclose(padded[name], bare[name], atol=1e-3)


@pytest.mark.parametrize("saved", WHOLE, indirect=True)
def test_every_tensor_matters(saved: tuple[Family, nn.Module, Path]) -> None:
    """The comparison can fail: no tensor of the model can change without its being seen."""
    family, reference, folder = saved
    model = compiler.load(SPECS / family.spec, folder, map=MAP)
    unseen = []
    for name, tensor in model.named_parameters():
        if ".0." in name or ".2." in name:
            continue  # the turn between them stands for all
        before = tensor.detach().clone()
        with torch.no_grad():
            tensor.copy_(before + 0.05 * torch.randn(before.shape, generator=torch.Generator().manual_seed(3)))
        if difference(family, reference, model) < 10 * TOLERANCE:
            unseen.append(name)
        with torch.no_grad():
            tensor.copy_(before)
    # A key bias shifts all scores of a query alike: it cannot be seen, and strict accounting must do instead.
    assert [name for name in unseen if not name.endswith(".k.bias")] == []


@pytest.mark.parametrize("saved", WHOLE, indirect=True)
def test_there_and_back_gives_the_same_bytes(saved: tuple[Family, nn.Module, Path], tmp_path: Path) -> None:
    family, _, folder = saved
    spec = read_spec_for(SPECS / family.spec, folder, MAP, {})
    import_weights(spec, folder, tmp_path / "own.safetensors", MAP)
    export_weights(spec, tmp_path / "own.safetensors", tmp_path / "back", MAP)
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "back/model.safetensors")
    if not family.same_names:
        after = {name.removeprefix("bert."): tensor for name, tensor in after.items()}
    ignored = spec.checkpoints[MAP].ignore
    before = {name: it for name, it in before.items() if not any(fnmatchcase(name, pattern) for pattern in ignored)}
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert tensor.dtype == after[name].dtype
        assert tensor.numpy().tobytes() == after[name].numpy().tobytes(), name


@pytest.mark.parametrize("saved", WHOLE, indirect=True)
def test_the_reference_reads_what_we_export(saved: tuple[Family, nn.Module, Path], tmp_path: Path) -> None:
    family, reference, folder = saved
    spec = read_spec_for(SPECS / family.spec, folder, MAP, {})
    import_weights(spec, folder, tmp_path / "own.safetensors", MAP)
    export_weights(spec, tmp_path / "own.safetensors", tmp_path, MAP)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    again, loading = type(reference).from_pretrained(tmp_path, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    for (name, one), other in zip(reference.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    family = FAMILIES["llama"]
    reference = make(family)
    save(reference, tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    assert difference(family, reference, compiler.load(SPECS / family.spec, tmp_path, map=MAP)) < TOLERANCE


def test_sizes_come_from_the_configuration(saved: tuple[Family, nn.Module, Path]) -> None:
    family, reference, folder = saved
    graph = read_spec_for(SPECS / family.spec, folder, MAP, {}).graph
    counted = sum(tensor.numel() for tensor in reference.parameters())
    from graphspec.analysis.cost import Costs

    assert Costs(graph).number(Costs(graph).parameters()) == counted


def test_a_configuration_of_another_model_is_refused(saved: tuple[Family, nn.Module, Path], tmp_path: Path) -> None:
    family, _, folder = saved
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    spec = graphspec.load(SPECS / family.spec)
    expectation = spec.checkpoints[MAP].expect[0]
    *within, last = expectation.key.split(".")
    reduce(operator.getitem, within, config)[last] = "something else"
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(SpecError, match="config-value") as caught:
        read_spec_for(SPECS / family.spec, tmp_path, MAP, {})
    assert caught.value.diagnostics[0].span is not None
