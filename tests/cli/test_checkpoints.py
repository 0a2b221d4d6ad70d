"""`graphspec import`, `export` and `new` as a user types them."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import compiler
import graphspec as language
from compiler.cli import main

ROOT = Path(__file__).parents[2]
LLAMA = str(ROOT / "specs/llm/llama.yaml")
CONFIG = {
    "num_hidden_layers": 2,
    "hidden_size": 16,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 11,
    "rope_theta": 100.0,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
}


@dataclass(frozen=True)
class Ran:
    returncode: int
    stdout: str
    stderr: str


def graphspec(*arguments: str, cwd: Path = ROOT) -> Ran:
    """Run the command within this process: torch takes long to import."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["graphspec", *arguments])
        patch.chdir(cwd)
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint in the layout of `huggingface`, with its configuration."""
    place = tmp_path / "theirs"
    place.mkdir()
    shapes = {"model.embed_tokens": (11, 16), "model.norm": (16,), "lm_head": (11, 16)}
    for layer in range(2):
        path = f"model.layers.{layer}."
        shapes |= {path + "input_layernorm": (16,), path + "post_attention_layernorm": (16,)}
        shapes |= {path + f"self_attn.{name}_proj": (16 if name in "qo" else 8, 16) for name in "qkvo"}
        shapes |= {path + "mlp.gate_proj": (24, 16), path + "mlp.up_proj": (24, 16), path + "mlp.down_proj": (16, 24)}
    save_file({f"{name}.weight": torch.randn(shape) for name, shape in shapes.items()}, place / "model.safetensors")
    (place / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    return place


def test_import_and_export(folder: Path, tmp_path: Path) -> None:
    found = graphspec("import", LLAMA, "--from", str(folder), "-o", "own.safetensors", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "own.safetensors: 21 tensors" in found.stdout
    again = graphspec("import", LLAMA, "--from", str(folder), "-o", "own.safetensors", cwd=tmp_path)
    assert again.returncode == 1
    assert "error[file-exists]" in again.stderr
    found = graphspec("new", LLAMA, "--config", "theirs/config.json", "-o", "mine.yaml", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    found = graphspec("export", "mine.yaml", "--checkpoint", "own.safetensors", "-o", "back", "--json", cwd=tmp_path)
    assert json.loads(found.stdout)["tensors"] == 21
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "back/model.safetensors")
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    compiler.load(language.load(tmp_path / "mine.yaml"), tmp_path / "own.safetensors")


def test_a_dry_run_prints_the_mapping_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    found = graphspec("import", LLAMA, "--from", str(folder), "--dry-run", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "layers.{0-1}.attention.k.weight" in found.stdout
    assert "model.layers.{0-1}.self_attn.k_proj.weight" in found.stdout
    assert sorted(it.name for it in tmp_path.iterdir()) == ["theirs"]
    without = graphspec("import", LLAMA, "--dry-run", "--json")
    assert json.loads(without.stdout)[0]["file"] == "model.embed_tokens.weight"


def test_what_does_not_come_out_is_listed(folder: Path, tmp_path: Path) -> None:
    found = graphspec("import", LLAMA, "--from", str(folder), "--dry-run", "--set", "depth=3", cwd=tmp_path)
    assert found.returncode == 1
    assert "error[missing-tensor]" in found.stderr
    assert "llama.yaml:" in found.stderr
    found = graphspec("import", LLAMA, "--from", str(folder), "-o", "own.safetensors", "--map", "hugingface")
    assert found.returncode == 1
    assert "did you mean `huggingface`" in found.stderr


def test_new_writes_the_sizes_into_the_spec(folder: Path, tmp_path: Path) -> None:
    arguments = ("new", LLAMA, "--config", str(folder / "config.json"), "--set", "vocab=7", "-o", "mine.yaml")
    assert graphspec(*arguments, cwd=tmp_path).returncode == 0
    sizes = language.load(tmp_path / "mine.yaml").graph.sizes
    assert (sizes["depth"], sizes["d_model"], sizes["vocab"]) == (2, 16, 7)
    assert graphspec(*arguments, cwd=tmp_path).returncode == 1
    lacking = {key: value for key, value in CONFIG.items() if key != "vocab_size"}
    (folder / "config.json").write_text(json.dumps(lacking), encoding="utf-8")
    assert graphspec(*arguments, "--overwrite", cwd=tmp_path).returncode == 0
    found = graphspec(*arguments[:4], "-o", "other.yaml", cwd=tmp_path)
    assert "does not say `vocab_size`" in found.stderr
    (folder / "config.json").write_text('{"hidden_size": 4', encoding="utf-8")
    found = graphspec(*arguments[:-1], "other.yaml", cwd=tmp_path)
    assert found.returncode == 1
    assert "error[config-unreadable]" in found.stderr


def test_misuse(tmp_path: Path) -> None:
    assert graphspec("import", LLAMA).returncode == 2
    assert graphspec("export", LLAMA).returncode == 2
    found = graphspec("import", LLAMA, "--from", "nowhere", "-o", "own.safetensors", cwd=tmp_path)
    assert found.returncode == 1
    assert "error[no-weights]" in found.stderr
    assert "help:" in found.stderr
