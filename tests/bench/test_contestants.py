"""The contestants are what they say: models of the same size, and the hand-written ones compute the same function."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor

from compiler.bench.batches import batches
from compiler.bench.contestants import Name, Unsuited, build
from compiler.bench.job import Job
from tests.bench import handwritten, hugging_face, torch_nn

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SMALL = {"d_model": "16", "heads": "4", "vocab": "50"}
JOBS = {
    "gpt2": Job(
        name="g",
        spec=str(ROOT / "specs/llm/gpt2.yaml"),
        at={"B": 2, "T": 8},
        set={**SMALL, "depth": "2", "longest": "8", "drop": "0"},
        like="gpt2",
    ),
    "llama": Job(
        name="l",
        spec=str(ROOT / "specs/llm/llama.yaml"),
        at={"B": 2, "T": 8},
        set={**SMALL, "depth": "2", "kv_heads": "2", "d_ff": "24"},
        like="llama",
    ),
    "encoder_decoder": Job(
        name="e",
        spec=str(ROOT / "specs/transformer.yaml"),
        at={"B": 2, "S": 7, "T": 8},
        set={**SMALL, "layers": "2", "drop": "0"},
        like="encoder_decoder",
    ),
}


@pytest.mark.parametrize("like", JOBS)
@pytest.mark.parametrize("adapter", [handwritten, torch_nn, hugging_face], ids=lambda it: it.__name__.split(".")[-1])
def test_models_are_of_the_same_size_and_begin_alike(like: str, adapter: object) -> None:
    job = JOBS[like]
    path = Path(str(adapter.__file__))  # pyright: ignore[reportAttributeAccessIssue]
    ours = build(Name.parse("emitted"), job, "eager", 0)  # pyright: ignore[reportArgumentType]
    batch = batches(job, 0)[0]
    try:
        theirs = build(Name(str(path), "off"), job, "eager", 0)
    except Unsuited as unsuited:
        assert like == "llama" and adapter is torch_nn and "llama" in str(unsuited)
        return
    extra = 4 * 16 if (like, adapter) == ("encoder_decoder", torch_nn) else 0  # a norm more at the end of each stack
    assert theirs.parameters - ours.parameters == extra
    assert ours.loss(batch).item() == pytest.approx(math.log(50), rel=0.15)
    assert theirs.loss(batch).item() == pytest.approx(ours.loss(batch).item(), rel=0.15)


def merged(state: dict[str, Tensor], path: str, parts: str) -> Tensor:
    kind = path.rpartition(".")[2]
    return torch.cat([state[path.replace(f"*.{kind}", f"{part}.{kind}")] for part in parts.split()])


def renamed(like: str, name: str, state: dict[str, Tensor]) -> Tensor:
    """The tensor of the emitted model that a tensor of the hand-written one is, or the parts that it is made of."""
    if name in state:
        return state[name]
    layer, _, rest = name.rpartition("attention.") if "attention." in name else name.rpartition("cross.")
    if name.startswith("decoder."):
        kind = "self_attention" if "attention." in name else "cross_attention"
    else:
        kind = "attention"
    owner, _, what = rest.rpartition(".")
    parts = {"qkv": "q k v", "kv": "k v", "out": "o", "q": "q"}
    if layer and owner in parts:
        return merged(state, f"{layer}{kind}.*.{what}", parts[owner])
    head, _, last = name.rpartition(".")
    stem, _, owner = head.rpartition(".")
    if owner == "gate_up":
        return merged(state, f"{stem}.ffn.*.{last}", "gate up")
    if owner in ("up", "down"):
        return state[f"{stem}.ffn.{owner}.{last}"]
    norms = {"norm1": "attention_norm", "norm2": "ffn_norm"}
    if like == "llama" and owner in norms:
        return state[f"{stem}.{norms[owner]}.{last}"]
    return state[{"embedding.weight": "source_embedding.weight", "head.weight": "logits.weight"}[name]]


@pytest.mark.parametrize("like", JOBS)
def test_the_handwritten_models_compute_the_same(like: str) -> None:
    """With the emitted model's weights, the loss and the gradients are the emitted model's."""
    job = JOBS[like]
    ours = build(Name.parse("emitted"), job, "eager", 0)  # pyright: ignore[reportArgumentType]
    theirs = build(Name(str(HERE / "handwritten.py"), "off"), job, "eager", 0)
    state = dict(ours.model.named_parameters())
    with torch.no_grad():
        for name, tensor in theirs.model.named_parameters():
            tensor.copy_(renamed(like, name, state))  # pyright: ignore[reportArgumentType]
    batch = batches(job, 0)[0]
    losses = [it.loss(batch) for it in (ours, theirs)]
    torch.testing.assert_close(*losses)
    for loss in losses:
        loss.backward()
    tables = [next(p.grad for n, p in it.model.named_parameters() if "embedding" in n) for it in (ours, theirs)]
    torch.testing.assert_close(*tables)


@pytest.mark.parametrize("package", ["x_transformers", "litgpt"])
def test_a_package_that_is_not_there_leaves_its_contestant_out(package: str) -> None:
    if find_spec(package):
        pytest.skip("it is there")
    with pytest.raises(Unsuited, match=f"`{package}` is not installed"):
        build(Name(str(HERE / f"{package}_models.py"), "off"), JOBS["llama"], "eager", 0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("emitted", "emitted"),
        ("emitted@off", "emitted"),
        ("emitted@blocks", "emitted@blocks"),
        ("emitted@whole,fusion=plain", "emitted@whole,fusion=plain"),
        ("models/mine.py@whole", "mine@whole"),
        ("models/mine.py", "mine"),
        ("mine", None),
        ("emitted@twice", None),
        ("mine.py@off,fusion=plain", None),
    ],
)
def test_names_of_contestants(text: str, shown: str | None) -> None:
    name = Name.parse(text)
    assert (str(name) if name else None) == shown


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's own, while tracing
def test_turns_of_others_are_compiled_too() -> None:
    made = build(Name(str(HERE / "handwritten.py"), "blocks"), JOBS["gpt2"], "eager", 0)
    made.loss(batches(JOBS["gpt2"], 0)[0]).backward()
    assert (made.graphs, made.regions) == (1, 1)


def test_batches_are_the_same_for_all_and_hold_labels() -> None:
    job = JOBS["gpt2"]
    first, again = batches(job, 0), batches(job, 0)
    assert all(torch.equal(a["tokens"], b["tokens"]) for a, b in zip(first, again, strict=True))
    assert first[0]["tokens"].shape == (2, 8) and not torch.equal(first[0]["tokens"], first[1]["tokens"])
    text, goal = ROOT / "docs/benchmarks/packed.yaml", "next_token(logits, tokens)"
    packed = batches(Job(name="p", spec=str(text), at={"B": 2, "T": 8}, set={"vocab": "9"}, objective=goal), 0)[0]
    assert packed["document"].tolist() == [[0, 0, 1, 1, 2, 2, 3, 3]] * 2
