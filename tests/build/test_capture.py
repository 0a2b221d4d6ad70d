"""Values inside a model, by their names in the spec."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import graphspec
from compiler.build import compile
from compiler.runtime import Model
from compiler.target import Target
from tests.build.test_compile import transformer
from tests.emit.test_source import PATTERN
from tests.lower.cases import CASES, spec


@pytest.fixture(scope="module")
def model() -> Model:
    return compile(transformer()).eval()


@pytest.fixture(scope="module")
def inputs() -> dict[str, Tensor]:
    real = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    return {"source": torch.arange(14).view(2, 7), "target": torch.arange(10).view(2, 5), "source_real": real}


def hooked(model: Model, name: str, inputs: dict[str, Tensor]) -> Tensor:
    """What torch's own hook sees at a submodule."""
    seen: list[Tensor] = []
    handle = model.get_submodule(name).register_forward_hook(lambda _, __, output: seen.append(output))
    model(**inputs)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("name", ["source_embedding", "encoder.1", "decoder.0.norm2", "decoder.1.cross_attention.q"])
def test_it_is_what_a_hook_sees(model: Model, inputs: dict[str, Tensor], name: str) -> None:
    assert torch.equal(model.capture(name, **inputs)[name], hooked(model, name, inputs))


def test_several_at_once_in_order(model: Model, inputs: dict[str, Tensor]) -> None:
    names = ("logits", "encoder", "decoder.0.first", "encoder.0", "encoder.1")
    found = model.capture(*names, **inputs)
    assert tuple(found) == names
    torch.testing.assert_close(found["logits"], model(**inputs))
    assert torch.equal(found["encoder.1"], found["encoder"])


def test_weights_of_attention_sum_to_one_where_there_is_a_key(model: Model, inputs: dict[str, Tensor]) -> None:
    name = "decoder.1.cross_attention.weights"
    weights = model.capture(name, **inputs)[name]
    assert weights.shape == (2, 4, 5, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5))
    assert bool((weights[1, ..., 4:] == 0).all())
    blind = {**inputs, "source_real": torch.zeros(2, 7, dtype=torch.bool)}
    assert bool((model.capture(name, **blind)[name] == 0).all())


def test_the_weights_are_those_that_are_used(model: Model, inputs: dict[str, Tensor]) -> None:
    block = "encoder.0.attention"
    found = model.capture(f"{block}.weights", f"{block}.value", f"{block}.attend", **inputs)
    weights, value, attend = found.values()
    torch.testing.assert_close(torch.einsum("bhij,bjhe->bihe", weights, value), attend)


def test_it_reads_the_parameters_of_the_model(inputs: dict[str, Tensor]) -> None:
    model = compile(transformer()).eval()
    before = model.capture("encoder.0", **inputs)["encoder.0"]
    with torch.no_grad():
        model.get_parameter("encoder.0.norm2.bias").add_(1)
    torch.testing.assert_close(model.capture("encoder.0", **inputs)["encoder.0"], before + 1)
    model.double()
    assert model.capture("encoder.0", **inputs)["encoder.0"].dtype == torch.float64
    model.capture("encoder.0", **inputs)["encoder.0"].sum().backward()
    assert model.get_parameter("source_embedding.weight").grad is not None


def test_a_variant_is_made_once(model: Model, inputs: dict[str, Tensor]) -> None:
    model.capture("encoder.0", **inputs)
    made = dict(model.__dict__["_variants"])
    model.capture("encoder.0", **inputs)
    assert model.__dict__["_variants"] == made


def test_turns_that_differ_nested_and_shared() -> None:
    tokens, document = torch.arange(12).view(2, 6), torch.tensor([[0, 0, 1, 1, 1, 2]] * 2)
    pattern = compile(graphspec.loads(PATTERN)).eval()
    names = [f"layers.{turn}.attention.weights" for turn in (5, 0, 2)] + ["layers.4", "packed.attention"]
    found = pattern.capture(*names, tokens=tokens, document=document)
    for turn, near in ((0, True), (2, False), (5, False)):
        lowest = found[f"layers.{turn}.attention.weights"][0, 0, -1, 0]
        assert (lowest == 0) == near
    x = torch.randn(2, 5, 8)
    nested = compile(graphspec.loads(spec(CASES["nested repeats"]))).eval()
    deep = nested.capture("out.1.b.0.a", "out.0", "out.1.b", x=x)
    assert torch.equal(deep["out.1.b.0.a"], nested.get_submodule("out.1.b.0.a")(deep["out.0"]))
    repeats = compile(graphspec.loads(spec(CASES["repeats"]))).eval()
    shared = repeats.capture("tied.1.a", "tied.0", "many.aux", "many.2.a", "many.2.aux", x=x)
    assert torch.equal(shared["tied.1.a"], repeats.get_submodule("tied.a")(shared["tied.0"]))
    assert torch.equal(shared["many.aux"][2], shared["many.2.a"])
    assert torch.equal(shared["many.2.aux"], shared["many.2.a"])


def test_a_model_with_an_objective_needs_no_labels_to_be_looked_into(inputs: dict[str, Tensor]) -> None:
    model = compile(transformer(), Target(objective="cross_entropy(logits)"))
    assert model.capture("encoder", **inputs)["encoder"].shape == (2, 7, 16)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("decoder.1.cros_attention.weights", "did you mean `decoder.1.cross_attention.weights`?"),
        ("encodr", "did you mean `encoder`?"),
        ("encoder.2", "in `encoder` there are `0`, `1`"),
        ("encoder.first", "in `encoder` there are `0`, `1`"),
        ("encoder.0.norm1.y.z", "there is no value `encoder.0.norm1.y.z`"),
        ("decoder_input~1", "did you mean `decoder_input`?"),
    ],
)
def test_a_name_that_is_not_there(model: Model, inputs: dict[str, Tensor], name: str, said: str) -> None:
    with pytest.raises(KeyError) as caught:
        model.capture(name, **inputs)
    assert said in str(caught.value)
    assert f"`{name}`" in str(caught.value)
