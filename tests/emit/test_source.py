"""The generated source: golden text, layout, names, and that it says nothing superfluous."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from torch import nn

import graphspec
from compiler.emit import emit, emit_source
from compiler.lower.names import BUILTINS, MODULE_ATTRIBUTES
from compiler.lower.unit import RUNTIME
from compiler.target import Target
from tests import house, strategies
from tests.lower.cases import CASES, spec

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
EMITTING = "import graphspec\nfrom compiler.emit import emit\nfrom compiler.target import Target\n"
CPU = Target(device="cpu")
GALLERY = ("transformer", "llm/llama", "tasks/classifier", "tasks/tagger", "tasks/language_model")

PATTERN = """graphspec: 1
name: pattern
title: Layers that take turns, and masks of three kinds
params:
  {depth: 6, d_model: 16, heads: 4, kv_heads: 2, near: 2, drop: 0.1, options: {rotary: {theta: 10000}, drop: drop}}
axes: {B: batch, T: position}
inputs:
  tokens: {type: int B T, below: 99}
  document: int B T
  real: bool B T = true
masks: {local: "causal & window(left=near)"}
blocks:
  stage:
    in: {x: B T d_model}
    params: {mask: mask}
    nodes:
      attention: {block: std.attention, in: x, heads: heads, kv_heads: kv_heads, mask: mask, with: options}
    out: x + attention
nodes:
  embedding: {op: embedding, in: tokens, size: 99, dim: d_model}
  layers: {block: stage, in: embedding, repeat: depth, cycle: {mask: [local, local, causal & real]}}
  packed: {block: stage, in: layers, mask: documents(document)}
  best: max(packed, T)
  out: packed * best + silu(best)
outputs: {out: out, best: best}
"""


def source(text: str, target: Target = CPU) -> str:
    return emit(graphspec.loads(text).graph, target)


def ruff(*arguments: str, folder: Path) -> str:
    """What ruff has to say about the files of a folder: nothing if it is content."""
    command = [sys.executable, "-m", "ruff", *arguments, "--line-length=120", "--isolated", "--quiet", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout


# --- golden


@pytest.mark.parametrize("name", ["transformer", "llm/llama", "tasks/classifier"])
def test_gallery(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"emit/{Path(name).name}.py", emit(graphspec.load(SPECS / f"{name}.yaml").graph, CPU))


def test_pattern(golden: Callable[[str, str], None]) -> None:
    golden("emit/pattern.py", source(PATTERN))


def test_objective_on_cuda(golden: Callable[[str, str], None]) -> None:
    target = Target(device="cuda", precision="bf16", objective="next_token(logits, target, ignore=0, smoothing=0.1)")
    golden("emit/transformer_training.py", emit(graphspec.load(SPECS / "transformer.yaml").graph, target))


FUSED = Target(device="cuda", precision="bf16", objective="next_token(logits)", fusion="fused", returns="loss")


@pytest.mark.parametrize("name", ["transformer", "llm/llama"])
def test_fused(name: str, golden: Callable[[str, str], None]) -> None:
    target = replace(FUSED, objective="next_token(logits, target)") if name == "transformer" else FUSED
    golden(f"emit/{Path(name).name}_fused.py", emit(graphspec.load(SPECS / f"{name}.yaml").graph, target))


def test_flexible_attention(golden: Callable[[str, str], None]) -> None:
    golden("emit/gemma2_cuda.py", emit(graphspec.load(SPECS / "llm/gemma2.yaml").graph, Target(device="cuda")))


def test_attention_written_out(golden: Callable[[str, str], None]) -> None:
    golden("emit/written_out.py", source(spec(CASES["attention with a bound and a scale"])))


# --- layout


def test_ruff_would_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.passes.kernels.NARROWEST", 1)
    graphs = {name.replace("/", "_"): graphspec.load(SPECS / f"{name}.yaml").graph for name in GALLERY}
    graphs |= {f"case_{at}": graphspec.loads(spec(body)).graph for at, body in enumerate(CASES.values())}
    graphs |= {"pattern": graphspec.loads(PATTERN).graph, "nasty": graphspec.loads(NASTY).graph}
    for name, graph in graphs.items():
        for at, target in enumerate((CPU, Target(device="cuda"), replace(FUSED, objective=None, returns=None))):
            (tmp_path / f"{name}_{at}.py").write_text(emit(graph, target), encoding="utf-8")
    assert ruff("format", "--diff", folder=tmp_path) == ""
    assert ruff("check", "--select=E,F,W,B,PIE,RET,C4", "--ignore=RET504,RET505", folder=tmp_path) == ""


@settings(max_examples=40)
@given(strategies.specs())
def test_every_name_is_used(random: strategies.RandomSpec) -> None:
    """No constant, import, class or variable without a reader."""
    tree = ast.parse(source(random.text))
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    stored |= {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    stored |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - {"Random"}
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert stored <= loaded | {"_"}, random.text


def test_it_is_the_same_every_time() -> None:
    program = f"{EMITTING}print(emit(graphspec.loads({PATTERN!r}).graph, Target(device='cpu')), end='')"
    for seed in ("1", "2"):
        place = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program]
        run = subprocess.run(command, capture_output=True, text=True, check=True, env=place, timeout=60)
        assert run.stdout == source(PATTERN)


def test_writing_source_takes_no_torch() -> None:
    program = f"{EMITTING}emit(graphspec.loads({PATTERN!r}).graph, Target(device='cpu'))"
    assert house.loaded_by(program, {"torch"}) == set()


# --- names


NASTY = r"""graphspec: 1
name: transformer
title: "A \"quoted\" \\ title \"\"\" with traps"
params: {d: 8, t: 3, f: 2, model: 5, transformer: 7, nn: 6, lambda: 2}
axes: {B: batch, T: position, F: position}
inputs: {input: B T d, self: B F d, class: B T d, torch: int B T}
blocks:
  model_block:
    in: {x: B T d, F_: B F d}
    nodes: {forward: {op: linear, in: x, dim: d}, math: "mean(F_, F)"}
    out: forward + math
  Transformer:
    in: {x: B T d}
    nodes: {half: {op: linear, in: x, dim: d}}
    out: half * t
nodes:
  half: {op: linear, in: input, dim: d}
  type: {op: linear, in: half, dim: d}
  forward: {block: model_block, in: type, F_: self}
  Tensor: {block: Transformer, in: forward, repeat: 2}
  sum: Tensor + class * f + lambda * model + transformer + nn
  graph: {op: parameter, shape: d}
  capture: {op: embedding, in: torch, size: 20, dim: d}
  state_dict: {op: linear, in: sum, share: type}
  range: softmax(state_dict, T) + graph + capture
  len: {op: layer_norm, in: range, weight: none}
outputs: {class: len, _x: range, count: sum}
"""


def test_names_that_mean_something_to_python_or_torch(golden: Callable[[str, str], None]) -> None:
    golden("emit/nasty.py", source(NASTY))


def test_the_name_that_torch_cannot_spare() -> None:
    text = spec("inputs: {x: B T d}\nnodes: {training: {op: linear, in: x, dim: d}, out: training * 2}\n")
    with pytest.raises(graphspec.SpecError, match=r"reserved-name.*`training`"):
        source(text)


def is_foreign(name: str) -> bool:
    """Whether another package gave it to `nn.Module` on being imported, as `transformers` does."""
    return getattr(getattr(nn.Module, name, None), "__module__", "torch").split(".")[0] not in ("torch", "compiler")


def test_what_a_module_already_has_is_known() -> None:
    from compiler.runtime import Model

    public = {name for name in dir(Model()) if not name.startswith("_") and not is_foreign(name)}
    assert public - {"training"} <= MODULE_ATTRIBUTES | {"call_super_init", "dump_patches"}


def test_built_in_names_are_built_in() -> None:
    import builtins

    assert vars(builtins).keys() >= BUILTINS


def test_the_runtime_offers_what_code_may_use() -> None:
    import compiler.runtime

    assert sorted(compiler.runtime.__all__) == sorted(RUNTIME)


# --- kernels


def test_each_attention_says_what_computes_it() -> None:
    emitted = emit_source(graphspec.loads(PATTERN).graph, CPU)
    assert [(kernel.where, kernel.kernel, kernel.task) for kernel in emitted.kernels] == [
        ("LayersAttention", "SDPA, mask tensor", "causal & window(left=near)"),
        ("LayersAttention", "SDPA, mask tensor", "documents(document)"),
        ("LayersAttention2", "SDPA, is_causal or a mask tensor", "causal & real"),
    ]


def test_the_table_says_where_each_stands_and_what_the_source_says() -> None:
    emitted = emit_source(graphspec.load(SPECS / "llm/gemma2.yaml").graph, Target(device="cuda"))
    assert [(kernel.places, kernel.count) for kernel in emitted.kernels] == [
        (("layers.[0, 2, 4, … 40].attention.attend",), 21),
        (("layers.[1, 3, 5, … 41].attention.attend",), 21),
    ]
    remarks = " ".join(line.strip(" #") for line in emitted.text.splitlines() if line.strip().startswith("# "))
    for kernel in emitted.kernels:
        assert f"{kernel.kernel}: " in remarks and kernel.why in remarks


def test_a_kernel_that_is_asked_for_is_taken_or_refused() -> None:
    for kernel, said in {"sdpa": "# SDPA", "flex": "# flex", "explicit": "# written out"}.items():
        target = Target(device="cuda", kernel=kernel)  # pyright: ignore[reportArgumentType]
        text = emit(graphspec.load(SPECS / "llm/llama.yaml").graph, target)
        remarks = [line.strip() for line in text.splitlines() if line.strip().startswith(("# SDPA", "# flex", "# wr"))]
        assert remarks and all(line.startswith(said) for line in remarks)


REFUSED = {
    ("{op: attend, query: q, key: k, value: v, softcap: 2.0}", "sdpa"): "its scores are bounded.*`flex` or `explicit`",
    ("{op: attend, query: q, key: k, value: v, dropout: 0.5}", "flex"): "it drops weights.*`sdpa` or `explicit`",
    ("{op: attend, query: q, key: k, value: v, sink: sink}", "sdpa"): "it has a sink.*`flex` or `explicit`",
}


PACKED = "{op: attend, query: q, key: k, value: v, mask: MASK}"
UNPACKED = {
    "documents(ids) & real": "its mask is not of documents",
    "documents(ids) | causal": "its mask is not of documents",
    "documents(ids) & window(left=1) & window(left=2)": "its mask is not of documents",
    "documents(ids), dropout: 0.5": "it drops weights in training",
    "documents(ids), softcap: 2.0": "its scores are bounded",
}


@pytest.mark.parametrize("mask", UNPACKED)
def test_variable_lengths_are_refused_for_more_than_documents(mask: str) -> None:
    inputs = "inputs: {q: B T heads 16, k: B T heads 16, v: B T heads 16, ids: int B T, real: bool B T}"
    text = spec(f"{inputs}\nnodes:\n  out: {PACKED.replace('MASK', mask)}\n").replace("16", "(2 * d)")
    with pytest.raises(graphspec.SpecError, match=rf"(?s)`varlen` cannot.*{UNPACKED[mask]}"):
        source(text, Target(device="cuda", precision="bf16", kernel="varlen"))
    with pytest.raises(graphspec.SpecError, match=r"it computes in bf16 and fp16 alone"):
        source(text, Target(device="cuda", kernel="varlen"))


def test_all_windows_in_documents_share_their_bounds() -> None:
    inputs = "inputs: {q: B T heads 16, k: B T heads 16, v: B T heads 16, ids: int B T}".replace("16", "(2 * d)")
    near = PACKED.replace("MASK", "documents(ids) & window(left=3)")
    out = PACKED.replace("MASK", "documents(ids) & causal").replace("value: v", "value: near")
    text = spec(f"{inputs}\nnodes:\n  near: {near}\n  out: {out}\n")
    made = source(text, Target(device="cuda", precision="bf16", kernel="varlen"))
    assert made.count("bounds_of_documents(") == 1
    assert "window=(3, -1)" in made and "window=(-1, 0)" in made


@pytest.mark.parametrize(("node", "kernel"), REFUSED)
def test_a_kernel_that_cannot_is_refused_with_those_that_can(node: str, kernel: str) -> None:
    inputs = "inputs: {q: B T heads 16, k: B T heads 16, v: B T heads 16, sink: heads}".replace("16", "(2 * d)")
    if "sink:" not in node:
        inputs = inputs.replace(", sink: heads", "")
    text = spec(f"{inputs}\nnodes:\n  out: {node}\n")
    with pytest.raises(graphspec.SpecError, match=rf"(?s)kernel-not-exact.*`{kernel}` cannot.*{REFUSED[node, kernel]}"):
        source(text, Target(device="cuda", kernel=kernel))  # pyright: ignore[reportArgumentType]


def test_the_refusal_points_at_the_line_that_uses_the_block() -> None:
    with pytest.raises(graphspec.SpecError) as caught:
        source(PATTERN, Target(device="cpu", kernel="flex"))
    found = caught.value.diagnostics[0]
    line = next(at for at, line in enumerate(PATTERN.splitlines(), 1) if "attention: {block" in line)
    assert found.span is not None and found.span.line == line
    assert found.notes[0].span is not None and "attention.yaml" in found.notes[0].span.file.name


def test_a_mask_and_causality_are_never_given_together() -> None:
    for body in CASES.values():
        assert "attn_mask=mask, is_causal=True" not in source(spec(body)).replace("\n", " ")


def test_what_every_turn_gives_is_gathered_under_its_name() -> None:
    text = source("""graphspec: 1
axes: {B: batch, T: position}
inputs: {x: B T 4}
blocks: {b: {in: {y: B T 4}, nodes: {f: {op: linear, in: y, dim: 4}, loss: "mean(mean(mean(f, 4), T), B)"}, out: {f: f, loss: loss}}}
nodes: {layers: {block: b, in: x, repeat: 3}}
outputs: {y: layers, loss: layers.loss}
""")
    assert "layers, layers_loss_turn = layer(layers)" in text
    assert "layers_loss_turns.append(layers_loss_turn)" in text
