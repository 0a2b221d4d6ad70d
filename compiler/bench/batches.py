"""What the models learn from: random inputs of the spec, the same for every contestant."""

from __future__ import annotations

import torch
from torch import Tensor

from compiler.bench.contestants import graph_of, target_of
from compiler.bench.job import Job
from compiler.passes.add_objective import add_objective
from graphspec.analysis.cost import Costs
from graphspec.graph import Graph, Input

DIFFERENT = 8
"""Batches are drawn anew until then, and come again in turn."""


def batches(job: Job, seed: int) -> list[dict[str, Tensor]]:
    """Batches at the job's sizes, labels of the objective included; inputs that have a default are left out."""
    graph = add_objective(graph_of(job), target_of(job))
    draw = torch.Generator().manual_seed(seed)
    needed = [it for it in graph.body.inputs if it.default is None]
    return [{it.name: _drawn(it, graph, job, draw) for it in needed} for _ in range(DIFFERENT)]


def tokens(job: Job) -> int:
    """How many positions of the first output a step learns from."""
    graph = graph_of(job)
    given = graph.body.type_of(graph.body.outputs[0][1])
    found = 1
    for size in given.sizes[:-1]:
        found *= Costs(graph).at(size, job.at) or 1
    return found


def _drawn(source: Input, graph: Graph, job: Job, draw: torch.Generator) -> Tensor:
    costs = Costs(graph)
    shape = [costs.at(size, job.at) or 0 for size in source.type.sizes]
    match source.type.dtype:
        case "float":
            made = torch.randn(shape, generator=draw)
        case "bool":
            made = torch.ones(shape, dtype=torch.bool)
        case _ if source.below is None:
            made = _documents(shape)
        case _:
            made = _words(shape, costs.number(source.below), draw)
    return made.to(job.device)


def _documents(shape: list[int]) -> Tensor:
    """Which of four documents of equal length a position belongs to: what unbounded whole numbers are taken for."""
    length = shape[-1] if shape else 1
    return (torch.arange(length) * 4 // length).expand(shape).clone()


def _words(shape: list[int], below: int, draw: torch.Generator) -> Tensor:
    """Whole numbers of which small ones are frequent, as words are: something to learn from the first step on."""
    return (below * torch.rand(shape, generator=draw) ** 4).long().clamp(max=below - 1)
