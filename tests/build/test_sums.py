"""Rows are added where their sum is wanted: as numbers the same, and no table of zeros is made for them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from compiler.build.sums import ATEN, SCATTERS, scatter_into_sums
from tests.build.graphs import backend


class Tied(nn.Module):
    """One table for `lookups` embeddings and, if `projects`, the projection."""

    def __init__(self, lookups: int = 1, projects: bool = True, kind: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(20, 8, dtype=kind))
        self.lookups, self.projects = lookups, projects

    def forward(self, tokens: Tensor) -> Tensor:
        y = torch.stack([F.embedding(tokens.roll(turn, -1), self.table) for turn in range(self.lookups)]).sum(0)
        y = F.linear(y.tanh(), self.table) if self.projects else y
        return y.float().square().mean()


def compiled(model: nn.Module, tokens: Tensor) -> tuple[Tensor, fx.Graph]:
    """The gradient of the table, and the backward graph."""
    found: list[fx.Graph] = []
    torch.compiler.reset()
    model.zero_grad()
    torch.compile(model, backend=backend(scatter_into_sums, found), fullgraph=True)(tokens).backward()
    gradient = model.get_parameter("table").grad
    assert gradient is not None
    return gradient.clone(), found[-1]


def zeros(graph: fx.Graph, *shape: int) -> int:
    """How many tables of zeros are made."""
    return sum(it.target is ATEN.full.default and it.args[0] == list(shape) and bool(it.users) for it in graph.nodes)


@pytest.mark.parametrize(
    "lookups, projects, left",
    [(1, True, 0), (2, True, 0), (2, False, 1), (1, False, 1)],
    ids=["tied", "twice and tied", "twice", "alone"],
)
def test_rows_are_added_to_the_other_gradient(lookups: int, projects: bool, left: int) -> None:
    """All of them, whatever their order, so that at most one table begins as zeros."""
    torch.manual_seed(0)
    model, tokens = Tied(lookups, projects), torch.randint(0, 20, (3, 5))
    model(tokens).backward()
    exact = model.table.grad
    assert exact is not None
    found, graph = compiled(model, tokens)
    torch.testing.assert_close(found, exact)
    assert zeros(graph, 20, 8) == left
    assert sum(node.target in SCATTERS for node in graph.nodes) == lookups


def test_rounded_numbers_are_summed_before_they_are_added() -> None:
    """A bf16 sum depends on its order too much."""
    model = Tied(kind=torch.bfloat16)
    _, graph = compiled(model, torch.randint(0, 20, (3, 5)))
    assert zeros(graph, 20, 8) == 1


def test_what_is_read_elsewhere_stays_as_it_is() -> None:
    def function(table: Tensor, rows: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        other = table.exp()
        return other + torch.zeros_like(table).index_put((at,), rows, accumulate=True), other.sin()

    found: list[fx.Graph] = []
    table, rows, at = torch.randn(6, 2), torch.randn(4, 2), torch.tensor([1, 1, 5, 0])
    torch.compiler.reset()
    made = torch.compile(function, backend=backend(scatter_into_sums, found), fullgraph=True)(table, rows, at)
    torch.testing.assert_close(made, function(table, rows, at))
    assert zeros(found[0], 6, 2) == 1
