"""Who computes the step: the emitted model in one of its forms, or a model of others that an adapter builds."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from compiler.bench.job import Job
from compiler.build import compile
from compiler.build.compilation import Counted
from compiler.target import Target
from graphspec import load
from graphspec.diagnostics import Report
from graphspec.graph import Graph

EMITTED = "emitted"
HOWS = ("off", "blocks", "whole")


class Unsuited(Exception):
    """A contestant that has no model of this kind, or whose package is not installed: it is left out, and said so."""


@dataclass(frozen=True)
class Name:
    """`WHAT[@HOW][,KEY=VALUE…]`: `emitted@blocks,fusion=plain`, `models/mine.py@whole`; keys are those of a target."""

    what: str
    how: str
    target: str = ""

    @staticmethod
    def parse(text: str) -> Name | None:
        """None if it is no contestant."""
        head, _, target = text.partition(",")
        what, _, how = head.partition("@")
        own = what == EMITTED
        fits = how in (*HOWS, "") and (own or (what.endswith(".py") and not target))
        return Name(what, how or "off", target) if fits else None

    @property
    def own(self) -> bool:
        return self.what == EMITTED

    def __str__(self) -> str:
        shown = self.what if self.own else Path(self.what).stem
        return f"{shown}{'' if self.how == 'off' else f'@{self.how}'}{f',{self.target}' if self.target else ''}"


@dataclass(frozen=True)
class Contestant:
    """A model in this process, ready to train. `regions`: how many graphs torch.compile may make of it."""

    model: nn.Module
    regions: int
    counted: Counted | None

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        return self.model(**batch)

    @property
    def graphs(self) -> int:
        return self.counted.graphs if self.counted else 0

    @property
    def parameters(self) -> int:
        """Learned numbers; a tensor that is used twice counts once."""
        return sum(it.numel() for it in self.model.parameters() if it.requires_grad)


def graph_of(job: Job) -> Graph:
    return load(job.spec, **job.set).graph


def target_of(job: Job, more: str = "") -> Target:
    """What the emitted model is compiled for: what `graphspec train` takes, but for `more`. Raises `SpecError`."""
    report = Report()
    usual = {"device": job.device, "precision": job.precision, "objective": job.objective}
    usual |= {"returns": "loss", "fusion": "fused"}
    if "memory=" in more:
        usual["at"] = f"({', '.join(f'{name}={size}' for name, size in job.at.items())})"
    unsaid = [f"{key}={value}" for key, value in usual.items() if f"{key}=" not in more]
    target = Target.parse(",".join([*unsaid, *([more] if more else [])]), report)
    report.check()
    return target


def build(name: Name, job: Job, backend: str, seed: int) -> Contestant:
    """The contestant on the job's device. Raises `SpecError`, `Unsuited`, or what an adapter raises."""
    if name.own:
        spec = load(job.spec, **job.set)
        model = compile(spec, target_of(job, name.target), seed=seed, compile=name.how, backend=backend)  # pyright: ignore[reportArgumentType]
        made = model.compilation
        counted = made.counted if made else None  # pyright: ignore[reportAttributeAccessIssue]
        return Contestant(model, made.distinct if made else 0, counted)
    torch.manual_seed(seed)
    model = adapted(Path(name.what), job).to(job.device)
    return Contestant(model, *_sped_up(model, name.how, backend))


def adapted(path: Path, job: Job) -> nn.Module:
    """What the adapter at `path` builds: a module that gives a loss for the inputs of the spec, by their names."""
    adapter = _imported(path)
    graph = graph_of(job)
    numbers = {it.name: it.value for it in graph.settings}
    try:
        model = adapter.build(job.like, numbers, dict(job.at))
    except ModuleNotFoundError as error:
        raise Unsuited(f"`{error.name}` is not installed") from error
    if model is None:
        raise Unsuited(f"it has no model like `{job.like}`" if job.like else "the job does not say `like`")
    wanted = {it.name for it in graph.body.inputs if it.default is None}
    unknown = wanted - set(inspect.signature(model.forward).parameters)
    if unknown:
        raise Unsuited(f"its model does not take {', '.join(f'`{it}`' for it in sorted(unknown))}")
    return model


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader, "the path was looked at before"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _sped_up(model: nn.Module, how: str, backend: str) -> tuple[int, Counted | None]:
    """Whole, or each item of the outermost lists of modules. How many graphs that should give, and who counts them."""
    if how == "off":
        return 0, None
    counted = Counted(backend)
    taken = [model] if how == "whole" else list(turns(model))
    for module in taken:
        module.compile(fullgraph=how == "blocks", backend=counted)
    return len({type(module) for module in taken}), counted


def turns(model: nn.Module) -> Iterator[nn.Module]:
    """The items of the outermost lists of modules."""
    for child in model.children():
        yield from child if isinstance(child, nn.ModuleList | nn.Sequential) else turns(child)
