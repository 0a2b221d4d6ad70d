"""The bound: the matrix products of a step, forward and backward, alone, one after the other.

They are recorded from the emitted model, shapes, layouts and types, and run again on tensors of their own. A kernel of
attention counts as one product, for its products happen within it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "convolution", "convolution_backward", "_grouped_mm")
INTO = ("mm", "addmm", "bmm", "baddbmm")
"""Products that are written into a tensor that is there already."""


def is_product(name: str) -> bool:
    return name in PRODUCTS or name.startswith("_scaled_dot_product_")


@dataclass(frozen=True)
class Shape:
    """A tensor, without its values."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


@dataclass
class Products(TorchDispatchMode):
    """Records the products of what runs inside."""

    found: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if is_product(func._schema.name.partition("::")[2]):
            self.found.append((func, _map(args, _shape), _map(kwargs or {}, _shape), _map(made, _shape)))
        return made

    def replayed(self, device: str) -> Callable[[], None]:
        """The products alone, as a function."""
        pool: dict[tuple[Shape, int], Tensor] = {}
        calls: list[Callable[[], object]] = []
        for func, args, kwargs, made in self.found:
            counter = iter(range(1 << 30))

            def real(shape: Shape, counter: Any = counter) -> Tensor:
                key = (shape, next(counter))
                if key not in pool:
                    pool[key] = _tensor(shape, device)
                return pool[key]

            given, named = _map(args, real, Shape), _map(kwargs, real, Shape)
            if func._schema.name.partition("::")[2] in INTO:
                func, named = func.overloadpacket, {**named, "out": real(made)}
            calls.append(lambda f=func, a=given, k=named: f(*a, **k))

        def run() -> None:
            for call in calls:
                call()

        return run


def _shape(tensor: Tensor) -> Shape:
    return Shape(tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)


def _tensor(shape: Shape, device: str) -> Tensor:
    """Random numbers in the layout of a tensor; whole numbers (seeds, offsets) are zero."""
    length = 1 + sum((size - 1) * stride for size, stride in zip(shape.size, shape.stride, strict=True))
    made = torch.zeros(max(length, 0), dtype=shape.dtype, device=device)
    if made.is_floating_point():
        made.normal_()
    return made.as_strided(shape.size, shape.stride)


def _map(value: Any, change: Callable[[Any], Any], kind: type = Tensor) -> Any:
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(_map(item, change, kind) for item in value)
    if isinstance(value, dict):
        return {key: _map(item, change, kind) for key, item in value.items()}
    return value
