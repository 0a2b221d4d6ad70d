"""The two modules of a run: one learns and has a loss, the other answers, on the same tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compiler.build import compile
from compiler.target import Objective, Target
from compiler.train.patterns import learns
from compiler.train.recipe import LONGEST, Recipe
from compiler.train.tasks import Task
from graphspec import Spec
from graphspec.graph import Graph


@dataclass(frozen=True)
class Models:
    """`learner` gives the loss alone, `answerer` the outputs of the spec."""

    learner: nn.Module
    answerer: nn.Module
    labels: str
    output: str

    @property
    def source(self) -> str:
        """The text that runs while training."""
        return str(self.learner.source)

    def loss(self, inputs: Mapping[str, Tensor], labels: Tensor | None) -> Tensor:
        """The mean loss of a batch. `labels`: as in `Batch`."""
        wanted = {} if labels is None else {self.labels: labels}
        return self.learner(**inputs, **wanted)

    def answer(self, **inputs: Tensor) -> Tensor:
        """The logits [batch, …, choices]."""
        return only(self.answerer(**inputs), self.output)


def build(spec: Spec, task: Task, recipe: Recipe, device: torch.device) -> Models:
    """Both modules on a device. Raises `SpecError` if the objective does not suit the spec."""
    labels = _free("labels", spec.graph)
    goal = objective(task, labels, recipe.smoothing)
    at = _longest_batch(spec.graph, recipe) if recipe.memory else ""
    target = Target(
        device=_word(device),
        precision=recipe.precision,
        objective=goal,
        fusion=recipe.fusion,
        returns="loss",
        memory=recipe.memory,
        at=at,
    )
    learner = compile(spec, target=target, seed=recipe.seed, compile=recipe.compile).to(device)
    freeze(learner, recipe.trainable)
    answerer = answering(spec, recipe, device)
    # Both hold the same storage from here on: what the learner learns, the answerer knows.
    answerer.load_state_dict(learner.state_dict(), assign=True)
    return Models(learner, answerer, labels, task.output)


def freeze(model: nn.Module, rules: Mapping[str, bool]) -> None:
    """Let only those tensors learn that the last rule which fits them says."""
    for name, tensor in model.named_parameters():
        tensor.requires_grad_(learns(rules, name, tensor.requires_grad))


def _longest_batch(graph: Graph, recipe: Recipe) -> str:
    """The sizes of the largest batch that the recipe allows."""
    open_ = [axis for axis in graph.axes if axis.size is None]
    sizes = {it.name: recipe.batch.size if it.role == "batch" else recipe.batch.longest or LONGEST for it in open_}
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


def answering(spec: Spec, recipe: Recipe, device: torch.device) -> nn.Module:
    """The module without an objective, in evaluation mode."""
    target = Target(device=_word(device), precision=recipe.precision)
    return compile(spec, target=target, seed=recipe.seed).to(device).eval()


def objective(task: Task, labels: str, smoothing: float) -> Objective:
    """What the task minimises; padding counts for nothing."""
    if task.labelled:
        return Objective("cross_entropy", task.output, labels, smoothing=smoothing)
    return Objective("next_token", task.output, task.wanted.name, task.wanted.marks.pad, smoothing)


def only(outputs: Any, name: str) -> Tensor:
    """One output of a model that may have several."""
    return outputs if isinstance(outputs, Tensor) else getattr(outputs, name)


def _free(name: str, graph: Graph) -> str:
    """A name that no input and no node has."""
    taken = {it.name for it in graph.body.inputs} | {it.name for it in graph.body.nodes}
    while name in taken:
        name += "_"
    return name


def _word(device: torch.device) -> Any:
    return device.type
