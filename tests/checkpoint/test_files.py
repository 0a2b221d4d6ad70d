"""Files: strict accounting, shards, damage, and nothing replaced or half-written."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import compiler
import graphspec
from compiler.checkpoint import export_weights, import_weights
from graphspec import SpecError
from graphspec.diagnostics import Diagnostic
from tests.checkpoint.models import BODY, HEAD, MAP, linears, numbered, saved

SPEC = graphspec.loads(HEAD + BODY + MAP)
ALIASED = linears("a: {op: linear, in: x, dim: 4, bias: false}", "a: front").text.replace(
    "    nodes:", '    ignore: ["*.mask"]\n    aliases: {(m.)?second: front.weight}\n    nodes:'
)


def theirs() -> dict[str, Tensor]:
    shapes = {"front__weight": (4, 4), "front__bias": (4,)}
    for turn in range(2):
        shapes |= {f"h__{turn}__u__weight": (12, 4), f"h__{turn}__u__bias": (12,)}
        shapes |= {f"h__{turn}__d__weight": (4, 12), f"h__{turn}__d__bias": (4,)}
    return numbered(**shapes)


def problems(source: Path, target: Path, spec: graphspec.Spec = SPEC) -> tuple[Diagnostic, ...]:
    """What an import reports; nothing must have been written."""
    before = sorted(target.parent.iterdir())
    with pytest.raises(SpecError) as caught:
        import_weights(spec, source, target)
    assert sorted(target.parent.iterdir()) == before
    return caught.value.diagnostics


def test_every_tensor_is_accounted_for_in_one_report(tmp_path: Path) -> None:
    changed = theirs()
    for turn in range(2):
        changed[f"h.{turn}.up.bias"] = changed.pop(f"h.{turn}.u.bias")
        changed[f"h.{turn}.rotary.inv_freq"] = torch.ones(2)
    changed["front.weight"] = torch.ones(4, 5)
    found = {it.code: it for it in problems(saved(changed, tmp_path / "t.safetensors"), tmp_path / "o.safetensors")}
    assert set(found) == {"missing-tensor", "unused-tensor", "tensor-shape"}
    lacking = found["missing-tensor"]
    assert [note.message for note in lacking.notes] == ["`h.{0-1}.u.bias`"]
    assert "`h.0.up.bias`" in lacking.help
    assert lacking.span is not None and "{up,down}" in lacking.span.file.line(lacking.span.line)
    assert len(found["unused-tensor"].notes) == 2
    assert "4 × 5, not 4 × 4" in found["tensor-shape"].message


def test_many_turns_are_listed_together(tmp_path: Path) -> None:
    spec = graphspec.loads(HEAD.replace("n: 2", "n: 12") + BODY + MAP)
    kept = {name: it for name, it in theirs().items() if name.startswith("front")}
    (found,) = problems(saved(kept, tmp_path / "t.safetensors"), tmp_path / "o.safetensors", spec)
    assert "lacks 48 tensors" in found.message
    assert "`h.{0-11}.u.weight`" in [note.message for note in found.notes]


def test_the_model_gets_every_number(tmp_path: Path) -> None:
    model = compiler.load(SPEC, saved(theirs(), tmp_path / "t.safetensors"), map="theirs")
    assert not model.training
    assert torch.equal(model.state_dict()["layers.1.down.bias"], theirs()["h.1.d.bias"])


def test_a_file_in_the_spec_s_own_names(tmp_path: Path) -> None:
    made = compiler.compile(SPEC, seed=3)
    file = saved(made.state_dict(), tmp_path / "own.safetensors")
    again = compiler.load(SPEC, file)
    assert all(torch.equal(it, again.state_dict()[name]) for name, it in made.state_dict().items())
    with pytest.raises(SpecError, match="missing-tensor"):
        compiler.load(SPEC, saved(theirs(), tmp_path / "t.safetensors"))


def test_shards_by_their_index(tmp_path: Path) -> None:
    tensors = theirs()
    names = list(tensors)
    parts = {"one.safetensors": names[:5], "two.safetensors": names[5:]}
    for file, own in parts.items():
        save_file({name: tensors[name] for name in own}, tmp_path / file)
    table = {name: file for file, own in parts.items() for name in own}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": table}), encoding="utf-8")
    for source in (tmp_path, index):
        model = compiler.load(SPEC, source, map="theirs")
        assert torch.equal(model.state_dict()["layers.1.down.bias"], tensors["h.1.d.bias"])
    (tmp_path / "two.safetensors").unlink()
    with pytest.raises(SpecError, match=r"checkpoint-corrupt(.|\n)*two\.safetensors"):
        compiler.load(SPEC, tmp_path, map="theirs")


@pytest.mark.parametrize("file", ["../t.safetensors", "sub/t.safetensors", "/t.safetensors"])
def test_an_index_that_leads_elsewhere(file: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": file}}), encoding="utf-8")
    with pytest.raises(SpecError, match="not beside it"):
        compiler.load(SPEC, tmp_path, map="theirs")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": []}'])
def test_an_index_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match="checkpoint-corrupt"):
        compiler.load(SPEC, tmp_path, map="theirs")


@pytest.mark.parametrize("cut", [0, 4, 60, -1])
def test_a_file_that_was_cut_off(cut: int, tmp_path: Path) -> None:
    whole = saved(theirs(), tmp_path / "whole.safetensors").read_bytes()
    short = tmp_path / "short.safetensors"
    short.write_bytes(whole[:cut])
    (found,) = problems(short, tmp_path / "own.safetensors")
    assert found.code == "checkpoint-corrupt"
    assert "short.safetensors" in found.message


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "last.ckpt"])
def test_a_pickle_is_never_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pickle.dumps({"a": 1}))
    target = tmp_path / "own.safetensors"
    assert [it.code for it in problems(tmp_path / name, target)] == ["pickle-checkpoint"]
    (found,) = problems(tmp_path, target)
    assert found.code == "pickle-checkpoint"
    assert "save_file" in found.help


def test_nothing_to_read(tmp_path: Path) -> None:
    assert [it.code for it in problems(tmp_path, tmp_path / "o.safetensors")] == ["no-weights"]
    assert [it.code for it in problems(tmp_path / "none", tmp_path / "o.safetensors")] == ["no-weights"]
    for name in ("a", "b"):
        saved(theirs(), tmp_path / f"{name}.safetensors")
    (found,) = problems(tmp_path, tmp_path / "o.safetensors")
    assert "several" in found.message


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    source, target = saved(theirs(), tmp_path / "t.safetensors"), tmp_path / "own.safetensors"
    import_weights(SPEC, source, target)
    first = target.read_bytes()
    (found,) = problems(source, target)
    assert found.code == "file-exists"
    assert target.read_bytes() == first
    export_weights(SPEC, target, tmp_path / "back")
    with pytest.raises(SpecError, match="file-exists"):
        export_weights(SPEC, target, tmp_path / "back")
    import_weights(SPEC, source, target, overwrite=True)
    export_weights(SPEC, target, tmp_path / "back", overwrite=True)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compiler.checkpoint import writing

    source, target = saved(theirs(), tmp_path / "t.safetensors"), tmp_path / "own.safetensors"
    target.write_bytes(b"before")
    written: list[Tensor] = []

    def full(tensor: Tensor) -> bytes:
        written.append(tensor)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return b""

    monkeypatch.setattr(writing, "_bytes", full)
    with pytest.raises(SpecError, match="No space left"):
        import_weights(SPEC, source, target, overwrite=True)
    assert len(written) == 3  # tensor by tensor, not all at once
    assert target.read_bytes() == b"before"
    assert sorted(it.name for it in tmp_path.iterdir()) == ["own.safetensors", "t.safetensors"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    source = saved(theirs(), tmp_path / "t.safetensors")
    with pytest.raises(SpecError, match="cannot-write"):
        import_weights(SPEC, source, tmp_path / "none/own.safetensors")


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    import_weights(SPEC, saved(theirs(), tmp_path / "t.safetensors"), own)
    for folder in (own, own / "within"):
        with pytest.raises(SpecError, match="cannot-write"):
            export_weights(SPEC, own, folder)


def test_aliases_and_what_is_ignored(tmp_path: Path) -> None:
    spec = graphspec.loads(ALIASED)
    weight = torch.randn(4, 4)
    file = tmp_path / "t.safetensors"
    for name in ("second", "m.second"):
        saved({"front.weight": weight, name: weight.clone(), "a.mask": torch.ones(1)}, file)
        model = compiler.load(spec, file, map="theirs")
        assert torch.equal(model.state_dict()["a.weight"], weight)
    saved({"front.weight": weight, "second": weight + 1}, file)
    with pytest.raises(SpecError, match="alias-differs"):
        compiler.load(spec, file, map="theirs")
    wrong = graphspec.loads(ALIASED.replace("front.weight}", "frunt.weight}"))
    with pytest.raises(SpecError, match=r"did you mean `front\.weight`"):
        compiler.load(wrong, file, map="theirs")


def test_a_map_that_is_not_there(tmp_path: Path) -> None:
    file = saved(theirs(), tmp_path / "t.safetensors")
    with pytest.raises(SpecError, match="did you mean `theirs`"):
        compiler.load(SPEC, file, map="their")
    with pytest.raises(SpecError, match="has no checkpoint map"):
        import_weights(graphspec.loads(HEAD + BODY), file, tmp_path / "o.safetensors")


def test_parts_of_several_types_are_not_joined(tmp_path: Path) -> None:
    nodes = "a: {op: linear, in: x, dim: 4, bias: false}\nb: {op: linear, in: x, dim: 4, bias: false}"
    spec = linears(nodes, '"{a,b}": {from: both, rearrange: (part rows) m -> part rows m}')
    file = saved({"a.weight": torch.ones(4, 4), "b.weight": torch.ones(4, 4).half()}, tmp_path / "own.safetensors")
    with pytest.raises(SpecError, match="several types"):
        export_weights(spec, file, tmp_path / "back")


def test_what_we_write_is_what_others_write(tmp_path: Path) -> None:
    source = saved(theirs(), tmp_path / "t.safetensors")
    done = import_weights(SPEC, source, tmp_path / "own.safetensors")
    assert done.tensors == 10
    assert done.bytes == sum(it.numel() * 4 for it in load_file(done.file).values())
