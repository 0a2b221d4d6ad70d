"""Strict accounting: every tensor of a file is used, aliased or ignored, and every tensor of the model is set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch

from compiler.checkpoint.reading import Weights
from graphspec.checkpoints import CheckpointMap, FileTensor, Layout, Line, Use, listed
from graphspec.diagnostics import Note, Report, display_name, nearest


@dataclass(frozen=True, slots=True)
class Taken:
    """A tensor of the model and the names under which the file has it."""

    use: Use
    names: tuple[str, ...]
    stacked: bool


@dataclass(frozen=True, slots=True)
class Exempt:
    """What need not come out: `fresh` tensors of the model, and those of the file that fit a pattern of `left`.

    `missing` and `unused` say how others can be exempted.
    """

    fresh: Collection[str] = ()
    left: tuple[str, ...] = ()
    missing: str = "is it the checkpoint of this model?"
    unused: str = ""


def fits(pattern: str, name: str) -> bool:
    """Whether a pattern is the name of a tensor, or of something that it lies in."""
    steps = name.split(".")
    return any(fnmatchcase(".".join(steps[: count + 1]), pattern) for count in range(len(steps)))


def account(layout: Layout, weights: Weights, report: Report, exempt: Exempt = Exempt()) -> list[Taken]:
    """Where every tensor of the model is in a file. Reports everything that does not come out."""
    patterns = [*layout.map.ignore, *exempt.left]
    taken: list[Taken] = []
    spared: set[str] = set()
    missing: dict[Line, list[str]] = {}
    misshapen: dict[Line, list[str]] = {}
    for tensor in layout.tensors:
        for use in tensor.uses:
            names = next((names for names in use.names if all(name in weights for name in names)), None)
            if use.path in exempt.fresh:
                spared |= set(names or ())
                continue
            if names is None:
                missing.setdefault(use.line, []).extend(n for n in use.names[0] if n not in weights)
                continue
            taken.append(Taken(use, names, tensor.stacked))
            wrong = _wrong_shapes(tensor, names, weights)
            misshapen.setdefault(use.line, []).extend(wrong)
    used = spared | {name for each in taken for name in each.names}
    used |= _aliased(layout.map, used, weights, report)
    ignored = {name for name in weights if any(fits(pattern, name) for pattern in patterns)}
    unused = [name for name in weights if name not in used | ignored]
    _report_missing(missing, unused, layout.map, weights, exempt, report)
    _report_shapes(misshapen, layout.map, report)
    _report_unused(unused, layout, weights, exempt, report)
    return taken


def _wrong_shapes(tensor: FileTensor, names: Iterable[str], weights: Weights) -> list[str]:
    wanted = tensor.each
    found = [(name, weights.entries[name].shape) for name in names]
    return [f"`{name}` is {_shape(shape)}, not {_shape(wanted)}" for name, shape in found if shape != wanted]


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"


# -- aliases -----------------------------------------------------------------------------------------------------------


def _aliased(given: CheckpointMap, used: set[str], weights: Weights, report: Report) -> set[str]:
    """Second names that the file holds too. Reports those whose tensors are not the same."""
    found: set[str] = set()
    for alias in given.aliases:
        names = [name for name in alias.names if name in weights and name not in used]
        owner = next((name for name in alias.owners if name in used), None)
        found |= set(names)
        for name in names:
            if owner is not None and not torch.equal(weights.read(name), weights.read(owner)):
                message = f"`{name}` is not the same as `{owner}`, whose second name it should be"
                help = "the model of this file does not share them: give each a node of its own"
                report.error("alias-differs", message, alias.span, help=help)
    return found


# -- reports -----------------------------------------------------------------------------------------------------------


def _report_missing(
    missing: Mapping[Line, list[str]],
    unused: Iterable[str],
    given: CheckpointMap,
    weights: Weights,
    exempt: Exempt,
    report: Report,
) -> None:
    free = list(unused)
    for line, names in missing.items():
        unique = list(dict.fromkeys(names))
        notes = [Note(f"`{name}`") for name in listed(unique)]
        count = "a tensor" if len(unique) == 1 else f"{len(unique)} tensors"
        reader = "this line reads" if given.name else "the model has"
        message = f"`{display_name(weights.place)}` lacks {count} that {reader}"
        near = nearest(unique[0], free)
        help = f"the file has `{near}`, which nothing reads" if near else ""
        help = "; ".join(filter(None, (help, exempt.missing if not near or exempt.unused else "")))
        report.error("missing-tensor", message, line.span, notes=notes, help=help)


def _report_shapes(misshapen: Mapping[Line, list[str]], given: CheckpointMap, report: Report) -> None:
    for line, wrong in misshapen.items():
        if wrong:
            notes = [Note(text) for text in dict.fromkeys(wrong)]
            owner = "this line" if given.name else "the model"
            message = f"the tensors of {owner} have other shapes in the file: {notes[0].message}"
            help = "set the sizes of the spec to the checkpoint's, by `--set` or from its configuration"
            report.error("tensor-shape", message, line.span, notes=notes[1:], help=help)


def _report_unused(unused: list[str], layout: Layout, weights: Weights, exempt: Exempt, report: Report) -> None:
    if not unused:
        return
    notes = [Note(f"`{name}`") for name in listed(unused)]
    count = "a tensor" if len(unused) == 1 else f"{len(unused)} tensors"
    message = f"`{display_name(weights.place)}` holds {count} that nothing reads"
    help = "give it a line in the map, or name it under `ignore:`" if layout.map.name else "is it this model's?"
    report.error("unused-tensor", message, layout.map.span, notes=notes, help=exempt.unused or help)
