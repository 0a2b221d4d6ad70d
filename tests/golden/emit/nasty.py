"""A "quoted" \\ title ''' with traps.

Compiled from the spec `transformer` by graphspec 0.1.0 for `device=cpu,precision=fp32,fusion=plain`.

Shapes are noted behind the lines; axes: B batch, T position, F position.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from compiler.runtime import Model, Parameters

D = 8
T = 3
F_VALUE = 2
MODEL = 5
TRANSFORMER = 7
NN = 6
LAMBDA = 2


class TransformerOutput(NamedTuple):
    class_: Tensor  # B T d
    x: Tensor  # B T d
    count: Tensor  # B T d


class ModelBlock(nn.Module):
    """model_block: `x: B T d, F_: B F d -> forward + math`."""

    def __init__(self) -> None:
        super().__init__()
        self._modules["forward"] = nn.Linear(D, D)

    def forward(self, x: Tensor, F_: Tensor) -> Tensor:
        forward = self._modules["forward"](x)  # B T d
        math_ = F_.mean(1)  # B d
        return forward + math_[:, None]  # B T d


class TransformerBlock(nn.Module):
    """Transformer: `x: B T d -> half * t`."""

    def __init__(self) -> None:
        super().__init__()
        self._modules["half"] = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        half = self._modules["half"](x)  # B T d
        return half * T  # B T d


class Transformer(Model):
    """A "quoted" \\ title ''' with traps.

    input: B T d, self: B F d, class: B T d, torch: int B T -> class: B T d, _x: B T d, count: B T d
    """

    def __init__(self) -> None:
        super().__init__()
        self._modules["half"] = nn.Linear(D, D)
        self._modules["type"] = nn.Linear(D, D)
        self._modules["forward"] = ModelBlock()
        self.Tensor = nn.ModuleList(TransformerBlock() for _ in range(2))
        self._parameters["graph"] = nn.Parameter(torch.zeros(D))
        self._modules["capture"] = nn.Embedding(20, D)
        self._modules["state_dict"] = Parameters(bias=D)
        self.len = Parameters(bias=D)

    def forward(self, input: Tensor, self_: Tensor, class_: Tensor, torch_: Tensor) -> TransformerOutput:
        half = self._modules["half"](input)  # B T d
        type_ = self._modules["type"](half)  # B T d
        forward = self._modules["forward"](type_, self_)  # B T d
        Tensor_ = forward
        for layer in self.Tensor:
            Tensor_ = layer(Tensor_)  # B T d
        sum_ = Tensor_ + class_ * F_VALUE + LAMBDA * MODEL + TRANSFORMER + NN  # B T d
        graph = self._parameters["graph"]  # d
        capture = self._modules["capture"](torch_)  # B T d
        state_dict = F.linear(sum_, self._modules["type"].weight, self._modules["state_dict"].bias)  # B T d
        range_ = state_dict.softmax(1) + graph + capture  # B T d
        len_ = F.layer_norm(range_, (D,), bias=self.len.bias, eps=1e-5)  # B T d
        return TransformerOutput(len_, range_, sum_)
