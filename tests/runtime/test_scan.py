"""Linear recurrences, all places at once: exact, stable where decays vanish, with gradients that are scans again."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from compiler.runtime import linear_scan


def one_by_one(drive: Tensor, decay: Tensor, start: Tensor | None = None) -> Tensor:
    """Along the second axis."""
    state = torch.zeros_like(drive[:, 0]) if start is None else start
    made = []
    for t in range(drive.shape[1]):
        state = decay[:, t] * state + drive[:, t]
        made.append(state)
    return torch.stack(made, 1)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 100])
def test_any_length(length: int) -> None:
    drive, decay, start = random(2, length, 3), random(2, length, 3, seed=1), random(2, 3, seed=2)
    torch.testing.assert_close(linear_scan(drive, decay, dim=1), one_by_one(drive, decay))
    started = linear_scan(drive, decay, start[:, None], dim=1)
    torch.testing.assert_close(started, one_by_one(drive, decay, start))
    back = linear_scan(drive, decay, start[:, None], dim=1, reverse=True)
    torch.testing.assert_close(back, one_by_one(drive.flip(1), decay.flip(1), start).flip(1))


def test_nothing_at_all() -> None:
    assert linear_scan(torch.zeros(2, 0, 3), torch.zeros(2, 0, 3), torch.zeros(2, 1, 3), dim=1).shape == (2, 0, 3)


def test_decays_of_zero_and_products_that_vanish() -> None:
    """A form that divides by products of decays gives infinities here."""
    drive = random(1, 512, 2).float()
    for decay in (torch.zeros(1, 512, 2), torch.full((1, 512, 2), 1e-4), (random(1, 512, 2, seed=1) > 0).float()):
        decay = decay.requires_grad_()
        made = linear_scan(drive, decay, dim=1)
        torch.testing.assert_close(made, one_by_one(drive, decay))
        made.sum().backward()
        assert decay.grad is not None
        assert decay.grad.isfinite().all()


def test_half_precision_keeps_what_many_small_terms_add_up_to() -> None:
    drive, decay = torch.full((1, 4096, 1), 1e-3), torch.ones(1, 1, 1)
    made = linear_scan(drive.bfloat16(), decay.bfloat16(), dim=1)
    assert made.dtype == torch.bfloat16
    assert made[0, -1, 0].item() == pytest.approx(4.096, rel=0.01)
    assert one_by_one(drive.bfloat16(), decay.bfloat16().expand(1, 4096, 1))[0, -1, 0].item() < 1


SHAPES = {"drive": (2, 5, 3), "decay": (2, 5, 3), "same everywhere": (1, 1, 1), "of features": (3,), "in time": (5, 1)}


@pytest.mark.parametrize("decays", [*SHAPES][1:])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients(decays: str, reverse: bool) -> None:
    """Of both, and of the gradients again."""
    drive, decay = random(*SHAPES["drive"]).requires_grad_(), random(*SHAPES[decays], seed=1).requires_grad_()
    start = random(2, 1, 3, seed=2).requires_grad_()

    def scan(*tensors: Tensor) -> Tensor:
        return linear_scan(*tensors, dim=1, reverse=reverse)

    assert torch.autograd.gradcheck(scan, (drive, decay, start))
    assert torch.autograd.gradgradcheck(scan, (drive, decay, start))


def test_only_decays_and_results_are_kept_for_the_gradient() -> None:
    kept: list[int] = []
    drive, decay = random(2, 1024, 3).requires_grad_(), random(2, 1024, 3, seed=1).requires_grad_()

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        linear_scan(drive, decay, dim=1)
    assert sum(kept) == 2 * drive.numel()


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch warns of itself
def test_it_is_one_graph_when_compiled() -> None:
    torch._dynamo.reset()
    drive, decay = random(2, 9, 3).requires_grad_(), random(2, 9, 3, seed=1).requires_grad_()
    compiled = torch.compile(linear_scan, backend="aot_eager", fullgraph=True)
    results = []
    for function in (compiled, linear_scan):
        made = function(drive, decay, dim=1)
        results.append((made, *torch.autograd.grad(made.square().sum(), (drive, decay))))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_it_can_be_mapped_over_a_batch() -> None:
    drive, decay = random(4, 6, 3), random(4, 6, 3, seed=1)
    mapped = torch.func.vmap(lambda x, a: linear_scan(x, a, dim=0))(drive, decay)
    torch.testing.assert_close(mapped, linear_scan(drive, decay, dim=1))
