"""The examples of a run as numbers: files read, held out, vocabularies built, every text encoded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compiler.train import vocabulary
from compiler.train.batches import Dataset, Pairs, Ragged, Windows, targets
from compiler.train.data import Example, Examples, Faults, Field, format_of, open_text, read_examples
from compiler.train.recipe import LONGEST, Recipe
from compiler.train.tasks import Task, output_size
from compiler.train.vocabulary import Labels, Vocabulary
from graphspec.diagnostics import File, Report, Span, nearest

Vocabularies = Mapping[str, Vocabulary | Labels]
"""By the size that bounds their numbers: `vocab`, `labels`."""


@dataclass(frozen=True)
class Corpus:
    """What a run learns from and is measured on, with the vocabularies that number it."""

    task: Task
    vocabularies: Vocabularies
    train: Dataset
    validation: Dataset | None
    test: Dataset | None

    @property
    def source(self) -> Vocabulary:
        return tokens_of(self.vocabularies, str(self.task.source.below))

    @property
    def output(self) -> Vocabulary | Labels:
        return self.vocabularies[str(output_size(self.task))]


def tokens_of(vocabularies: Vocabularies, size: str) -> Vocabulary:
    found = vocabularies[size]
    assert isinstance(found, Vocabulary), "inputs are numbered by vocabularies, never by labels"
    return found


def resolved(
    recipe: Recipe, task: Task, positions: int | None, report: Report, kept: Vocabularies | None = None
) -> Recipe:
    """The recipe with the defaults that depend on the task, and on the spec's `positions` (None: any number).

    `kept`: the vocabularies that come with the weights; their tokens are what a token is.
    """
    tokens, longest = recipe.vocabulary, recipe.batch.longest or positions or LONGEST
    if positions is not None and longest > positions:
        message = f"the spec has {positions} positions, but examples may be {longest} tokens long"
        report.error("too-long", message, recipe.span("batch.longest"), help=f"say `longest: {positions}`")
    of = tokens.of or ("words" if task.name == "labelling" else "characters")
    with_weights = next((it.unit for it in (kept or {}).values() if isinstance(it, Vocabulary)), of)
    if tokens.of is not None and with_weights != of:
        message = f"the weights were trained on {with_weights}, not on {of}"
        report.error("contradiction", message, recipe.span("vocabulary.of"), help="leave `of` out")
    of = with_weights
    if of == "tokens" and not kept:
        message, help = "there are no weights whose tokens these could be", "say `of: characters`, `words` or `bytes`"
        report.error("contradiction", message, recipe.span("vocabulary.of"), help=help)
    unknown = tokens.unknown or ("replace" if of == "words" else "error")
    tokens, batch = replace(tokens, of=of, unknown=unknown), replace(recipe.batch, longest=longest)
    return replace(recipe, task=task.name, vocabulary=tokens, batch=batch)


def gather(recipe: Recipe, task: Task, report: Report, kept: Vocabularies | None = None) -> Corpus | None:
    """Read and number everything that a resolved recipe names. Reports every fault and returns None if any.

    `kept`: vocabularies that come with the weights; the data makes the others.
    """
    if recipe.vocabulary.least > 1 and recipe.vocabulary.unknown == "error":
        message = "`least` leaves rare tokens out of the vocabulary, but such tokens are errors"
        place = recipe.span("vocabulary.least")
        report.error("contradiction", message, place, help="say `unknown: replace`, or `least: 1`")
    how = _gather_text if task.name == "language_model" else _gather_pairs
    return how(recipe, task, kept or {}, report)


def check_files(recipe: Recipe, report: Report) -> None:
    """Report data files that cannot be read, where the spec's own faults keep us from asking for more."""
    for name, path in recipe.data.files.items():
        open_text(path, report, recipe.span(f"data.{name}"))


# -- pairs -------------------------------------------------------------------------------------------------------------


def _gather_pairs(recipe: Recipe, task: Task, kept: Vocabularies, report: Report) -> Corpus | None:
    data = recipe.data
    read = {
        name: read_examples(path, data, report, recipe.span(f"data.{name}")) for name, path in recipe.data.files.items()
    }
    train = read["train"]
    if train is None or None in read.values():
        return None
    parts = {name: examples for name, examples in read.items() if examples}
    vocabularies = {**_number_pairs(recipe, task, train), **kept}
    if isinstance(data.validation, float):
        parts["train"], held = _hold_out(train, data.validation, recipe.seed)
        parts |= {"validation": held} if held.rows else {}
    encoder = _Encoder(recipe, task, vocabularies, report)
    made = {name: encoder.encode(examples) for name, examples in parts.items()}
    if report.failed:
        return None
    return Corpus(task, vocabularies, made["train"], made.get("validation"), made.get("test"))


def _number_pairs(recipe: Recipe, task: Task, train: Examples) -> Vocabularies:
    """One vocabulary for each size that bounds inputs, and the labels if there are any."""
    texts: dict[str, list[str]] = {str(task.source.below): [row.input.text for row in train.rows]}
    wanted = [row.output.text for row in train.rows]
    found: dict[str, Vocabulary | Labels] = {}
    if task.target:
        texts.setdefault(str(task.target.below), []).extend(wanted)
    elif task.name == "classification":
        found[str(task.choices)] = vocabulary.collect(wanted)
    else:
        found[str(task.choices)] = vocabulary.collect(label for text in wanted for label in text.split())
    unit = recipe.vocabulary.of or "characters"
    return {size: vocabulary.build(unit, them, recipe.vocabulary.least) for size, them in texts.items()} | found


def _hold_out(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """Two parts, chosen by chance; at least one example is held out if any share is asked for."""
    count = len(examples.rows)
    held = min(count - 1, max(1, round(count * share))) if share else 0
    order = np.random.default_rng((seed, count)).permutation(count)
    parts = (np.sort(order[held:]), np.sort(order[:held]))
    kept, out = (tuple(examples.rows[place] for place in part) for part in parts)
    return replace(examples, rows=kept), replace(examples, rows=out)


class _Encoder:
    """Turns the examples of files into numbers, and reports those that have none."""

    def __init__(self, recipe: Recipe, task: Task, vocabularies: Vocabularies, report: Report) -> None:
        self.recipe, self.task, self.vocabularies, self.report = recipe, task, vocabularies, report
        self.source = tokens_of(vocabularies, str(task.source.below))
        self.output = vocabularies[str(output_size(task))]
        self.longest = recipe.batch.longest or LONGEST

    def encode(self, examples: Examples) -> Pairs:
        faults = Faults(examples.file)
        if self.recipe.vocabulary.unknown == "error":
            self.report_unknown(examples, faults)
        rows = [(self.source.encode_whole(row.input.text), self.answer(row, faults)) for row in examples.rows]
        faults.report(self.report)
        kept = [row for row in rows if max(len(row[0]), len(row[1]) + 2) <= self.longest]
        self.report_long(examples, len(rows) - len(kept), not kept)
        inputs, outputs = [row[0] for row in kept], [row[1] for row in kept]
        wanted = targets(outputs, self.task.target.marks) if self.task.target else Ragged.of(outputs)
        return Pairs(self.task, Ragged.of(inputs), wanted)

    def report_unknown(self, examples: Examples, faults: Faults) -> None:
        inputs, outputs = ([getattr(row, name) for row in examples.rows] for name in ("input", "output"))
        if self.output is self.source:
            report_unknown([*inputs, *outputs], self.source, faults)
        else:
            report_unknown(inputs, self.source, faults)
            if isinstance(self.output, Vocabulary):
                report_unknown(outputs, self.output, faults)

    def answer(self, row: Example, faults: Faults) -> np.ndarray:
        if isinstance(self.output, Vocabulary):
            return self.output.encode(row.output.text)
        found = encode_labels(row.output, self.task.name == "labelling", self.output, faults)
        tokens = len(self.source.encode_whole(row.input.text))
        if self.task.name == "labelling" and len(found) != tokens:
            message = f"there are {tokens} {self.source.unit} but {len(found)} labels"
            faults.add("label-count", message, row.output.span(faults.file), help="every token needs one label")
        return found

    def report_long(self, examples: Examples, count: int, all_of_them: bool) -> None:
        if not count:
            return
        which = f"{count} of {len(examples.rows)} examples of `{examples.file.name}`"
        message, place = f"{which} are left out: longer than {self.longest} tokens", self.recipe.span("batch.longest")
        tell = self.report.error if all_of_them else self.report.warning
        tell("too-long", message, place, help="raise `batch: {longest: …}`")


def encode_labels(field: Field, many: bool, labels: Labels, faults: Faults) -> np.ndarray:
    """The numbers of one label, or of those separated by spaces (int32). Reports unknown ones."""
    places = [(it[0], it.start()) for it in re.finditer(r"\S+", field.text)] if many else [(field.text, 0)]
    for name, place in places:
        if name not in labels.numbers:
            near = nearest(name, labels.names)
            help = f"did you mean `{near}`?" if near else f"the labels are those of {labels.origin}"
            message = f"the label `{name}` is not in {labels.origin}"
            faults.add("unknown-label", message, field.span(faults.file, place, len(name)), help=help)
    return np.array([labels.numbers.get(name, 0) for name, _ in places], np.int32)


def report_unknown(fields: Iterable[Field], known: Vocabulary, faults: Faults) -> None:
    """Report every token that the vocabulary does not hold, once, where it first stands."""
    first: dict[str, Span] = {}
    counts: dict[str, int] = {}
    for field in fields:
        if known.marks.unknown not in known.encode(field.text):
            continue
        for token, place in known.unknown(field.text):
            first.setdefault(token, field.span(faults.file, place, len(token)))
            counts[token] = counts.get(token, 0) + 1
    for token, span in first.items():
        label = f"the first of {counts[token]}" if counts[token] > 1 else ""
        shown = token if token.isprintable() else f"U+{ord(token[0]):04X}"
        held = f"{len(known.tokens)} {known.unit}" if known.tokens else known.unit
        message = f"`{shown}` is not in the vocabulary, which holds the {held} of {known.origin}"
        help = "add examples with it to the training data, or say `vocabulary: {unknown: replace}`"
        if known.origin != vocabulary.DATA:
            help = "say `vocabulary: {unknown: replace}`, or start what it numbers anew by `weights: {fresh: […]}`"
        faults.add("unknown-token", message, span, label=label, help=help)


# -- text --------------------------------------------------------------------------------------------------------------


def _gather_text(recipe: Recipe, task: Task, kept: Vocabularies, report: Report) -> Corpus | None:
    data = recipe.data
    files = dict(_texts(recipe, recipe.data.files, report))
    if report.failed:
        return None
    unit = recipe.vocabulary.of or "characters"
    size = str(task.source.below)
    known = tokens_of(kept, size) if size in kept else None
    known = known or vocabulary.build(unit, [files["train"].text], recipe.vocabulary.least)
    streams = {name: _stream(file, known, recipe, report) for name, file in files.items()}
    if isinstance(data.validation, float) and data.validation:
        cut = max(2, round(len(streams["train"]) * (1 - data.validation)))
        streams["train"], streams["validation"] = streams["train"][:cut], streams["train"][cut:]
    long_enough = {name: stream for name, stream in streams.items() if len(stream) > 1}
    made = {name: _windows(task, stream, recipe.batch.longest or LONGEST) for name, stream in long_enough.items()}
    if report.failed or "train" not in made:
        return None
    return Corpus(task, {size: known}, made["train"], made.get("validation"), made.get("test"))


def _texts(recipe: Recipe, named: Mapping[str, Path], report: Report) -> Iterator[tuple[str, File]]:
    for name, path in named.items():
        asked = recipe.span(f"data.{name}")
        kind, file = format_of(path, recipe.data, report, asked), open_text(path, report, asked)
        if kind not in ("text", None):
            help = "say `format: text` to read the file as it is"
            report.error("wrong-format", "a language model learns from plain text", asked, help=help)
        if file:
            yield name, file


def _stream(file: File, known: Vocabulary, recipe: Recipe, report: Report) -> np.ndarray:
    """The text as one row of tokens with END behind it."""
    tokens = known.encode(file.text)
    if recipe.vocabulary.unknown == "error" and known.marks.unknown in tokens:
        faults = Faults(file)
        report_unknown((Field(line, number, 1) for number, line in enumerate(file.text.split("\n"), 1)), known, faults)
        faults.report(report)
    return np.append(tokens, np.int32(known.marks.end)) if known.marks.end >= 0 else tokens


def _windows(task: Task, tokens: np.ndarray, longest: int) -> Windows:
    return Windows(task, tokens, min(longest, len(tokens)) - 1)
