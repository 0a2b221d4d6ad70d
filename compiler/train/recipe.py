"""What a training run is made of. Every key of a recipe, its meaning and its default stand in this file.

Paths are relative to the recipe's folder, so that a recipe can be moved together with what it names; those given as
flags are relative to the working directory. Numbers are expressions: `3e-4`, `4 * 32`.
"""

# ruff: noqa: RUF009 # `setting` and `section` make fields, as `dataclasses.field` does
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from compiler.train.reading import (
    INVALID,
    Reading,
    amount,
    column,
    fill,
    fraction_or_path,
    key_of,
    number,
    numbers,
    optional_path,
    optional_text,
    path,
    rules,
    section,
    setting,
    settings,
    texts,
    whole,
    word,
)
from compiler.train.vocabulary import Unit
from graphspec import source
from graphspec.diagnostics import File, Report, Span
from graphspec.source import Map, Scalar

TaskName = Literal["seq2seq", "language_model", "classification", "labelling"]
Format = Literal["tsv", "jsonl", "text", "conll"]

LONGEST = 256

# The metrics of each task; the first is the default.
METRICS: Mapping[TaskName, tuple[str, ...]] = {
    "seq2seq": ("exact_match", "perplexity"),
    "language_model": ("perplexity", "accuracy"),
    "classification": ("accuracy", "perplexity"),
    "labelling": ("accuracy", "exact_match", "perplexity"),
}


@dataclass(frozen=True, kw_only=True)
class Data:
    """The files to learn from."""

    train: Path = setting("the file to learn from", path)
    validation: Path | float = setting(
        "the file to measure on while training, or the share of the training data held out", fraction_or_path, 0.1
    )
    test: Path | None = setting("a file to measure on once, at the end", optional_path, None)
    format: Format | None = setting(
        "how the files are written (by default as their names end: .tsv, .jsonl, .txt, .conll)",
        word("tsv", "jsonl", "text", "conll"),
        None,
    )
    input: int | str = setting(
        "the column of the input: its number from 1, its name in the header line, or the key in JSONL", column, 1
    )
    output: int | str = setting("the column of the wanted output, likewise", column, 2)

    @property
    def files(self) -> dict[str, Path]:
        """The files by the keys that name them."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: path for name, path in named.items() if isinstance(path, Path)}


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """How text becomes numbers."""

    of: Unit | None = setting(
        "what a token is (by default words for labelling, else characters); `tokens` come with the weights",
        word("characters", "words", "bytes", "tokens"),
        None,
    )
    least: int = setting("how often a token must occur in the training data to be known", whole(1), 1)
    unknown: Literal["error", "replace"] | None = setting(
        "what to do with a token outside the vocabulary (by default an error for characters, replaced for words)",
        word("error", "replace"),
        None,
    )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How many examples make a step, and which."""

    size: int = setting("examples a step", whole(1), 64)
    longest: int | None = setting(
        f"tokens: longer examples are left out, and a language model reads windows of this many (by default as many as "
        f"the spec has positions, {LONGEST} if it has any number)",
        whole(2),
        None,
    )
    bucket: int = setting("batches among which examples are sorted by length, to save padding; 1: none", whole(1), 16)


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """AdamW. Matrices decay, vectors (biases, norms) do not."""

    lr: float = setting("the highest learning rate", number(above=0), 1e-3)
    betas: tuple[float, float] = setting("decay of the two running means", numbers(2, low=0, below=1), (0.9, 0.98))
    eps: float = setting("added to the denominator", number(above=0), 1e-9)
    weight_decay: float = setting("decoupled decay, per unit of learning rate", number(low=0), 0.01)
    clip: float = setting("the greatest norm of the gradient; 0: no clipping", number(low=0), 1.0)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How the learning rate moves."""

    warmup: int = setting("steps of linear increase at the start", whole(0), 100)
    then: Literal["cosine", "linear", "constant", "inverse_sqrt"] = setting(
        "what follows: to zero at the last step along a cosine or a line, the same, or falling with 1 / sqrt(step)",
        word("cosine", "linear", "constant", "inverse_sqrt"),
        "cosine",
    )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How the model is measured."""

    every: int = setting("steps between measurements, and between checkpoints", whole(1), 200)
    metric: str | None = setting(
        "what is measured (by default the task's own)", word("exact_match", "accuracy", "perplexity"), None
    )
    examples: int = setting("validation examples used while training; at the end all are", whole(1), 500)
    show: int = setting("answers shown at each measurement", whole(0), 3)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What the model starts from, where it does not start from chance."""

    source: Path | None = setting(
        "trained weights to begin with: a safetensors file, a folder with one, or a run folder",
        optional_path,
        None,
        key="from",
    )
    map: str | None = setting(
        "which of the spec's checkpoint maps they are laid out by (by default the spec's own names)",
        optional_text,
        None,
    )
    fresh: tuple[str, ...] = setting("patterns of tensors that start anew, not from the file", texts, ())
    ignore: tuple[str, ...] = setting("patterns of tensors of the file that are left", texts, ())


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run, all of it: the same recipe on the same machine gives the same model."""

    spec: Path = setting("the model", path)
    set: Mapping[str, str] = setting("values for the spec's parameters", settings, {})
    task: TaskName | None = setting(
        "what is learnt (by default what the spec's inputs and outputs suggest)", word(*METRICS), None
    )
    data: Data = section(Data, "the files to learn from")
    vocabulary: Tokens = section(Tokens, "how text becomes numbers")
    weights: Weights = section(Weights, "what the model starts from")
    trainable: Mapping[str, bool] = setting(
        "pattern of names → whether those tensors learn; later patterns win", rules, {}
    )
    batch: Batch = section(Batch, "how many examples make a step, and which")
    optimiser: Optimiser = section(Optimiser, "AdamW")
    schedule: Schedule = section(Schedule, "how the learning rate moves")
    steps: int = setting("steps of training", whole(1), 1000)
    evaluation: Evaluation = section(Evaluation, "how the model is measured")
    smoothing: float = setting("share of the target spread evenly over all tokens", number(low=0, below=1), 0.0)
    precision: Literal["fp32", "tf32", "bf16"] = setting(
        "of the products; weights are fp32 (tf32: on CUDA alone)", word("fp32", "tf32", "bf16"), "fp32"
    )
    seed: int = setting("of weights, order and dropout", whole(0), 0)
    device: Literal["auto", "cpu", "cuda"] = setting("`auto`: cuda if there", word("auto", "cpu", "cuda"), "auto")
    threads: int = setting("of the processor; 0: as many as torch takes", whole(0), 0)
    compile: Literal["off", "blocks", "whole"] = setting(
        "whether torch.compile takes the repeated blocks or the whole model", word("off", "blocks", "whole"), "off"
    )
    fusion: Literal["fused", "plain"] = setting(
        "whether what is quicker together is computed together; the same numbers but for rounding",
        word("fused", "plain"),
        "fused",
    )
    memory: str | None = setting(
        "what a step may take, `16GB`: layers are computed again rather than kept until the longest batch fits",
        amount,
        None,
    )
    run: Path | None = setting(
        "the folder to write (by default `runs/` and the recipe's name, in the working directory)", optional_path, None
    )
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    def span(self, key: str) -> Span | None:
        """Where a key such as `data.train` is set, else where the nearest key around it is."""
        while key not in self.spans and "." in key:
            key = key.rpartition(".")[0]
        return self.spans.get(key)


# What may differ when a run is resumed: it moves nothing, or no more than the order of a sum.
FREE = ("run", "device", "threads", "compile", "fusion", "memory", "evaluation.show")


NAMING = ("set", "trainable")
"""Sections whose keys are names with dots of their own."""


# -- reading -----------------------------------------------------------------------------------------------------------


def load(path: str | os.PathLike[str], report: Report, changes: Mapping[str, str] | None = None) -> Recipe | None:
    """Read a recipe; `changes` (`{"batch.size": "32"}`) override its keys. Reports every fault; None if any."""
    read = source.read(path, report)
    if read is None:
        return None
    reading = Reading(report, {}, read.file, Path(path).parent)
    return _fill(_changed(read.root, changes or {}), reading, Path(path).stem)


def from_flags(spec: str | os.PathLike[str], changes: Mapping[str, str], report: Report) -> Recipe | None:
    """A recipe made of flags alone: `{"data.train": "pairs.tsv", "set.layers": "2"}`; all else has its default."""
    nothing = Map((), Span(File("command line", ""), 1, 1, 1, 1))
    root = _changed(nothing, {"spec": os.fspath(spec), **changes})
    return _fill(root, Reading(report, {}, nothing.span.file, Path()), Path(spec).stem)


def is_recipe(path: str | os.PathLike[str], report: Report) -> bool:
    """Whether a file is a recipe rather than a spec: it names one, or data to learn from."""
    read = source.read(path, report)
    return read is not None and any(read.root.get(key) is not None for key in ("spec", "data"))


def _fill(root: Map, reading: Reading, name: str) -> Recipe | None:
    found = fill(Recipe, root, reading)
    if found is INVALID:
        return None
    return replace(found, run=found.run or Path("runs") / name, spans=reading.spans)


def _changed(root: Map, changes: Mapping[str, str]) -> Map:
    """The map with the values at dotted keys replaced; their places are those on the command line."""
    line = " ".join(f"{key}={value}" for key, value in changes.items())
    file, offset = File("command line", line), 1
    for key, value in changes.items():
        key_span = Span(file, 1, offset, 1, offset + len(key))
        value_span = Span(file, 1, offset + len(key) + 1, 1, offset + len(key) + 1 + max(1, len(value)))
        root = _with(root, key.split("."), Scalar(value, value_span, "plain"), key_span)
        offset += len(key) + len(value) + 2
    return root


def _with(owner: Map, keys: list[str], value: Scalar, key_span: Span) -> Map:
    first, rest = keys[0], keys[1:]
    rest = [".".join(rest)] if first in NAMING and rest else rest
    inner = owner.get(first)
    item = _with(inner if isinstance(inner, Map) else Map((), key_span), rest, value, key_span) if rest else value
    kept = tuple((key, old) for key, old in owner.entries if key.text != first)
    return replace(owner, entries=(*kept, (Scalar(first, key_span, "plain"), item)))


# -- writing -----------------------------------------------------------------------------------------------------------


def text(recipe: Recipe, folder: Path) -> str:
    """The recipe as YAML with every default written out, to stand in `folder`."""
    import yaml

    written = _plain(recipe, folder)
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def _plain(value: Any, folder: Path) -> Any:
    if is_dataclass(value):
        kept = {key_of(it): getattr(value, it.name) for it in fields(value) if "read" in it.metadata}
        written = {name: _plain(item, folder) for name, item in kept.items() if item is not None}
        return {name: item for name, item in written.items() if item not in ({}, [])}
    if isinstance(value, Path):
        return Path(os.path.relpath(value, folder)).as_posix()
    if isinstance(value, Mapping):
        return {name: _plain(item, folder) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def differences(old: Recipe, new: Recipe) -> list[str]:
    """The keys in which two recipes differ, those left out that may."""
    before, after = dict(_flat(old)), dict(_flat(new))
    return [key for key in before | after if before.get(key) != after.get(key) and key not in FREE]


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for it in fields(value):
        item = getattr(value, it.name)
        if is_dataclass(item):
            yield from _flat(item, f"{prefix}{key_of(it)}.")
        elif "read" in it.metadata:
            yield f"{prefix}{key_of(it)}", _comparable(item)


def _comparable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return list(value.items())  # of rules the later ones win
    return value.resolve() if isinstance(value, Path) else value


def describe() -> list[tuple[str, str, str]]:
    """Every key with its default and meaning, for documentation."""
    return list(_described(Recipe))


def _described(form: type, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for it in fields(form):
        if "form" in it.metadata:
            yield from _described(it.metadata["form"], f"{prefix}{key_of(it)}.")
        elif "read" in it.metadata:
            default = "required" if it.default is MISSING and it.default_factory is MISSING else it.default
            written = "" if default in (None, MISSING, ()) else str(default)
            yield f"{prefix}{key_of(it)}", written, it.metadata["about"]
