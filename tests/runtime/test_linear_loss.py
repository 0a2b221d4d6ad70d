"""Loss and gradients of `linear_cross_entropy` against torch's own two steps, in pieces of few rows."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from compiler.runtime import linear_cross_entropy, linear_loss

ROWS, WIDTH, CLASSES = 11, 6, 37


@pytest.fixture(autouse=True)
def pieces_of_four_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_loss, "PIECE", 4 * CLASSES)


def given(scale: float = 1.0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(3)
    shapes = {"x": (ROWS, WIDTH), "weight": (CLASSES, WIDTH), "bias": (CLASSES,)}
    return {name: (scale * torch.randn(shape, generator=draw)).requires_grad_() for name, shape in shapes.items()}


def both(
    tensors: Mapping[str, Tensor], labels: Tensor, slope: float = 1.0, smoothing: float = 0.0
) -> list[tuple[Tensor, ...]]:
    """Loss and gradients of torch's two steps, and of ours."""
    x, weight, bias = tensors["x"], tensors["weight"], tensors.get("bias")
    losses = (
        F.cross_entropy(F.linear(x, weight, bias), labels, label_smoothing=smoothing),
        linear_cross_entropy(x, labels, weight, bias, label_smoothing=smoothing),
    )
    return [(loss, *torch.autograd.grad(slope * loss, list(tensors.values()))) for loss in losses]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("slope", [1.0, -2.5])
@pytest.mark.parametrize("biased", [True, False])
def test_the_same_as_in_two_steps(smoothing: float, slope: float, biased: bool) -> None:
    labels = torch.randint(CLASSES, (ROWS,), generator=torch.Generator().manual_seed(5))
    labels[[0, 7]] = -100
    tensors = {name: it for name, it in given().items() if biased or name != "bias"}
    torch.testing.assert_close(*both(tensors, labels, slope, smoothing))


def test_a_wanted_class_that_is_hopeless() -> None:
    """Its probability is zero in fp32, its loss is not."""
    tensors = given(20.0)
    labels = F.linear(tensors["x"], tensors["weight"], tensors["bias"]).argmin(-1)
    torch_s, ours = both(tensors, labels)
    assert torch_s[0] > 500
    torch.testing.assert_close(torch_s, ours)


def test_labels_of_which_none_counts() -> None:
    """torch gives no number for the loss, and zeros for the gradients."""
    torch_s, ours = both(given(), torch.full((ROWS,), -100))
    torch.testing.assert_close(torch_s, ours, equal_nan=True)
    assert ours[0].isnan() and not ours[2].any()


def test_no_rows_at_all() -> None:
    tensors = {**given(), "x": torch.zeros(0, WIDTH, requires_grad=True)}
    torch.testing.assert_close(*both(tensors, torch.zeros(0, dtype=torch.long)), equal_nan=True)


def test_gradients_twice() -> None:
    """The gradients that are kept are not those that are handed out and added to."""
    tensors = given()
    loss = linear_cross_entropy(tensors["x"], torch.zeros(ROWS, dtype=torch.long), tensors["weight"], tensors["bias"])
    for times in (1, 2):
        loss.backward(retain_graph=True)
        grad = tensors["weight"].grad
        assert grad is not None
        if times == 1:
            once = grad.clone()
    torch.testing.assert_close(grad, 2 * once)  # pyright: ignore[reportPossiblyUnboundVariable]


def test_fp16_has_room_for_the_mean_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of one row among thousands is scaled in fp32: in fp16 small features would lose their digits."""
    monkeypatch.setattr(linear_loss, "multiplied_in", lambda kind, device: kind)
    monkeypatch.setattr(linear_loss, "PIECE", 1 << 24)
    draw = torch.Generator().manual_seed(1)
    x = 1e-3 * torch.randn(4000, WIDTH, generator=draw)
    tensors = {"x": x.requires_grad_(), "weight": given()["weight"]}
    labels = torch.randint(CLASSES, (4000,), generator=draw)
    exact, _ = both(tensors, labels)
    with torch.autocast("cpu", torch.float16):
        _, ours = both(tensors, labels)
    torch.testing.assert_close(ours[2], exact[2], rtol=0, atol=0.01 * exact[2].abs().max().item())


@pytest.mark.parametrize(("quicker", "close"), [(torch.float32, 1e-6), (torch.bfloat16, 0.02)])
def test_rounded(monkeypatch: pytest.MonkeyPatch, quicker: torch.dtype, close: float) -> None:
    """Under autocast: of fp32 where that is quicker, then nothing is rounded; else as near to it as two steps are."""
    monkeypatch.setattr(linear_loss, "multiplied_in", lambda kind, device: quicker)
    tensors, labels = given(), torch.arange(ROWS)
    exact, _ = both(tensors, labels)
    with torch.autocast("cpu", torch.bfloat16):
        _, ours = both(tensors, labels)
    for one, other in zip(exact, ours, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0, atol=close * one.abs().max().item())
