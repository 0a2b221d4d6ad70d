"""What the lines of a map say: each form read into the model's tensors, and written back byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import graphspec
from compiler.checkpoint import export_weights, import_weights
from graphspec import Spec, SpecError
from tests.checkpoint.models import BODY, HEAD, MAP, linears, numbered, saved


def there_and_back(spec: Spec, theirs: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """The model's tensors, after it was seen that writing them back gives the file again."""
    source = saved(theirs, folder / "theirs.safetensors")
    import_weights(spec, source, folder / "own.safetensors")
    export_weights(spec, folder / "own.safetensors", folder / "back")
    again = load_file(folder / "back/model.safetensors")
    assert again.keys() == theirs.keys()
    assert all(torch.equal(again[name], theirs[name]) for name in theirs)
    return load_file(folder / "own.safetensors")


def test_names_sets_and_indices(tmp_path: Path) -> None:
    spec = graphspec.loads(HEAD + BODY + MAP.replace("h.{i}", "h.{2 * i + 1}"))
    shapes = {"front__weight": (4, 4), "front__bias": (4,)}
    for turn in (1, 3):
        shapes |= {f"h__{turn}__u__weight": (12, 4), f"h__{turn}__u__bias": (12,)}
        shapes |= {f"h__{turn}__d__weight": (4, 12), f"h__{turn}__d__bias": (4,)}
    theirs = numbered(**shapes)
    own = there_and_back(spec, theirs, tmp_path)
    assert torch.equal(own["layers.1.up.weight"], theirs["h.3.u.weight"])
    assert torch.equal(own["first.bias"], theirs["front.bias"])


def test_names_count_with_the_parameters_of_the_spec(tmp_path: Path) -> None:
    own = linears("a: {op: linear, in: x, dim: 3}", "a: t.{d + 1}")
    assert there_and_back(own, numbered(t__5__weight=(3, 4), t__5__bias=(3,)), tmp_path)


def test_a_transposed_weight_with_its_bias(tmp_path: Path) -> None:
    spec = linears("a: {op: linear, in: x, dim: 3}", "a: {from: t, rearrange: m rows -> rows m}")
    theirs = numbered(t__weight=(4, 3), t__bias=(3,))
    own = there_and_back(spec, theirs, tmp_path)
    assert torch.equal(own["a.weight"], theirs["t.weight"].T)
    assert torch.equal(own["a.bias"], theirs["t.bias"])


def test_axes_of_one(tmp_path: Path) -> None:
    spec = graphspec.loads(
        HEAD.replace("x: B d", "x: B 1 d")
        + "nodes: {token: {op: parameter, shape: [1, d]}, y: x + token}\noutputs: {y: y}\n"
        + "checkpoints: {theirs: {nodes: {token: {from: cls, rearrange: 1 1 m -> 1 m}}}}\n"
    )
    assert there_and_back(spec, numbered(cls=(1, 1, 4)), tmp_path)["token"].tolist() == [[0, 1, 2, 3]]


def test_equal_parts(tmp_path: Path) -> None:
    nodes = "\n".join(f"{name}: {{op: linear, in: x, dim: 4}}" for name in "qkv")
    spec = linears(nodes, '"{q,k,v}": {from: fused, rearrange: (part rows) m -> part rows m}')
    theirs = numbered(fused__weight=(12, 4), fused__bias=(12,))
    own = there_and_back(spec, theirs, tmp_path)
    for name, weight, bias in zip("qkv", theirs["fused.weight"].chunk(3), theirs["fused.bias"].chunk(3), strict=True):
        assert torch.equal(own[f"{name}.weight"], weight)
        assert torch.equal(own[f"{name}.bias"], bias)


def test_unequal_parts_are_as_wide_as_the_model_s(tmp_path: Path) -> None:
    nodes = "q: {op: linear, in: x, dim: 6}\nk: {op: linear, in: x, dim: 2}\nv: {op: linear, in: x, dim: 3}"
    spec = linears(nodes, '"{q,k,v}": {from: fused, rearrange: m (part rows) -> part rows m}')
    theirs = numbered(fused__weight=(4, 11), fused__bias=(11,))
    own = there_and_back(spec, theirs, tmp_path)
    assert torch.equal(own["k.weight"], theirs["fused.weight"][:, 6:8].T)
    assert torch.equal(own["v.bias"], theirs["fused.bias"][8:])


def test_parts_within_each_head(tmp_path: Path) -> None:
    nodes = "k: {op: linear, in: x, dim: 6}\nv: {op: linear, in: x, dim: 10}"
    spec = linears(nodes, '"{k,v}": {from: kv, rearrange: (heads part e) m -> part (heads e) m}')
    theirs = numbered(kv__weight=(16, 4), kv__bias=(16,))
    own = there_and_back(spec, theirs, tmp_path)
    rows = theirs["kv.weight"].reshape(2, 8, 4)
    assert torch.equal(own["k.weight"], rows[:, :3].reshape(6, 4))
    assert torch.equal(own["v.weight"], rows[:, 3:].reshape(10, 4))


def test_groups_of_queries_with_their_key_and_value(tmp_path: Path) -> None:
    nodes = "q: {op: linear, in: x, dim: 12}\nk: {op: linear, in: x, dim: 4}\nv: {op: linear, in: x, dim: 4}"
    line = '"{q,k,v}": {from: wqkv, rearrange: (heads part g e) m -> part (heads g e) m, sizes: {e: d // 2}}'
    own = there_and_back(linears(nodes, line), numbered(wqkv__weight=(20, 4), wqkv__bias=(20,)), tmp_path)
    rows = torch.arange(80.0).reshape(2, 5, 2, 4)
    assert torch.equal(own["q.weight"], rows[:, :3].reshape(12, 4))
    assert torch.equal(own["v.weight"], rows[:, 4].reshape(4, 4))


def test_rows_that_take_turns(tmp_path: Path) -> None:
    nodes = "gate: {op: linear, in: x, dim: 3}\nup: {op: linear, in: x, dim: 3}"
    spec = linears(nodes, '"{gate,up}": {from: both, rearrange: (rows part) m -> part rows m}')
    theirs = numbered(both__weight=(6, 4), both__bias=(6,))
    own = there_and_back(spec, theirs, tmp_path)
    assert torch.equal(own["gate.weight"], theirs["both.weight"][0::2])
    assert torch.equal(own["up.bias"], theirs["both.bias"][1::2])


def test_the_first_features_of_each_head_change_places(tmp_path: Path) -> None:
    """Rotary pairs of which only the first four features of six turn; the bias and a norm of one head as well."""
    pattern = "(heads (e pair + rest)) m -> (heads (pair e + rest)) m"
    spec = linears(
        "q: {op: linear, in: x, dim: 12}", f"q: {{from: q, rearrange: '{pattern}', sizes: {{pair: 2, e: 2}}}}"
    )
    theirs = numbered(q__weight=(12, 4), q__bias=(12,))
    own = there_and_back(spec, theirs, tmp_path)
    assert own["q.bias"][:6].tolist() == [theirs["q.bias"][place].item() for place in (0, 2, 1, 3, 4, 5)]
    rows = theirs["q.weight"].reshape(2, 6, 4)
    assert torch.equal(own["q.weight"], rows[:, [0, 2, 1, 3, 4, 5]].reshape(12, 4))
    norm = "y: {op: rms_norm, in: x}"
    spec = linears(norm, "y: {from: n, rearrange: (e pair + rest) -> (pair e + rest), sizes: {pair: 2, rest: 0 + 2}}")
    assert there_and_back(spec, numbered(n__weight=(4,)), tmp_path / "norm")["y.weight"].tolist() == [0, 1, 2, 3]


def test_stretches_of_fused_parts(tmp_path: Path) -> None:
    nodes = "q: {op: linear, in: x, dim: 6}\nk: {op: linear, in: x, dim: 6}"
    pattern = "(part h (e pair + rest)) m -> part (h (rest + pair e)) m"
    line = f'"{{q,k}}": {{from: qk, rearrange: {pattern}, sizes: {{pair: 2, e: 1, rest: 1}}}}'
    theirs = numbered(qk__weight=(12, 4), qk__bias=(12,))
    own = there_and_back(linears(nodes, line), theirs, tmp_path)
    assert own["k.bias"].tolist() == [theirs["qk.bias"][6 + place].item() for place in (2, 0, 1, 5, 3, 4)]
    with pytest.raises(SpecError, match="`h` and the stretches"):
        linears(nodes, line.replace(", rest: 1", ""))


def test_rows_that_are_skipped_are_written_as_zeros(tmp_path: Path) -> None:
    spec = linears(
        "a: {op: linear, in: x, dim: 3}", "a: {from: t, rearrange: (2 + rows + pad) m -> rows m, sizes: {pad: 1}}"
    )
    theirs = numbered(t__weight=(6, 4), t__bias=(6,))
    source = saved(theirs, tmp_path / "theirs.safetensors")
    import_weights(spec, source, tmp_path / "own.safetensors")
    assert torch.equal(load_file(tmp_path / "own.safetensors")["a.weight"], theirs["t.weight"][2:5])
    export_weights(spec, tmp_path / "own.safetensors", tmp_path / "back")
    back = load_file(tmp_path / "back/model.safetensors")["t.weight"]
    assert torch.equal(back[2:5], theirs["t.weight"][2:5])
    assert not back[[0, 1, 5]].any()
    wrong = saved(numbered(t__weight=(5, 4), t__bias=(6,)), tmp_path / "wrong.safetensors")
    with pytest.raises(SpecError, match="not 6 × 4"):
        import_weights(spec, wrong, tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("x + 1", lambda x: x + 1),
        ("-exp(x)", lambda x: -x.exp()),
        ("2 * x - 3", lambda x: 2 * x - 3),
        ("1 - x / 4", lambda x: 1 - x / 4),
        ("1 / (5 + x)", lambda x: 1 / (5 + x)),
        ("log(x + 1)", lambda x: (x + 1).log()),
    ],
)
def test_computed_tensors_come_back_to_the_last_place(
    tmp_path: Path, value: str, wanted: Callable[[Tensor], Tensor]
) -> None:
    spec = linears("y: {op: rms_norm, in: x}", f"y.weight: {{from: n.w, value: {value}}}")
    theirs = torch.rand(4, generator=torch.Generator().manual_seed(0))
    source = saved({"n.w": theirs}, tmp_path / "theirs.safetensors")
    import_weights(spec, source, tmp_path / "own.safetensors")
    own = load_file(tmp_path / "own.safetensors")["y.weight"]
    assert torch.equal(own, wanted(theirs.double()).float())
    export_weights(spec, tmp_path / "own.safetensors", tmp_path / "back")
    back = load_file(tmp_path / "back/model.safetensors")["n.w"]
    torch.testing.assert_close(back, theirs, rtol=0, atol=3e-7)


def test_rotary_pairs_become_halves(tmp_path: Path) -> None:
    line = "q: {from: wq, rearrange: (heads e pair) m -> (heads pair e) m, sizes: {pair: 2}}"
    theirs = numbered(wq__weight=(8, 4), wq__bias=(8,))
    own = there_and_back(linears("q: {op: linear, in: x, dim: 8}", line), theirs, tmp_path)
    assert own["q.bias"].tolist() == [theirs["wq.bias"][place] for place in (0, 2, 1, 3, 4, 6, 5, 7)]


def test_turns_stacked_in_the_file(tmp_path: Path) -> None:
    lines = MAP.replace('"layers.{i}": "h.{i}"', '"layers.{i}.{up,down}": {from: "{us,ds}", rearrange: i a b -> a b}')
    text = HEAD + BODY.replace("dim: 3 * d", "dim: 3 * d, bias: false").replace("dim: d}}", "dim: d, bias: false}}")
    spec = graphspec.loads(text + lines.split("    blocks:")[0])
    theirs = numbered(front__weight=(4, 4), front__bias=(4,), us__weight=(2, 12, 4), ds__weight=(2, 4, 12))
    own = there_and_back(spec, theirs, tmp_path)
    assert torch.equal(own["layers.1.down.weight"], theirs["ds.weight"][1])


def test_tensors_of_the_file_stacked_in_the_model(tmp_path: Path) -> None:
    spec = graphspec.loads(
        HEAD.replace("x: B d", "x: B 3 4 d")
        + "nodes: {experts: {op: parameter, shape: [3, 4, d]}, y: x * experts}\noutputs: {y: y}\n"
        + 'checkpoints: {theirs: {nodes: {experts: {from: "e.{e}.w", rearrange: e m rows -> e rows m}}}}\n'
    )
    theirs = numbered(e__0__w=(4, 4), e__1__w=(4, 4), e__2__w=(4, 4))
    own = there_and_back(spec, theirs, tmp_path)
    assert torch.equal(own["experts"][1], theirs["e.1.w"].T)


def test_alternatives_and_optional_parts(tmp_path: Path) -> None:
    spec = linears("a: {op: linear, in: x, dim: 4}", 'a.{weight,bias}: ["(m.)?{w,b}", "(m.)?{gamma,beta}"]')
    shapes = {"weight": (4, 4), "bias": (4,)}
    there_and_back(spec, numbered(m__w=shapes["weight"], m__b=shapes["bias"]), tmp_path)
    for prefix in ("m.", ""):
        theirs = {f"{prefix}gamma": torch.ones(4, 4), f"{prefix}beta": torch.arange(4.0)}
        file = saved(theirs, tmp_path / "other.safetensors")
        import_weights(spec, file, tmp_path / "own.safetensors", overwrite=True)
        assert torch.equal(load_file(tmp_path / "own.safetensors")["a.bias"], theirs[f"{prefix}beta"])


def test_the_more_specific_line_wins(tmp_path: Path) -> None:
    lines = "a: front\na.bias: elsewhere"
    own = there_and_back(
        linears("a: {op: linear, in: x, dim: 4}", lines), numbered(front__weight=(4, 4), elsewhere=(4,)), tmp_path
    )
    assert own["a.bias"].tolist() == [16, 17, 18, 19]


def test_layers_that_share_a_tensor_of_the_file(tmp_path: Path) -> None:
    text = HEAD + BODY + MAP.replace("h.{i}", "h.{i // 2}")
    spec = graphspec.loads(text)
    theirs = numbered(
        front__weight=(4, 4), front__bias=(4,), h__0__u__weight=(12, 4), h__0__u__bias=(12,), h__0__d__weight=(4, 12),
        h__0__d__bias=(4,),
    )  # fmt: skip
    own = there_and_back(spec, theirs, tmp_path)
    assert torch.equal(own["layers.0.up.weight"], own["layers.1.up.weight"])
    own["layers.1.up.weight"][0, 0] += 1
    file = saved(own, tmp_path / "changed.safetensors")
    with pytest.raises(graphspec.SpecError, match="export-conflict"):
        export_weights(spec, file, tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_types_of_numbers_are_kept(tmp_path: Path) -> None:
    spec = linears("a: {op: linear, in: x, dim: 4}", "a: front")
    theirs = {"front.weight": torch.randn(4, 4).bfloat16(), "front.bias": torch.randn(4).half()}
    own = there_and_back(spec, theirs, tmp_path)
    assert own["a.weight"].dtype == torch.bfloat16
    assert own["a.bias"].dtype == torch.float16
