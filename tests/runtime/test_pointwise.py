"""The forms that are compiled against torch's own functions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from compiler.runtime import gelu_by_sigmoid, relu_by_sign


def gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


@pytest.mark.parametrize("how", ["eager", "aot_eager"])
@pytest.mark.parametrize(("ours", "theirs"), [(relu_by_sign, F.relu), (gelu_by_sigmoid, gelu)], ids=["relu", "gelu"])
def test_values_and_gradients(how: str, ours: Callable[[Tensor], Tensor], theirs: Callable[[Tensor], Tensor]) -> None:
    torch.compiler.reset()
    function = ours if how == "eager" else torch.compile(ours, backend=how, fullgraph=True)
    found: list[tuple[Tensor, Tensor]] = []
    for one in (function, theirs):
        x = torch.tensor([-200.0, -3.0, -1.0, -1e-20, -0.0, 0.0, 1e-20, 0.5, 2.0, 50.0], requires_grad=True)
        y = one(x)
        y.backward(torch.linspace(1, 2, len(x)))
        found.append((y, x.grad))  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(*found)
